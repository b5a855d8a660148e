"""What no server of good will sends: the client stays whole, says so, and fetches what it may have missed."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import engineio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.client.hands import QUICK, HandClock
from tests.client.peer import Peer, serving, until

from antiphon import Client
from antiphon.client import LinkState
from antiphon.client.arrivals import Arrivals
from antiphon.client.faults import Faults
from antiphon.client.inbox import Inbox, Received
from antiphon.client.link.lifecycle import Disconnected
from antiphon.wire import MessageCreated, Unknown

DEEP = "[" * 200_000


async def push(peer: Peer, data: str | bytes) -> None:
    """Send a message of the transport, as it is, to every client."""
    for socket in list(peer.io.eio.sockets.values()):
        await socket.send(engineio.packet.Packet(engineio.packet.MESSAGE, data=data))


def write(peer: Peer, raw: bytes) -> None:
    """Write bytes on every TCP connection."""
    assert peer._runner is not None
    assert peer._runner.server is not None
    for connection in peer._runner.server.connections:
        if connection.transport is not None:
            connection.transport.write(raw)


@asynccontextmanager
async def linked(*, websocket: bool = True) -> AsyncIterator[tuple[Peer, Client]]:
    """Give a server and a live client whose channel is on screen."""
    async with serving(websocket=websocket) as peer:
        async with Client(peer.url, token="token-me", delays=QUICK) as client:
            await client.live()
            client.open_window().show_channel("c")
            await client.channel("c").open()
            yield peer, client
        for sid in list(peer.sids):  # A polling client that was cut off is gone for the server after a while.
            await peer.io.disconnect(sid)
        await peer.rest()


async def assert_whole(peer: Peer, client: Client) -> None:
    """See that the client hears, and holds what the server holds."""
    await until(lambda: client.link.value.state is LinkState.LIVE)
    await until(lambda: peer.sids)
    await peer.tell("message", peer.add_message(f"after all that, {random.random()}"))
    timeline = client.channel("c").timeline
    wanted = [message["content"] for message in peer.messages["c"]]
    await until(lambda: [row.message.content for row in timeline.rows()] == wanted)


UNREADABLE = {
    "deep": f'2["events:channel",{DEEP}',
    "cut": '2["events:channel",{"a":',
    "no list": "2null",
    "empty list": "2[]",
    "no type": "zebra",
    "a far ack": '3999["what"]',
    "an ack of nothing": "31",
    "an unknown type": "9[]",
    "a surprising refusal": '4{"message":7}',
    "an endless id": "2" + "1" * 500 + '["x"]',
    "another room": '2/elsewhere,["events:channel",{}]',
    "many attachments": '599999999999-["x"]',
    "an object": '{"no": "packet"}',
    "nothing": "",
}


@pytest.mark.parametrize("websocket", [True, False], ids=["websocket", "polling"])
@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
async def test_what_cannot_be_read_harms_nothing(text: str, websocket: bool) -> None:
    """JSON of hostile depth, half a packet, no packet at all."""
    async with linked(websocket=websocket) as (peer, client):
        await push(peer, text)
        await assert_whole(peer, client)


async def test_what_cannot_be_read_is_counted_and_caught_up_once(caplog: pytest.LogCaptureFixture) -> None:
    """Something was missed, so all is fetched; and what it was is not in the log."""
    async with linked() as (peer, client):
        lists = peer.count("GET /api/v1/channels/")
        await push(peer, '2["events:channel",{"secret":')
        await until(lambda: peer.count("GET /api/v1/channels/") > lists)
        await client.live()
        assert sum(client.counts.malformed.values()) == 1
        assert "cannot be read" in caplog.text
        assert "secret" not in caplog.text
        assert len(peer.tokens_seen) == 1


@pytest.mark.parametrize("websocket", [True, False], ids=["websocket", "polling"])
async def test_binary_packets_harm_nothing(websocket: bool) -> None:
    """Attachments that nobody announced, that come alone, or that never come."""
    async with linked(websocket=websocket) as (peer, client):
        await push(peer, b"\x00\x01\x02")
        await push(peer, '51-["events:channel",{"_placeholder":true,"num":0}]')
        await push(peer, b"bytes for an event")
        await push(peer, '51-["events:channel",{"_placeholder":true,"num":7}]')
        await push(peer, b"bytes for an event")
        await push(peer, '52-["events:channel",{"_placeholder":true,"num":0}]')
        await assert_whole(peer, client)


@pytest.mark.parametrize("websocket", [True, False], ids=["websocket", "polling"])
async def test_a_packet_of_33_mib_costs_the_connection_and_no_more(websocket: bool) -> None:
    """There is a limit to what is read; the link comes back and catches up."""
    async with linked(websocket=websocket) as (peer, client):
        gone: list[Disconnected] = []
        client.on(Disconnected, gone.append)
        await push(peer, '2["events","' + "x" * (33 * 2**20) + '"]')
        await until(lambda: gone)
        await assert_whole(peer, client)


async def test_a_packet_of_20_mib_is_read() -> None:
    """Open WebUI sends up to 16 MiB."""
    async with linked() as (peer, client):
        every = client.events(Unknown)
        await push(peer, '2["large","' + "x" * (20 * 2**20) + '"]')
        assert len((await anext(every)).payload) == 20 * 2**20
        assert len(peer.tokens_seen) == 1


RAW = {
    "no frame": b"\x00\xff garbage \r\n\r\n" * 20,
    "a text frame that is no packet": b"\x81\x05zebra",
    "an empty text frame": b"\x81\x00",
    "reserved bits": b"\xf1\x01x",
    "bad utf-8": b"\x81\x02\xff\xfe",
    "half a frame": b"\x81\x7e\xff",
    "a deep packet of the transport": b"\x81\x7f" + len(DEEP).to_bytes(8, "big") + b"4" + DEEP[1:].encode(),
    "a goodbye": b"\x81\x011",
    "a close": b"\x88\x02\x03\xe8",
}


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW)
async def test_garbage_on_the_socket_costs_the_connection_and_no_more(raw: bytes) -> None:
    """Whatever stands between may write into the connection."""
    async with linked() as (peer, client):
        write(peer, raw)
        if raw == RAW["half a frame"]:
            peer.cut()
        await until(lambda: len(peer.tokens_seen) >= 2)
        await assert_whole(peer, client)


async def test_a_burst_over_polling_is_read_whole() -> None:
    """The library reads sixteen packets of a polled answer at most, and cuts the link over more."""
    async with linked(websocket=False) as (peer, client):
        heard: list[Any] = []
        client.on(Unknown, lambda event: heard.append(event.payload))
        (socket,) = peer.io.eio.sockets.values()
        for n in range(100):
            text = f'2["burst",{n}]'
            socket.queue.put_nowait(engineio.packet.Packet(engineio.packet.MESSAGE, data=text))
        await until(lambda: len(heard) == 100)
        assert heard == list(range(100))
        await assert_whole(peer, client)
        assert len(peer.tokens_seen) == 1


# Errors of our own


async def test_an_error_in_a_reducer_is_survived_counted_and_repaired(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link goes on, listeners hear, and what the reducer did not do is fetched."""
    async with linked() as (peer, client):
        heard: list[Any] = []
        client.on(MessageCreated, heard.append)
        apply, stumbled = client._parts.channels.apply, []

        def stumble(event: Any, stamp: int) -> None:
            if len(stumbled) < 3:
                stumbled.append(event)
                raise LookupError(event.payload.content)
            apply(event, stamp)

        monkeypatch.setattr(client._parts.channels, "apply", stumble)
        for n in range(5):
            await peer.tell("message", peer.add_message(f"text {n}"))
        await until(lambda: len(heard) == 5)
        await assert_whole(peer, client)
        assert client.faults == 3
        assert caplog.text.count("an error in taking MessageCreated: LookupError") == 2
        assert "in stumble" in caplog.text
        assert "text 0" not in caplog.text
        assert len(peer.tokens_seen) == 1


async def test_an_error_in_work_in_the_background_is_survived_counted_and_repaired(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that was to be fetched again is, in the end."""
    async with linked() as (peer, client):
        fetch, stumbled = client._parts.catch_up.channel_refetch._fetch, []

        async def stumble() -> None:
            if not stumbled:
                stumbled.append(True)
                raise ZeroDivisionError
            await fetch()

        monkeypatch.setattr(client._parts.catch_up.channel_refetch, "_fetch", stumble)
        peer.channels["c"]["name"] = "renamed"
        client._parts.catch_up.channel_refetch.ask()
        await until(lambda: client.channels.value[0].name == "renamed")
        await assert_whole(peer, client)
        assert client.faults == 1
        assert "ZeroDivisionError" in caplog.text


async def test_an_error_in_catching_up_is_survived_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that cannot catch up is not live, and not lost either."""
    async with serving() as peer:
        client = Client(peer.url, token="token-me", delays=QUICK)
        run, stumbled = client._parts.catch_up.run, []

        async def stumble() -> None:
            stumbled.append(True)
            if len(stumbled) < 4:
                raise ZeroDivisionError
            await run()

        monkeypatch.setattr(client._parts.catch_up, "run", stumble)
        async with client:
            await client.live()
            assert client.faults == 3
            assert len(peer.tokens_seen) == 1


async def test_an_error_in_the_link_itself_is_an_attempt_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is, the link outlives it, and its state says so."""
    async with serving() as peer:
        client = Client(peer.url, token="token-me", delays=QUICK)
        join, stumbled = client._parts.supervisor._attempts._join, []

        async def stumble(socket: Any) -> None:
            if not stumbled:
                stumbled.append(True)
                raise ZeroDivisionError
            await join(socket)

        monkeypatch.setattr(client._parts.supervisor._attempts, "_join", stumble)
        reasons: list[str | None] = []
        client.link.subscribe(lambda link: reasons.append(link.reason))
        async with client:
            await client.live()
            assert "an internal error; see the log" in reasons
            assert client.faults == 1


@given(broken=st.sets(st.integers(0, 39)), capacity=st.integers(1, 50))
async def test_the_law_of_the_inbox(broken: set[int], capacity: int) -> None:
    """Whatever is stumbled over: each event is taken once, in order, or counted as dropped."""
    inbox = Inbox(Arrivals(), capacity)
    put = [n for n in range(40) if inbox.put(Unknown(str(n), "", None))]
    taken: list[int] = []
    errors: list[Exception] = []
    overflowed: list[int] = []

    def take(received: Received) -> None:
        taken.append(int(received.event.name))
        if taken[-1] in broken:
            raise ValueError

    consuming = asyncio.ensure_future(inbox.consume(take, overflowed.append, errors.append))
    turn = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(turn.set_result, None)
    await turn
    consuming.cancel()
    await asyncio.gather(consuming, return_exceptions=True)
    assert taken == put == list(range(min(capacity, 40)))
    assert len(errors) == len(broken & set(put))
    assert sum(overflowed) == 40 - len(put)


@given(gaps=st.lists(st.floats(0, 100), max_size=60))
@settings(max_examples=100)
def test_faults_that_come_back_do_not_become_a_storm(gaps: list[float]) -> None:
    """However many errors there are, repairs keep their distance, and each error is followed by one."""
    clock = HandClock()
    faults = Faults(clock, replace(QUICK, retry_first=1, retry_most=5))
    asked: list[float] = []
    faults.ask = lambda: asked.append(clock.monotonic())
    start = clock.monotonic()
    for gap in gaps:
        clock.advance(gap)
        faults.report("a test", ValueError())
    last = clock.monotonic()
    clock.advance(1000)
    assert faults.count == len(gaps)
    if gaps:
        assert asked[-1] >= last
        assert len(asked) <= 6 + (last - start) / 25
    faults.close()
    assert not clock.timers


def test_an_error_that_comes_with_each_event_does_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Each is counted; its trace is logged once, and then how often it came, ever more rarely."""
    secret = "a text of somebody"
    faults = Faults(HandClock(), QUICK)

    def fail(work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - as those who report do
            faults.report("a test", error)

    for _ in range(1000):
        fail(lambda: int(secret))
    fail(lambda: {}[secret])
    faults.close()
    assert faults.count == 1001
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 11
    assert secret not in "".join(said)
    assert [text for text in said if "in fail" in text] == [said[0], said[-1]]
    assert "512 times by now" in said[-2]


async def test_what_a_hostile_server_logs_stays_out(caplog: pytest.LogCaptureFixture) -> None:
    """The reason of a refusal is a server's own words, and cut to a sensible length."""
    caplog.set_level(logging.INFO)
    async with serving() as peer:
        peer.refuse_sockets = True
        async with Client(peer.url, token="token-me", delays=QUICK) as client:
            await until(lambda: client.link.value.attempt == 2)
            assert all(len(record.message) < 400 for record in caplog.records if "antiphon" in record.name)


async def test_a_part_that_cannot_end_leaves_none_of_the_others_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing ends everything, whatever goes wrong in one place of it."""
    async with serving() as peer:
        client = await Client(peer.url, token="token-me", delays=QUICK).start()
        await client.live()
        parts = client._parts

        def stumble() -> None:
            raise OSError

        async def stumble_later() -> None:
            raise OSError

        monkeypatch.setattr(parts.typing, "clear", stumble)
        monkeypatch.setattr(parts.channels.reading, "close", stumble)
        monkeypatch.setattr(parts.drafts, "close", stumble_later)
        await asyncio.wait_for(client.close(), 5)
        assert client.link.value.state is LinkState.CLOSED
        assert client.faults >= 3
        await peer.rest()
