"""Scripts as hypothesis makes them: lists of steps, each a name of `Acts` and two numbers.

A script is about one theme, so that what happens in it happens to the same things; one theme is everything.
"""

from __future__ import annotations

import inspect
from random import Random

from hypothesis import strategies as st

from .acts import Acts
from .stage import Step

MOST_STEPS = 24
MOST_NUMBER = 63

_LINE = ["the_line_is_cut", "the_line_dies_silently", "things_are_slow"]
_MISHAPS = [*_LINE, "a_fetch_goes_wrong", "a_change_goes_wrong"]
_OTHERS = ["ann_posts", "ann_edits", "ann_deletes", "ann_reacts", "ann_pins", "ann_replies"]
_ELSEWHERE = ["we_post_elsewhere", "we_edit_elsewhere", "we_delete_elsewhere", "we_react_elsewhere",
              "we_pin_elsewhere", "we_reply_elsewhere"]  # fmt: skip
_NETWORK = [
    *_MISHAPS, "the_network_goes", "the_network_returns", "the_server_stops", "the_server_returns",
    "we_are_thrown_out", "joins_are_not_answered", "sockets_are_blocked", "the_machine_sleeps", "we_hurry",
]  # fmt: skip

EVERYTHING = [
    name
    for name, _ in inspect.getmembers(Acts, inspect.isfunction)
    if not name.startswith("_") and name not in {"begin", "do", "we_start_cold", "time_passes"}
]
THEMES: dict[str, list[str]] = {
    "pages": [
        "we_scroll_back", "we_scroll_back", "we_scroll_back", "we_look_at", "we_look_away", "ann_posts_much",
        "we_open_a_thread",
        "ann_deletes", "ann_deletes", "ann_edits", "ann_reacts", "ann_pins", "ann_posts", "ann_replies",
        "things_are_slow", "the_line_is_cut", "the_line_is_cut", "a_fetch_goes_wrong", "time_passes",
    ],
    "messages": [
        *_OTHERS, *_OTHERS, *_ELSEWHERE, *_MISHAPS, *_LINE, "we_look_at", "we_look_at", "we_look_away",
        "we_scroll_back", "we_stall", "we_stall", "ann_posts_much", "events_come_twice", "a_fetch_goes_wrong",
        "we_open_a_thread", "we_open_a_thread", "ann_replies",
    ],
    "sending": [
        "we_open_a_thread", "we_send", "we_send", "we_send", "we_reply", "a_change_goes_wrong",
        "a_change_goes_wrong", *_NETWORK, "ann_posts", "ann_deletes", "we_post_elsewhere",
        "we_edit_elsewhere", "we_delete_elsewhere", "we_look_at", "we_try_again", "we_give_up",
        "ann_removes_a_channel", "ann_lets_us_in_or_out",
    ],
    "changes": [
        "we_edit", "we_delete", "we_react", "we_unreact", "we_pin", "we_edit", "we_delete", "we_react",
        "we_open_a_thread", *_OTHERS, *_ELSEWHERE, *_MISHAPS, "a_change_goes_wrong", "we_send",
        "we_look_at",
    ],
    "lists": [
        "we_turn_to", "we_mark_read", "we_look_at", "we_read_elsewhere", "we_mute_elsewhere",
        "we_hide_elsewhere", "ann_posts", "ann_posts", "ann_deletes", "ann_replies", "we_send",
        "we_post_elsewhere", "ann_makes_a_channel", "ann_renames_a_channel", "ann_removes_a_channel",
        "ann_lets_us_in_or_out", "ann_opens_the_conversation", *_MISHAPS, "a_fetch_goes_wrong",
        "events_come_twice",
    ],
    "chats": [
        "we_ask", "we_ask", "we_ask_elsewhere", "we_ask_elsewhere", "we_stop", "we_look_at", "we_look_at",
        "we_rename_a_chat", "we_rename_a_chat_elsewhere", "we_delete_a_chat",
        "we_delete_a_chat_elsewhere", "we_read_a_chat", "we_read_a_chat_elsewhere", "answers_will_be",
        "answers_will_be", *_MISHAPS, *_LINE, "the_server_stops", "the_server_returns",
        "events_come_twice", "we_look_away", "we_stall", "we_stall",
    ],
    "link": [
        "we_stall", *_NETWORK, *_NETWORK, "ann_posts", "ann_edits", "ann_types", "ann_types", "we_send",
        "we_type", "we_look_at", "we_turn_to", "we_ask_elsewhere", "ann_makes_a_channel",
    ],
    "restarts": [
        "we_send", "we_send", "we_send", "we_send", "we_reply", "we_are_killed", "we_are_killed",
        "we_are_killed", "we_start_anew", "a_change_goes_wrong", "a_change_goes_wrong", "the_line_is_cut",
        "things_are_slow", "the_server_stops", "the_server_returns", "we_try_again", "we_give_up",
        "ann_posts", "ann_lets_us_in_or_out", "we_post_elsewhere", "we_look_at", "we_ask", "we_edit",
        "we_open_a_thread",
    ],
    "everything": EVERYTHING,
}  # fmt: skip

DURABLE = {"restarts"}
"""Themes that are played with the account's file on the disk."""

COLD: Step = ("we_start_cold", 0, 0)
SLOW: Step = ("things_are_slow", 0, 2)
"""From the beginning answers are late, and what is told overtakes them."""
NUMBERS = st.integers(0, MOST_NUMBER)


def scripts(theme: str) -> st.SearchStrategy[list[Step]]:
    """Give the scripts about a theme; a quarter of the steps lets time pass, some begin without a link."""
    names = THEMES[theme]
    step = st.tuples(st.sampled_from(["time_passes"] * (len(names) // 3) + names), NUMBERS, NUMBERS)
    beginning: st.SearchStrategy[list[Step]] = st.sampled_from([[], [], [COLD], [SLOW]])
    return st.builds(list.__add__, beginning, st.lists(step, min_size=1, max_size=MOST_STEPS))


def random_script(theme: str, random: Random) -> list[Step]:
    """Give a script without hypothesis, which is quicker and does not shrink."""
    names = THEMES[theme]
    choice = ["time_passes"] * (len(names) // 3) + names
    beginning: list[Step] = random.choice([[], [], [COLD], [SLOW]])
    steps = [
        (random.choice(choice), random.randint(0, MOST_NUMBER), random.randint(0, MOST_NUMBER))
        for _ in range(random.randint(1, MOST_STEPS))
    ]
    return [*beginning, *steps]
