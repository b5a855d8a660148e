"""The way in: callbacks and streams of events, calls and their one answer, lists, windows."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from tests.client.hands import QUICK, HandClock
from tests.client.peer import event_template, serving, until

from antiphon import Client
from antiphon.client import LinkState
from antiphon.client.arrivals import Arrivals
from antiphon.client.attention.windows import Windows
from antiphon.client.calls.calls import MOST_AT_ONCE
from antiphon.client.channels.channel_list import ChannelList
from antiphon.client.channels.reading import Reading
from antiphon.client.clock import Delays
from antiphon.client.context import Context
from antiphon.client.errors import Lagged
from antiphon.client.inbox import Inbox
from antiphon.client.link.link import Link
from antiphon.client.listeners import WAITING, EventListeners, EventStream
from antiphon.client.rest import Rest
from antiphon.client.rest.exchange import HttpExchange
from antiphon.client.store import Store
from antiphon.wire import (
    ChannelEntry,
    ChannelRecord,
    ChannelTyping,
    Confirmation,
    Malformed,
    MessageCreated,
    Unknown,
    parse_event,
)


def entry(id_: str, **more: Any) -> ChannelEntry:
    """Build an entry of the channel list."""
    return ChannelEntry(**{"id": id_, "user_id": "me", "name": id_, "created_at": 1, "updated_at": 1} | more)


async def collect(stream: EventStream, into: list[Any]) -> None:
    """Read a stream to its end."""
    async for event in stream:
        into.append(event)  # noqa: PERF401 - what came before an error is wanted too


def call(type_: str, data: Any) -> dict[str, Any]:
    """Build a call."""
    return {"chat_id": "k", "message_id": "a", "data": {"type": type_, "data": data}}


async def test_listeners_hear_after_the_stores_have_changed() -> None:
    """A bot that reads the timeline in its callback finds the message there."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        await client.channel("c").open()
        seen: list[tuple[str, int]] = []

        def on_message(event: MessageCreated) -> None:
            seen.append((event.payload.content, len(client.channel("c").timeline.rows())))

        later: list[str] = []

        async def slowly(event: MessageCreated) -> None:
            later.append(event.payload.content)
            if event.payload.content == "one":
                raise ValueError("a bot's own mistake")

        release = client.on(MessageCreated, on_message)
        client.on(MessageCreated, slowly)
        for text in ("one", "two"):
            await peer.tell("message", peer.add_message(text), temp_id=None)
        await until(lambda: later == ["one", "two"])
        assert seen == [("one", 1), ("two", 2)]
        release()
        await peer.tell("message", peer.add_message("three"), temp_id=None)
        await until(lambda: later[-1] == "three")
        assert len(seen) == 2


async def test_a_stream_of_events_ends_with_the_client() -> None:
    """The loop of a bot ends by itself when the client is closed."""
    got: list[Any] = []
    async with serving() as peer:
        async with Client(peer.url, token="token-me", delays=QUICK) as client:
            await client.live()

            reading = asyncio.create_task(collect(client.events(MessageCreated), got))
            await until(lambda: len(client._parts.listeners) == 1)
            await peer.tell("message", peer.add_message("hello"), temp_id=None)
            await until(lambda: got)
        await reading
        assert [event.payload.content for event in got] == ["hello"]


async def test_a_reader_that_is_too_slow_is_told_how_much_it_missed() -> None:
    """No queue grows without bound, and no event is missed in silence."""
    listeners = EventListeners()
    stream = listeners.stream(Unknown)
    for n in range(WAITING + 7):
        listeners.tell(Unknown("x", "", n))
    got: list[Any] = []
    with pytest.raises(Lagged) as raised:
        await collect(stream, got)
    assert [event.payload for event in got] == list(range(WAITING))
    assert raised.value.missed == 7
    stream.close()
    assert len(listeners) == 0


async def test_a_call_that_nobody_handles_is_answered_at_once_with_an_error() -> None:
    """W-03, W-41: the server never waits for nothing, and no script of its is run."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        for type_, data in (
            ("execute", {"code": "alert(1)"}),
            ("execute:python", {"id": "1", "code": "print(1)", "session_id": "s"}),
            ("something:new", {}),
            ("execute:tool", "no object at all"),
        ):
            answer = await peer.call(call(type_, data))
            assert set(answer) == {"error"}, type_
        assert await peer.call(call("confirmation", "no object at all")) is False


async def test_a_call_gets_exactly_the_answer_of_its_handler() -> None:
    """W-39: a handler's answer, its error, and its being late are one answer each."""
    async with serving() as peer:
        delays = type(QUICK)(**{name: getattr(QUICK, name) for name in QUICK.__slots__} | {"call": 0.05})
        async with Client(peer.url, token="token-me", delays=delays) as client:
            await client.live()
            answers = [True, ValueError("no"), asyncio.Event()]

            async def confirm(event: Confirmation) -> object:
                answer = answers.pop(0)
                if isinstance(answer, asyncio.Event):
                    await answer.wait()
                if isinstance(answer, Exception):
                    raise answer
                return answer

            release = client.answer(Confirmation, confirm)
            question = call("confirmation", {"title": "Sure?", "message": "Really?"})
            assert await peer.call(question) is True
            assert await peer.call(question) is False
            assert await peer.call(question) is False
            release()
            assert await peer.call(question) is False


async def test_bad_events_are_counted_and_harm_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """W-81, W-82: null, text, lists and half events are counted; contents and tokens are never logged."""
    caplog.set_level(logging.DEBUG)
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        for payload in (
            None,
            "secret text",
            7,
            [],
            {"data": None},
            {"channel_id": "c", "data": {"type": "message"}},
        ):
            await peer.emit("events:channel", payload)
        await peer.emit("a:new:event", {"secret": "secret text"})
        await peer.tell("message", peer.add_message("secret text"), temp_id=None)
        await until(lambda: client.counts.typed >= 1)
        assert sum(client.counts.malformed.values()) + sum(client.counts.unknown.values()) == 7
        ours = [record.getMessage() for record in caplog.records if record.name.startswith("antiphon")]
        assert not [line for line in ours if "secret text" in line or "token-me" in line]


def test_the_inbox_takes_in_order_and_says_what_it_dropped() -> None:
    """Bounded: beyond its capacity the newest are dropped and counted."""
    inbox = Inbox(Arrivals(), capacity=2)
    taken = [inbox.put(Unknown("x", "", n)) for n in range(4)]
    assert taken == [True, True, False, False]
    assert inbox.dropped == 2


def test_unread_counts_what_the_server_counts() -> None:
    """W-28, W-30: top-level messages of others; own ones move the channel but do not count."""
    channels = ChannelList(lambda: None)
    channels.load([entry("c"), entry("d", type="dm")], asked_at=1)
    template = event_template("0.12.4", "message")
    event = parse_event("events:channel", template)
    assert isinstance(event, MessageCreated)
    message = event.payload
    channels.message("c", message, 2, own=False, looked_at=False)
    channels.message("c", message.model_copy(update={"parent_id": "p"}), 3, own=False, looked_at=False)
    channels.message("c", message, 4, own=True, looked_at=False)
    channels.message("c", message, 5, own=False, looked_at=True)
    held = channels.get("c")
    assert held is not None
    assert held.unread_count == 1
    assert held.last_message_at == message.created_at  # W-06: the message's own time.


def test_a_list_that_is_older_than_an_event_does_not_undo_its_count() -> None:
    """The list was asked for, then the message came, then the list."""
    channels = ChannelList(lambda: None)
    channels.load([entry("c")], asked_at=1)
    event = parse_event("events:channel", event_template("0.12.4", "message"))
    assert isinstance(event, MessageCreated)
    channels.message("c", event.payload, 5, own=False, looked_at=False)
    channels.load([entry("c", unread_count=0)], asked_at=4)
    assert channels.store.value[0].unread_count == 1
    channels.load([entry("c", unread_count=0)], asked_at=6)
    assert channels.store.value[0].unread_count == 0


def test_channels_are_sorted_by_kind_and_unknown_kinds_stand_last() -> None:
    """W-86: standard by name, groups, direct ones by their last message, then the rest."""
    channels = ChannelList(lambda: None)
    channels.load(
        [
            entry("x", type="brand-new"),
            entry("old", type="dm", last_message_at=5),
            entry("new", type="dm", last_message_at=9),
            entry("group", type="group"),
            entry("b"),
            entry("A", type=""),
        ],
        asked_at=1,
    )
    assert [e.id for e in channels.store.value] == ["A", "b", "group", "new", "old", "x"]


def test_an_update_of_an_unknown_channel_asks_for_the_list() -> None:
    """It may be one that this person may see from now on."""
    asked: list[int] = []
    channels = ChannelList(lambda: asked.append(1))
    channels.load([entry("c")], asked_at=1)
    record = ChannelRecord(id="c", user_id="me", name="renamed", created_at=1, updated_at=2)
    channels.changed("c", record, 2)
    assert channels.store.value[0].name == "renamed"
    assert not asked
    channels.changed("d", record, 3)
    assert asked


def test_windows_looked_at_come_first_and_closed_ones_are_gone() -> None:
    """Each thing once: the focused window's, then the one touched last."""
    windows = Windows()
    first, second, third = windows.open(), windows.open(), windows.open()
    first.show_channel("a")
    second.show_channel("b")
    third.show_chat("k")
    first.focus(True)
    second.show_channel("b2")
    assert windows.shown().channels == ("a", "b2")
    assert windows.shown().chats == ("k",)
    assert windows.looked_at(("channel", "a"))
    first.close()
    first.close()
    first.focus(False)
    assert windows.shown().channels == ("b2",)
    assert len(windows.store.value) == 2
    second.show_nothing()
    assert windows.shown().channels == ()


async def test_typing_is_told_to_the_server_throttled_and_ended() -> None:
    """W-24, W-25: many keys, one sign, one end, over the real socket."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        channel = client.channel("c")
        for _ in range(20):
            channel.typing()
        channel.typing(False)
        await until(lambda: len([1 for name, _ in peer.said if name == "events:channel"]) >= 2)
        signs = [data for name, data in peer.said if name == "events:channel"]
        assert [sign["data"]["data"]["typing"] for sign in signs] == [True, False]
        assert {sign["channel_id"] for sign in signs} == {"c"}


async def test_a_read_mark_is_said_once_and_waits_for_the_link() -> None:
    """W-24: marks are gathered; one that could not be said is said after the reconnect, once."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:

        def marks() -> int:
            return [data["data"]["type"] for name, data in peer.said if name == "events:channel"].count(
                "last_read_at"
            )

        await client.live()
        for _ in range(20):
            client.channel("c").mark_read()
        await until(lambda: marks() == 1)
        await peer.stop()
        await until(lambda: client.link.value.state is LinkState.WAITING)
        client.channel("c").mark_read()
        await peer.start()
        await until(lambda: marks() == 2)
        client.channel("other").mark_read()
        await until(lambda: marks() >= 3)
        assert marks() == 3


async def test_a_message_ends_its_senders_typing() -> None:
    """The sign is taken away by the message, not five seconds later."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        sign = {"type": "typing", "data": {"typing": True}}
        user = {"id": "ann", "name": "Ann", "role": "user"}
        await peer.emit("events:channel", {"channel_id": "c", "message_id": None, "data": sign, "user": user})
        await until(lambda: client.typing.value)
        await peer.tell("message", peer.add_message("done", user="ann"), temp_id=None)
        await until(lambda: not client.typing.value)
        assert client._parts.typing.timers == 0


def test_a_malformed_event_says_why() -> None:
    """Parsing never raises; the client relies on it."""
    event = parse_event("events:channel", {"channel_id": 5, "data": {"type": "typing"}})
    assert isinstance(event, Malformed)
    assert event.reason
    assert not isinstance(event, ChannelTyping)


async def test_a_burst_of_calls_is_bounded() -> None:
    """Calls that come at the same moment count too: the ones beyond the bound are answered at once."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        begun, go = 0, asyncio.Event()
        answers: list[object] = []

        async def confirm(_: Confirmation) -> object:
            nonlocal begun
            begun += 1
            await go.wait()
            return True

        async def answered(value: object) -> None:
            answers.append(value)

        client.answer(Confirmation, confirm)
        event = parse_event("events", call("confirmation", {"title": "t", "message": "m"}))
        for _ in range(MOST_AT_ONCE + 8):
            client._parts.inbox.put(event, answered)
        await until(lambda: len(answers) == 8)
        assert begun == MOST_AT_ONCE
        go.set()
        await until(lambda: len(answers) == MOST_AT_ONCE + 8)
        assert answers.count(True) == MOST_AT_ONCE


async def test_an_answer_that_cannot_travel_is_an_error_and_ends_nothing() -> None:
    """A handler's mistake reaches the server as words, not as silence, and the client lives on."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()

        async def confirm(_: Confirmation) -> object:
            return {"when": object()}

        client.answer(Confirmation, confirm)
        answer = await peer.call(call("confirmation", {"title": "t", "message": "m"}))
        assert answer is False
        assert client.link.value.state is LinkState.LIVE


async def test_a_callback_that_gives_something_to_await_is_told_so(caplog: pytest.LogCaptureFixture) -> None:
    """A lambda around an asynchronous function would do nothing, in silence."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        ran: list[object] = []

        async def react(prefix: str, event: object) -> None:
            ran.append((prefix, event))

        client.on(MessageCreated, lambda event: react("!", event))
        with caplog.at_level(logging.ERROR):
            await peer.tell("message", peer.add_message("hello"), temp_id=None)
            await until(lambda: "async def" in caplog.text)
        assert not ran


async def test_a_mark_of_before_an_outage_does_not_read_what_came_in_it() -> None:
    """W-27: a mark has no time of its own, so one that was kept is said only where nothing new has come."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.add_channel({**peer.channels["c"], "id": "d", "name": "quiet"})
        for id_ in ("c", "d"):
            peer.channels[id_] |= {"last_message_at": 5, "unread_count": 2}
        await client.live()
        await peer.stop()
        await until(lambda: client.link.value.state is LinkState.WAITING)
        client.channel("c").mark_read()
        client.channel("d").mark_read()
        peer.channels["c"] |= {"last_message_at": 9, "unread_count": 3}
        await peer.start()
        await client.live()
        await until(lambda: [data for name, data in peer.said if name == "events:channel"])
        marks = [data["channel_id"] for name, data in peer.said if name == "events:channel"]
        assert marks == ["d"]


async def test_an_event_changes_only_the_channel_it_belongs_to() -> None:
    """Two channels, the same person, the same moment: each has its own messages, edits, typing and count."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.add_channel({**peer.channels["c"], "id": "d", "name": "other"})
        await client.live()
        for id_ in ("c", "d"):
            await client.channel(id_).open()
        here, there = peer.add_message("here", channel="c"), peer.add_message("there", channel="d")
        await peer.tell("message", here, temp_id=None)
        await peer.tell("message", there, temp_id=None)
        rows = {id_: client.channel(id_).timeline.rows for id_ in ("c", "d")}
        await until(lambda: rows["c"]() and rows["d"]())
        told: list[object] = []
        client.channel("d").timeline.subscribe(told.append)
        await peer.tell("message:update", {**here, "content": "edited", "updated_at": here["updated_at"] + 1})
        await peer.tell("message:delete", {**here, "channel_id": "c"})
        await until(lambda: not rows["c"]())
        assert [row.message.content for row in rows["d"]()] == ["there"]
        assert told == []
        counts = {entry.id: entry.unread_count for entry in client.channels.value}
        assert counts == {"c": 1, "d": 1}


def test_a_mark_that_falls_due_while_catching_up_waits_for_what_has_come() -> None:
    """W-27: only the lists tell whether there is more than the person has seen."""
    clock, said, newest = HandClock(), list[str](), {"c": 5, "d": 5}
    link = Store(Link(LinkState.CATCHING_UP, 0.0))
    context = Context("", Rest(HttpExchange("", Delays()), lambda: None), clock, Delays(), link)
    context.say = lambda _, payload: said.append(payload["channel_id"]) or True
    reading = Reading(context, lambda _: None, lambda id_: newest[id_])
    reading.read("c")
    reading.read("d")
    clock.advance(60)
    assert said == []
    newest["c"] = 9
    reading.caught_up()
    assert said == ["d"]
    link.set(Link(LinkState.LIVE, 0.0))
    reading.read("c")
    clock.advance(60)
    assert said == ["d", "c"]
    assert clock.timers == []
