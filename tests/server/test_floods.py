"""Sockets that say nothing, nonsense, or far too much: the others notice nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.server.raw import eventually, raw_socket, until_frame
from tests.server.serving import Person, Server, serving

from antiphon.server.live import pace

CHANNEL = "events:channel"
DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "packet",
    [
        "42" + DEEP,
        f'42["heartbeat",{DEEP}]',
        '42["usage",{"action":"chat","model":"\\ud800"}]',
        '42["usage",{"action":"chat","model":"a\\u0000"}]',
        '42["\\ud800",{}]',
        '421["events:chat",{"chat_id":"\\ud800","data":{"type":"join"}}]',
        '421["events:chat",{"chat_id":"\\u0000","data":{"type":"join"}}]',
        '42["events:channel",{"channel_id":"\\u0000","data":{"type":"typing","data":{"typing":true}}}]',
        '42["user-join",{"auth":{"token":"\\ud800"}}]',
    ],
)
async def test_what_cannot_be_text_is_ignored(
    server: Server, bob: Person, packet: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Counted, without a traceback in the log; the connection goes on, and so does what others ask."""
    async with raw_socket(server, bob) as raw:
        await raw.send_str(packet)
        await raw.send_str('429["user-join",{"auth":{"token":"' + bob.token + '"}}]')
        assert json.loads((await until_frame(raw, "439"))[3:]) == [{"id": bob.id, "name": "Bob"}]
    assert server.state.live._server.malformed_packets == 1
    assert (await bob.get("/api/usage"))["model_ids"] == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_name_without_end_is_no_model_in_use(server: Server, bob: Person) -> None:
    """What a socket says to use is kept in memory and shown to all."""
    window = await bob.connect()
    await window.emit("usage", {"action": "chat", "model": "x" * 1_000})
    await window.emit("usage", {"action": "chat", "model": "words"})
    await window.settle()
    assert (await bob.get("/api/usage"))["model_ids"] == ["words"]


async def test_w68_a_connection_that_never_begins_is_closed(tmp_path: Path) -> None:
    """W-68: not only a socket that does not sign in, one that does not even ask to be connected."""
    async with serving(tmp_path / "data", anonymous_seconds=0.1) as server:
        async with raw_socket(server, None) as raw, asyncio.timeout(10):
            while not raw.closed:
                await raw.receive()
        assert raw.close_code == 1008
        eio = server.state.live._server.eio
        await eventually(server, lambda: not eio.wires and not eio.strangers)


async def test_a_goodbye_that_leaves_the_connection_open_ends_it(tmp_path: Path) -> None:
    """Socket.IO lets a client part from the server's namespace and keep the line."""
    async with serving(tmp_path / "data", anonymous_seconds=0.1) as server:
        bob = await server.sign_up("Bob")
        async with raw_socket(server, bob) as raw:
            await raw.send_str("41")
            async with asyncio.timeout(10):
                while not raw.closed:
                    await raw.receive()
        assert raw.close_code == 1008


async def test_whoever_has_signed_in_is_no_stranger(server: Server, bob: Person) -> None:
    """The timer of a connection ends with its handshake, not later."""
    await bob.connect()
    assert server.state.live._server.eio.strangers == {}


async def test_a_socket_that_says_too_much_is_read_more_slowly(
    server: Server, bob: Person, cleo: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost, and the others hear it at a pace at which they can go on; nobody else has to wait."""
    monkeypatch.setattr(pace, "AT_ONCE", 5)
    monkeypatch.setattr(pace, "PER_SECOND", 50.0)
    general = await bob.general()
    loud, other = await bob.connect(), await cleo.connect()
    typing = {"channel_id": general, "data": {"type": "typing", "data": {"typing": True}}}
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for _ in range(25):
        await loud.emit(CHANNEL, typing)
    await other.settle()
    await cleo.say(general, "meanwhile")
    assert len(other.of(CHANNEL, "typing")) < 25
    await loud.settle()
    assert loop.time() - begun > 19 / 50  # five at once, and the rest of 26 events one after the other
    await other.next(CHANNEL, "typing", count=25)
