"""Every message once and in order, whatever happens to the link meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.client.hands import QUICK
from tests.client.peer import Peer, ok, serving, until

from antiphon import Client
from antiphon.client import LinkState
from antiphon.client.bots import every_message
from antiphon.client.bots.every_message import MessageFeed
from antiphon.client.bots.heard import MARGIN, Heard, Mark
from antiphon.wire import Message

DELAYS = replace(QUICK, random=lambda: 0.0)


@asynccontextmanager
async def listening(
    peer: Peer, **options: Any
) -> AsyncIterator[tuple[Client, MessageFeed, list[tuple[str, str]]]]:
    """Listen with a client of the peer's; what was heard is collected as text and origin."""
    heard: list[tuple[str, str]] = []

    def take(one: Heard) -> None:
        heard.append((one.message.content, one.origin))

    async with Client(peer.url, token="token-me", delays=DELAYS, durable=False) as client:
        feed = MessageFeed(client, take, **options)
        task = asyncio.create_task(feed.run())
        try:
            await client.live()
            await feed.ready.wait()
            yield client, feed, heard
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def texts(heard: list[tuple[str, str]]) -> list[str]:
    """Give what was heard, without how."""
    return [text for text, _ in heard]


def down(client: Client) -> Callable[[], bool]:
    """Tell whether the link is lost."""
    return lambda: client.link.value.state in {LinkState.WAITING, LinkState.CONNECTING}


async def test_what_was_there_before_is_not_told_and_what_comes_is() -> None:
    """A listener begins with the next message."""
    async with serving() as peer:
        peer.add_message("old")
        async with listening(peer) as (_, _, heard):
            await peer.tell("message", peer.add_message("new"))
            await until(lambda: heard)
            assert heard == [("new", "live")]


async def test_what_came_during_an_outage_is_told_once_in_order_and_before_what_is_newer() -> None:
    """Five messages while the server is away, one the moment it is back: six, in the order of the server."""
    async with serving() as peer, listening(peer) as (client, _, heard):
        await peer.tell("message", peer.add_message("before"))
        await until(lambda: heard)
        await peer.stop()
        await until(down(client))
        for n in range(5):
            peer.add_message(f"missed {n}")
        await peer.start()
        await client.live()
        await peer.tell("message", peer.add_message("after"))
        await until(lambda: "after" in texts(heard))
        assert texts(heard) == ["before", *(f"missed {n}" for n in range(5)), "after"]
        assert [origin for _, origin in heard[1:6]] == ["missed"] * 5


async def test_a_message_that_comes_while_the_missed_ones_are_fetched_waits_for_them() -> None:
    """A live message does not overtake what was said before it, and is not told twice."""
    held, go = asyncio.Event(), asyncio.Event()

    async def slow(request: Any) -> Any:
        answer = await peer.answer(request)  # What stands there now, without what comes later.
        held.set()
        await go.wait()
        return answer

    async with serving() as peer, listening(peer) as (client, _, heard):
        await peer.stop()
        await until(down(client))
        peer.add_message("missed")
        peer.hooks["GET /api/v1/channels/c/messages"] = slow
        await peer.start()
        await held.wait()
        await peer.until(lambda: peer.sids)
        await peer.tell("message", peer.add_message("live"))
        await until(lambda: client.counts.typed >= 1)
        assert heard == []
        go.set()
        await until(lambda: len(heard) == 2)
        assert heard == [("missed", "missed"), ("live", "live")]


async def test_an_outage_longer_than_a_page_is_walked_back_to_its_beginning() -> None:
    """A page holds fifty; a busy channel says more than that in a night."""
    async with serving() as peer, listening(peer) as (client, _, heard):
        await peer.tell("message", peer.add_message("before"))
        await until(lambda: heard)
        await peer.stop()
        await until(down(client))
        for n in range(170):
            peer.add_message(f"{n}")
        await peer.start()
        await until(lambda: len(heard) >= 171)
        assert texts(heard) == ["before", *(str(n) for n in range(170))]


async def test_messages_that_go_away_while_they_are_fetched_leave_no_hole() -> None:
    """W-18: the server counts rows; a deletion between two pages shifts them, and the walk begins again."""
    pages = 0

    async def shrinking(request: Any) -> Any:
        nonlocal pages
        pages += 1
        answer = await peer.answer(request)
        if pages == 1:
            del peer.messages["c"][-40:]  # Deleted by others, the moment after.
        return answer

    async with serving() as peer, listening(peer) as (client, _, heard):
        await peer.tell("message", peer.add_message("before"))
        await until(lambda: heard)
        await peer.stop()
        await until(down(client))
        for n in range(140):
            peer.add_message(f"{n}")
        peer.hooks["GET /api/v1/channels/c/messages"] = shrinking
        await peer.start()
        await until(lambda: len(heard) > 1)
        assert texts(heard) == ["before", *(str(n) for n in range(100))]


async def test_replies_in_threads_are_caught_up_too() -> None:
    """In a thread that the newest page shows to have gone on, and in an old one that was heard lately."""
    async with serving() as peer:
        old = peer.add_message("an old root")
        for n in range(60):
            peer.add_message(f"later {n}")
        root = peer.add_message("root")
        async with listening(peer) as (client, _, heard):
            await peer.tell("message", peer.add_message("heard", parent_id=old["id"]))
            await until(lambda: heard)
            await peer.stop()
            await until(down(client))
            reply = peer.add_message("under the new one", parent_id=root["id"])
            root |= {"reply_count": 1, "latest_reply_at": reply["created_at"]}
            peer.add_message("under the old one", parent_id=old["id"])
            await peer.start()
            await until(lambda: len(heard) == 3)
            assert texts(heard) == ["heard", "under the new one", "under the old one"]
            await peer.tell("message", peer.add_message("last"))
            await until(lambda: len(heard) == 4)


async def test_history_comes_first_and_is_not_told_again() -> None:
    """The last two, and then what is new; a break afterwards repeats none of them."""
    async with serving() as peer:
        for n in range(5):
            peer.add_message(f"{n}")
        async with listening(peer, history=2) as (client, _, heard):
            await peer.tell("message", peer.add_message("new"))
            await until(lambda: len(heard) == 3)
            await peer.stop()
            await until(down(client))
            peer.add_message("missed")
            await peer.start()
            await until(lambda: len(heard) == 4)
            assert heard == [("3", "history"), ("4", "history"), ("new", "live"), ("missed", "missed")]


async def test_events_that_were_dropped_because_too_many_came_are_fetched() -> None:
    """The link stands all the time, and the client says that it missed something."""
    async with serving() as peer, listening(peer) as (client, _, heard):
        await peer.tell("message", peer.add_message("one"))
        await until(lambda: heard)
        peer.add_message("dropped")
        await peer.tell("message", peer.add_message("two"))
        await until(lambda: len(heard) == 2)
        client._context.ask_catch_up()
        await until(lambda: len(heard) == 3)
        assert sorted(texts(heard)) == ["dropped", "one", "two"]


async def test_a_channel_made_later_is_heard_from_its_first_message_on() -> None:
    """Somebody opens a conversation and says hello, before the client has entered its room."""
    async with serving() as peer, listening(peer) as (_, _, heard):
        first = peer.add_message("already there")
        record = {**peer.channels["c"], "id": "dm", "type": "dm", "created_at": first["created_at"] + 1}
        peer.add_channel(record)
        peer.add_message("hello", channel="dm")
        await peer.emit(
            "events:channel", {"channel_id": "dm", "data": {"type": "channel:created", "data": None}}
        )
        await until(lambda: heard)
        assert heard == [("hello", "missed")]


async def test_whoever_has_no_room_is_told_later_and_nothing_is_lost() -> None:
    """A full listener lets messages be; they are fetched when it says that there is room."""
    room = False
    async with serving() as peer, listening(peer, room=lambda _: room) as (client, feed, heard):
        room = True
        await peer.tell("message", peer.add_message("zero"))
        await until(lambda: heard)
        room = False
        for n in range(3):
            await peer.tell("message", peer.add_message(f"{n}"))
        await until(lambda: client.counts.typed >= 4)
        assert len(heard) == 1
        room = True
        feed.go_on("c")
        await until(lambda: len(heard) == 4)
        assert texts(heard) == ["zero", "0", "1", "2"]


async def test_more_than_is_fetched_is_said(monkeypatch: Any) -> None:
    """What lies too far back is left out, and whoever listens hears so."""
    monkeypatch.setattr("antiphon.client.bots.missed.MOST_PAGES", 2)
    lost: list[str] = []
    async with serving() as peer, listening(peer, lost=lost.append) as (client, _, heard):
        await peer.stop()
        await until(down(client))
        for n in range(200):
            peer.add_message(f"{n}")
        await peer.start()
        await until(lambda: heard)
        assert lost == ["c"]
        assert texts(heard) == [str(n) for n in range(200 - len(heard), 200)]


async def test_a_page_that_cannot_be_read_keeps_nothing_else_from_being_told() -> None:
    """A message of a later release must not make a listener deaf: it goes on, and the loss is said."""
    lost: list[str] = []

    async def strange(_: Any) -> Any:
        return ok([{"unheard": "of"}])

    async with serving() as peer, listening(peer, lost=lost.append) as (client, _, heard):
        await peer.stop()
        await until(down(client))
        peer.hooks["GET /api/v1/channels/c/messages"] = strange
        await peer.start()
        await until(lambda: lost)
        await peer.tell("message", peer.add_message("live"))
        await until(lambda: heard)
        assert heard == [("live", "live")]


async def test_a_channel_that_goes_and_comes_back_repeats_nothing() -> None:
    """Access that was taken and given again brings what was said meanwhile, and nothing twice."""
    async with serving(antiphon="1") as peer, listening(peer) as (client, _, heard):
        await peer.tell("message", peer.add_message("one"))
        await until(lambda: heard)
        entry = peer.channels.pop("c")
        await peer.emit(
            "events:channel", {"channel_id": "c", "data": {"type": "channel:deleted", "data": None}}
        )
        await until(lambda: not client.channels.value)
        peer.channels["c"] = entry
        peer.add_message("meanwhile")
        await peer.emit(
            "events:channel", {"channel_id": "c", "data": {"type": "channel:created", "data": None}}
        )
        await until(lambda: len(heard) == 2)
        assert texts(heard) == ["one", "meanwhile"]


async def test_unwanted_channels_cost_no_request() -> None:
    """Whoever listens in one channel of hundreds fetches one."""
    async with serving() as peer:
        for n in range(5):
            peer.add_channel({**peer.channels["c"], "id": f"x{n}", "name": f"x{n}"})
        async with listening(peer, wanted=lambda id_, _: id_ == "c") as (_, _, heard):
            await peer.tell("message", peer.add_message("elsewhere", channel="x1"))
            await peer.tell("message", peer.add_message("here"))
            await until(lambda: heard)
            assert heard == [("here", "live")]
            assert not [one for one in peer.requests if "/channels/x" in one]


def message(id_: int, at: int) -> Message:
    """Build a message of a number, said at a moment (ns)."""
    return Message(id=str(id_), user_id="u", channel_id="c", content="", created_at=at, updated_at=at)


@given(st.lists(st.integers(0, 10 * MARGIN), max_size=200))
def test_a_mark_never_takes_a_new_message_for_a_heard_one_within_its_margin(moments: list[int]) -> None:
    """Whatever the order: what was noted counts as heard, and what is newer than the margin does not."""
    mark = Mark()
    for id_, at in enumerate(moments):
        one = message(id_, at + 1)
        if at + 1 > mark.newest - MARGIN:
            assert not mark.heard(one)
        mark.note(one)
        assert mark.heard(one)
    assert all(mark.heard(message(id_, at + 1)) for id_, at in enumerate(moments))


def test_a_mark_stays_small() -> None:
    """A bot that runs for months keeps the ids of the last minute."""
    mark = Mark()
    for n in range(100_000):
        mark.note(message(n, n * MARGIN // 100))
    assert len(mark) < 600
    assert every_message.MOST_HELD <= 1_000
