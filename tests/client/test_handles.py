"""Handles: the same one for the same id, and no more of them than are of use."""

from __future__ import annotations

import gc

from tests.client.hands import QUICK
from tests.client.peer import serving, until

from antiphon import Client
from antiphon.client.handles import MOST_IDLE, Handles


class Thing:
    """Something with an id."""

    def __init__(self, id_: str) -> None:
        self.id = id_


def things(*in_use: str, most_idle: int = 8) -> Handles[Thing]:
    """Make handles of which some are in use."""
    return Handles(Thing, lambda id_, _: id_ in in_use, most_idle)


def test_the_same_id_gives_the_same_handle() -> None:
    """Two callers mean the same channel."""
    handles = things()
    assert handles.of("a") is handles.of("a")
    assert handles.get("b") is None
    assert handles.get(None) is None


def test_idle_handles_are_bounded_and_the_latest_stay() -> None:
    """A client that visits a thousand channels does not hold a thousand."""
    handles = things()
    for n in range(1000):
        handles.of(str(n))
        assert len(handles) <= 8
    gc.collect()
    assert {id_ for id_, _ in handles.items()} <= {str(n) for n in range(990, 1000)}
    assert handles.get("999") is not None


def test_what_is_in_use_outlives_any_number_of_others() -> None:
    """What a window shows or a subscriber follows is never dropped, and does not push out the idle."""
    handles = things("shown", "followed")
    shown, followed = handles.of("shown").id, handles.of("followed").id
    for n in range(100):
        handles.of(str(n))
    gc.collect()
    assert {shown, followed} <= {id_ for id_, _ in handles.items()}


def test_a_handle_that_somebody_holds_stays_the_one_of_its_id() -> None:
    """A bot that kept a channel goes on with the same one, however many came after it."""
    handles = things()
    held = handles.of("held")
    for n in range(100):
        handles.of(str(n))
    gc.collect()
    assert handles.get("held") is held
    assert handles.of("held") is held


async def test_a_client_lets_go_of_channels_and_keeps_those_with_a_subscriber_or_a_message() -> None:
    """W-62: a client that runs for months is no bigger than what it is used for."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        heard: list[object] = []
        client.channel("c").timeline.subscribe(heard.append)
        sending = client.channel("nowhere").send("refused, and waits for its author")
        await until(lambda: sending.state == "failed")
        client.open_window().show_chat("shown")
        shown = id(client.chat("shown"))
        for n in range(2 * MOST_IDLE):
            client.channel(f"other {n}")
            client.chat(f"other {n}")
        gc.collect()
        assert len(client._parts.channels.handles.items()) <= MOST_IDLE + 2
        assert len(client._parts.chats.handles.items()) <= MOST_IDLE + 1
        assert id(client.chat("shown")) == shown
        assert [row.state for row in client.channel("nowhere").timeline.rows()] == ["failed"]
        await peer.tell("message", peer.add_message("heard"), temp_id=None)
        await until(lambda: len(heard) == 1)
