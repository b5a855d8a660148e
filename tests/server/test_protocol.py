"""Engine.IO 4 and Socket.IO 5 as their specifications have them, without a client library: what a handshake
says, when a ping comes, how a session ends, which packets are answered, and what is refused.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.server.raw import eventually, raw_socket, until_frame
from tests.server.serving import Person, Server, serving

PATH = "/ws/socket.io/"
CHANNEL = "events:channel"
SEPARATOR = "\x1e"


class Polling:
    """A session that polls, one request at a time."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.sid = ""
        self.opening: dict[str, Any] = {}

    @property
    def address(self) -> str:
        """Where this session is asked for."""
        return f"{self.server.url}{PATH}?EIO=4&transport=polling" + (f"&sid={self.sid}" if self.sid else "")

    async def open(self, person: Person | None = None) -> None:
        """Shake hands, and sign in as this person."""
        status, text = await self.get()
        assert (status, text[0]) == (200, "0")
        self.opening = json.loads(text[1:])
        self.sid = self.opening["sid"]
        if person is not None:
            await self.post("40" + json.dumps({"token": person.token}))
            await self.until("40")

    async def get(self) -> tuple[int, str]:
        """Poll once: the status and what there was."""
        async with self.server.http.get(self.address) as answer:
            return answer.status, await answer.text()

    async def waiting(self) -> asyncio.Task[tuple[int, str]]:
        """A poll that has arrived and waits, as nothing is there for it."""
        queue = self.server.state.live._server.eio.sockets[self.sid].queue
        poll = asyncio.create_task(self.get())
        await eventually(self.server, lambda: bool(queue._getters))
        return poll

    async def post(self, *packets: str) -> int:
        """Send packets as one payload; gives the status."""
        async with self.server.http.post(self.address, data=SEPARATOR.join(packets).encode()) as answer:
            await answer.read()
            return answer.status

    async def until(self, start: str) -> str:
        """Poll until a packet begins like this."""
        async with asyncio.timeout(10):
            while True:
                status, text = await self.get()
                assert status == 200, text
                for packet in text.split(SEPARATOR):
                    if packet.startswith(start):
                        return packet


@asynccontextmanager
async def upgrading(session: Polling) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A WebSocket for a session that polls, before it has said anything."""
    address = f"{session.server.url}{PATH}?EIO=4&transport=websocket&sid={session.sid}"
    async with session.server.http.ws_connect(address, autoping=False) as connection:
        yield connection


async def until_closed(connection: aiohttp.ClientWebSocketResponse) -> None:
    """Read on until the server closes."""
    async with asyncio.timeout(10):
        while not connection.closed:
            await connection.receive()


def ask(person: Person, number: str) -> str:
    """An event that is answered with the person."""
    return f"42{number}" + json.dumps(["user-join", {"auth": {"token": person.token}}])


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_a_handshake_names_the_session_and_the_servers_settings(tmp_path: Path, transport: str) -> None:
    """`sid`, `upgrades`, `pingInterval` and `pingTimeout` in milliseconds, `maxPayload` in bytes: what the
    reference client reads.
    """
    async with serving(tmp_path / "data", websocket_ping_interval=7, websocket_ping_timeout=3) as server:
        if transport == "polling":
            session = Polling(server)
            await session.open()
            opening = session.opening
        else:
            address = f"{server.url}{PATH}?EIO=4&transport=websocket"
            async with server.http.ws_connect(address) as connection:
                opening = json.loads((await until_frame(connection, "0"))[1:])
        assert re.fullmatch(r"[\w-]{20,}", opening.pop("sid"))
        assert opening == {
            "upgrades": ["websocket"] if transport == "polling" else [],
            "pingInterval": 7_000,
            "pingTimeout": 3_000,
            "maxPayload": 1024 * 1024,
        }


@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("GET", "transport=polling"),
        ("GET", "EIO=3&transport=polling"),
        ("GET", "EIO=abc&transport=polling"),
        ("GET", "EIO=4&EIO=3&transport=polling"),
        ("GET", "EIO=4&transport=nonsense"),
        ("GET", "EIO=4&transport=websocket"),
        ("GET", "EIO=4&transport=polling&sid=nobody"),
        ("GET", "EIO=4&transport=polling&sid=%00"),
        ("GET", "EIO=4&transport=polling&j=x"),
        ("POST", "EIO=4&transport=polling"),
        ("POST", "EIO=4&transport=polling&sid=nobody"),
        ("PUT", "EIO=4&transport=polling"),
        ("DELETE", "EIO=4&transport=polling&sid=nobody"),
    ],
)
async def test_what_is_no_handshake_is_refused(server: Server, bob: Person, method: str, query: str) -> None:
    """Another release, no such transport, no such session, another method: 4xx, and nothing is kept."""
    window = await bob.connect()
    async with server.http.request(method, f"{server.url}{PATH}?{query}", data=b"40") as answer:
        assert answer.status == (405 if method in {"PUT", "DELETE"} else 400)
        assert await answer.text()
    assert len(server.state.live._server.eio.sockets) == 1
    await window.settle()


@pytest.mark.parametrize("query", ["EIO=3&transport=websocket", "EIO=4&transport=websocket&sid=nobody"])
async def test_a_websocket_that_is_no_handshake_is_refused(server: Server, bob: Person, query: str) -> None:
    """Before it is accepted, so that a client knows that it need not try again."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await server.http.ws_connect(f"{server.url}{PATH}?{query}")
    assert refused.value.status == 403
    assert not server.state.live._server.eio.sockets


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_a_ping_comes_at_its_interval_and_must_be_answered(tmp_path: Path, transport: str) -> None:
    """Whoever answers stays; whoever does not is closed after `pingTimeout`, and not before."""
    loop = asyncio.get_running_loop()
    async with serving(tmp_path / "data", websocket_ping_interval=1, websocket_ping_timeout=1) as server:
        bob = await server.sign_up("Bob")
        began = loop.time()
        if transport == "polling":
            session = Polling(server)
            await session.open(bob)
            for _ in range(2):
                await session.until("2")
                assert await session.post("3") == 200
            answered = loop.time()
            await session.until("2")
            async with asyncio.timeout(10):
                while (await session.get())[0] == 200:
                    pass
        else:
            async with raw_socket(server, bob) as raw:
                for _ in range(2):
                    await until_frame(raw, "2")
                    await raw.send_str("3")
                answered = loop.time()
                await until_frame(raw, "2")
                await until_closed(raw)
        assert answered - began > 1.9
        assert loop.time() - answered > 1.9
        await eventually(server, lambda: server.state.live.sessions_of(bob.id) == ())


async def test_a_websocket_is_closed_at_the_clients_word(server: Server, bob: Person) -> None:
    """Packet 1."""
    async with raw_socket(server, bob) as raw:
        await raw.send_str("1")
        await until_closed(raw)
    await eventually(server, lambda: not server.state.live._sessions)


async def test_a_polling_session_is_closed_at_the_clients_word(server: Server, bob: Person) -> None:
    """Packet 1: the poll that waits ends, and there is no session any more."""
    session = Polling(server)
    await session.open(bob)
    poll = await session.waiting()
    assert await session.post("1") == 200
    assert await poll == (200, "6")
    assert (await session.get())[0] == 400
    assert await session.post("40") == 400
    assert server.state.live.sessions_of(bob.id) == ()
    stranger = Polling(server)
    await stranger.open()
    poll = await stranger.waiting()
    assert await stranger.post("1") == 200
    assert await poll == (200, "6")


async def test_an_event_is_acknowledged_where_it_asks_for_it(server: Server, bob: Person) -> None:
    """Under its own number, 0 and large ones too; without a number there is no answer."""
    async with raw_socket(server, bob) as raw:
        for number in ("0", "7", "123456789012", ""):
            await raw.send_str(ask(bob, number))
        await raw.send_str(ask(bob, "8"))
        person = json.dumps([{"id": bob.id, "name": "Bob"}], separators=(",", ":"))
        for number in ("0", "7", "123456789012", "8"):
            assert await until_frame(raw, "43") == f"43{number}{person}"
        await raw.send_str('429["heartbeat",{}]')
        assert await until_frame(raw, "43") == "439[]"


async def test_binary_is_refused_and_harms_nothing(server: Server, bob: Person, cleo: Person) -> None:
    """One that announces attachments is ignored, and bytes end the connection with 1003."""
    witness = await cleo.connect()
    async with raw_socket(server, bob) as raw:
        await raw.send_str('451-["user-join",{"_placeholder":true,"num":0}]')
        await raw.send_str('461-5["x",{"_placeholder":true,"num":0}]')
        await raw.send_str(ask(bob, "1"))
        await until_frame(raw, "431")
        await raw.send_bytes(b"\x00\x01")
        await until_closed(raw)
        assert raw.close_code == 1003
    session = Polling(server)
    await session.open(bob)
    assert await session.post("bAAEC", "b", '451-["x",{"_placeholder":true,"num":0}]', "bAAEC") == 200
    assert await session.post(ask(bob, "2")) == 200
    await session.until("432")
    await witness.settle()


async def test_a_namespace_that_is_none_is_refused_alone(server: Server, bob: Person) -> None:
    """With a CONNECT_ERROR under its name; what is said in it is ignored, and the default one goes on."""
    async with raw_socket(server, bob) as raw:
        await raw.send_str('40/admin,{"token":"x"}')
        refused = await until_frame(raw, "44/admin,")
        assert json.loads(refused.removeprefix("44/admin,"))["message"]
        for packet in ('42/admin,1["user-join",{}]', "43/admin,1[]", "41/admin,", "40/*,", "42/*,[]"):
            await raw.send_str(packet)
        await raw.send_str(ask(bob, "5"))
        assert (await until_frame(raw, "43")).startswith("435")
    await eventually(server, lambda: not server.state.live._sessions)


async def test_connecting_twice_makes_no_second_session(server: Server, bob: Person) -> None:
    """One connection is one session in a namespace; before it is connected, nothing it says is an event."""
    async with raw_socket(server, None) as raw:
        await raw.send_str(ask(bob, "1"))
        for _ in range(3):
            await raw.send_str("40" + json.dumps({"token": bob.token}))
        await raw.send_str(ask(bob, "2"))
        assert (await until_frame(raw, "43")).startswith("432")
        assert len(server.state.live.sessions_of(bob.id)) == 1
    await eventually(server, lambda: not server.state.live._sessions)


async def test_a_polling_session_becomes_a_websocket(server: Server, bob: Person, cleo: Person) -> None:
    """W-13: probe, answer, upgrade; the poll that waits is let go with a NOOP, nothing is lost, from then on
    the session is the WebSocket's alone.
    """
    general = await bob.general()
    session = Polling(server)
    await session.open(cleo)
    poll = asyncio.create_task(session.get())
    async with upgrading(session) as connection:
        await connection.send_str("2probe")
        assert await connection.receive_str() == "3probe"
        assert await poll == (200, "6")
        await bob.say(general, "on the way")
        await connection.send_str("5")
        assert "on the way" in await until_frame(connection, "42")
        await bob.say(general, "and on")
        assert "and on" in await until_frame(connection, "42")
        assert (await session.get())[0] == 400
        assert await session.post(ask(cleo, "1")) == 400
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with upgrading(session):
                pass
        await connection.send_str(ask(cleo, "2"))
        await until_frame(connection, "432")
    await eventually(server, lambda: not server.state.live._sessions)


@pytest.mark.parametrize("said", [None, "x", "2", "2other", "2probe", "40", ["2probe", "1"], ["2probe", "x"]])
async def test_an_upgrade_that_fails_leaves_the_session_polling(
    server: Server, bob: Person, cleo: Person, said: str | list[str] | None
) -> None:
    """W-13: a proxy that lets the handshake of a WebSocket through and then cuts it must not leave a
    client that polls for nothing.
    """
    general = await bob.general()
    session = Polling(server)
    await session.open(cleo)
    async with upgrading(session) as connection:
        for frame in [said] if isinstance(said, str) else said or ():
            await connection.send_str(frame)
        if said is not None and said != "2probe":
            await until_closed(connection)
    await eventually(server, lambda: not server.state.live._server.eio.wires)
    await bob.say(general, "still here")
    assert "still here" in await session.until("42")
    assert await session.post(ask(cleo, "1")) == 200
    await session.until("431")


async def test_w68_a_stranger_whose_upgrade_fails_is_closed_all_the_same(tmp_path: Path) -> None:
    """W-68: the time to sign in goes on whatever becomes of the WebSocket."""
    async with serving(tmp_path / "data", anonymous_seconds=0.3) as server:
        session = Polling(server)
        await session.open()
        async with upgrading(session):
            pass
        async with asyncio.timeout(10):
            while (await session.get())[0] == 200:
                pass


async def test_two_upgrades_at_once_are_one(server: Server, bob: Person, cleo: Person) -> None:
    """The second is refused: it would take frames of the first."""
    session = Polling(server)
    await session.open(cleo)
    async with upgrading(session) as connection:
        await connection.send_str("2probe")
        await until_frame(connection, "3probe")
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with upgrading(session):
                pass
        await connection.send_str("5")
        await bob.say(await bob.general(), "hello")
        await until_frame(connection, "42")


async def test_a_session_that_polls_twice_at_once_is_closed(
    server: Server, bob: Person, cleo: Person
) -> None:
    """As the protocol asks for: both would take packets of one stream. One is told, one refused."""
    witness = await cleo.connect()
    session = Polling(server)
    await session.open(bob)
    first = await session.waiting()
    assert (await session.get())[0] == 400
    assert await first == (200, "1")
    assert (await session.get())[0] == 400
    assert server.state.live.sessions_of(bob.id) == ()
    await bob.say(await bob.general(), "hello")
    await witness.next(CHANNEL, "message")


async def test_a_polling_session_may_say_much_at_once(server: Server, bob: Person, cleo: Person) -> None:
    """What a client collects while its request is on the way comes as one payload; none of it is dropped."""
    general = await bob.general()
    witness = await cleo.connect()
    session = Polling(server)
    await session.open(bob)
    typing = {"channel_id": general, "data": {"type": "typing", "data": {"typing": True}}}
    packet = "42" + json.dumps([CHANNEL, typing])
    assert await session.post(*[packet] * 40) == 200
    await witness.next(CHANNEL, "typing", count=40)


async def test_a_polling_session_that_is_closed_hears_so(server: Server, bob: Person) -> None:
    """Signing out ends the poll with the packets for it, not with nothing."""
    session = Polling(server)
    await session.open(bob)
    poll = await session.waiting()
    await bob.post("/api/v1/auths/signout")
    status, text = await poll
    assert status == 200
    assert set(text.split(SEPARATOR)) <= {"41", "6"}
    assert text
    async with asyncio.timeout(10):
        while (await session.get())[0] == 200:
            pass
