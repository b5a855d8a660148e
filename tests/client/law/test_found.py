"""What the machine has found, as it shrank it. Each script failed once; each is mended and must stay so."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from .flavour import OPEN_WEBUI_6, OPEN_WEBUI_12, OURS, Flavour
from .stage import Step, play

EVERYWHERE = (OURS, OPEN_WEBUI_12, OPEN_WEBUI_6)

FOUND: dict[str, tuple[Sequence[Flavour], list[Step]]] = {
    "a post that was carried out late and told while we waited to repeat it is not repeated": (
        (OPEN_WEBUI_12, OPEN_WEBUI_6),
        [("a_change_goes_wrong", 5, 0), ("we_send", 0, 0), ("time_passes", 0, 0)],
    ),
    "a message counts as unread once, though a list knew it before its event came": (
        EVERYWHERE,
        [("ann_deletes", 0, 0), ("things_are_slow", 2, 0), ("ann_posts", 4, 0)],
    ),
    "a channel marked as read before its list came is shown as read": (
        EVERYWHERE,
        [("we_start_cold", 0, 0), ("time_passes", 3, 0), ("we_mark_read", 0, 0)],
    ),
    "a channel marked as read while the server was away is shown as read": (
        EVERYWHERE,
        [("the_server_stops", 0, 0), ("we_mark_read", 1, 0)],
    ),
    "what is posted while a read mark is under way is read on our server, and shown so": (
        (OURS,),
        [("ann_removes_a_channel", 0, 0), ("ann_posts", 0, 0), ("we_mark_read", 0, 0)],
    ),
    "a reply in a thread is a channel's last message on Open WebUI and not on ours": (
        EVERYWHERE,
        [("we_reply", 0, 0), ("we_look_at", 0, 0)],
    ),
    "a deleted message is no longer a channel's last one, nor unread": (
        EVERYWHERE,
        [("ann_deletes", 0, 0), ("ann_deletes", 4, 1)],
    ),
    "a thread that goes with its root was a channel's last message": (
        (OPEN_WEBUI_12,),
        [("ann_replies", 0, 2), ("we_delete", 0, 0)],
    ),
    "a question that was taken, though its answer got lost, is not shown as failed": (
        EVERYWHERE,
        [
            ("we_ask", 0, 0),
            ("time_passes", 3, 0),
            ("a_change_goes_wrong", 1, 0),
            ("we_ask", 1, 0),
            ("time_passes", 0, 0),
        ],
    ),
    "a question that was taken while another answer is written is not shown as failed": (
        EVERYWHERE,
        [("a_change_goes_wrong", 1, 0), ("we_ask_elsewhere", 0, 0), ("we_ask", 1, 0), ("time_passes", 2, 0)],
    ),
    "a chat that is gone on Open WebUI, which says 401 to that, is written no more": (
        (OPEN_WEBUI_12, OPEN_WEBUI_6),
        [
            ("we_ask", 0, 0),
            ("time_passes", 1, 0),
            ("the_line_is_cut", 0, 0),
            ("we_delete_a_chat_elsewhere", 0, 0),
        ],
    ),
    "a title told while the chat was being fetched stays": (
        EVERYWHERE,
        [("we_ask", 0, 0), ("time_passes", 3, 0), ("we_rename_a_chat_elsewhere", 0, 0)],
    ),
    "a title told before a slow answer stays": (
        (OPEN_WEBUI_12,),
        [("we_ask", 0, 0), ("time_passes", 3, 0), ("things_are_slow", 0, 2)],
    ),
    "two answers at once in one chat, asked here and elsewhere, both end whole": (
        EVERYWHERE,
        [("answers_will_be", 2, 4), ("we_ask_elsewhere", 0, 0), ("we_ask", 1, 0)],
    ),
    "an answer with a hole in it ends whole, although it fails": (
        (OURS, OPEN_WEBUI_12),
        [
            ("the_line_is_cut", 0, 0),
            ("answers_will_be", 5, 9),
            ("we_ask_elsewhere", 0, 0),
            ("we_look_at", 0, 2),
        ],
    ),
    "a chat whose answer has ended moves to the front, though 0.6.41 tells nothing of its list": (
        EVERYWHERE,
        [("we_ask", 0, 0)],
    ),
    "a chat renamed here moves to the front, though Open WebUI tells nobody": (
        EVERYWHERE,
        [("we_ask_elsewhere", 0, 0), ("time_passes", 5, 0), ("we_rename_a_chat", 0, 0)],
    ),
    "a channel that is shown is opened again when we are let into it again": (
        EVERYWHERE,
        [
            ("we_look_at", 0, 4),
            ("time_passes", 3, 0),
            ("ann_lets_us_in_or_out", 0, 0),
            ("ann_lets_us_in_or_out", 0, 0),
        ],
    ),
    "a socket that opens too late, so that polling is tried, brings no event a second time": (
        (OURS,),
        [
            ("we_start_cold", 0, 0),
            ("things_are_slow", 3, 0),
            ("time_passes", 7, 0),
            ("ann_posts", 0, 0),
        ],
    ),
    "a message deleted before its sending was confirmed is taken from the view": (
        EVERYWHERE,
        [("we_send", 0, 0), ("time_passes", 1, 0), ("we_delete", 0, 0)],
    ),
    "a title given here stays, though an older document is on its way": (
        EVERYWHERE,
        [
            ("time_passes", 6, 0),
            ("we_ask_elsewhere", 0, 0),
            ("we_rename_a_chat", 0, 0),
            ("we_look_at", 0, 2),
        ],
    ),
    "a message that quotes what is not held shows its quote, whichever of its accounts comes first": (
        EVERYWHERE,
        [("we_send", 0, 39), ("time_passes", 1, 0), ("the_line_is_cut", 1, 0)],
    ),
    "a client closed at the moment at which its line is cut comes to its end": (
        EVERYWHERE,
        [("we_start_anew", 0, 0), ("the_line_is_cut", 1, 0), ("we_start_anew", 0, 0)],
    ),
    "a chat that is completed after a silent line moves to the front": (
        EVERYWHERE,
        [("the_line_dies_silently", 0, 0), ("we_ask", 0, 0)],
    ),
}


@pytest.mark.parametrize("what", FOUND)
def test_what_was_found_stays_mended(what: str) -> None:
    """A script that once broke the law keeps it."""
    flavours, script = FOUND[what]
    for flavour in flavours:
        play(flavour, script)
