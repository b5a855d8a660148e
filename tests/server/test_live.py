"""The socket: who is let in where, what is ignored, and how it ends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.server.raw import eventually, raw_socket, until_frame
from tests.server.serving import PASSWORD, Person, Server, Socket, serving

from antiphon.server.live import engine, wire
from antiphon.server.storage.tables.accounts import users

CHANNEL = "events:channel"


async def test_a_valid_handshake_is_in_every_room_before_it_is_connected(bob: Person, cleo: Person) -> None:
    """Not one event can fall between connecting and `user-join`."""
    general = await bob.general()
    window = await cleo.connect()
    await bob.say(general, "straight away")
    await window.next(CHANNEL, "message")


async def test_user_join_answers_as_the_original_does(bob: Person) -> None:
    """`{id, name}` for a valid token, nothing otherwise."""
    window = await bob.connect()
    assert await window.call("user-join", {"auth": {"token": bob.token}}) == {"id": bob.id, "name": "Bob"}
    for payload in ({"auth": {"token": "x"}}, {"auth": None}, {"auth": {"token": 5}}, {}):
        assert await window.call("user-join", payload) is None
    assert await window.call("join-channels", {"auth": {"token": bob.token}}) is None
    assert await window.call("heartbeat", {}) is None


async def test_both_transports_are_offered(bob: Person, cleo: Person) -> None:
    """W-13: polling works where a proxy blocks WebSocket, and can be upgraded."""
    general = await bob.general()
    for transports in (["polling"], ["polling", "websocket"]):
        window = await cleo.connect(transports=transports)
        await bob.say(general, "hello")
        await window.next(CHANNEL, "message")
        await window.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_poll_of_a_session_that_has_just_ended_is_refused_not_an_error(
    server: Server, method: str
) -> None:
    """The library looks for it twice; that it ends in between must not read as a fault of the server."""
    path = "/ws/socket.io/?EIO=4&transport=polling"
    async with server.nobody.http.get(server.url + path) as answer:
        sid = json.loads((await answer.text())[1:])["sid"]
    server.state.live._server.eio.sockets[sid].closed = True
    async with server.nobody.http.request(method, f"{server.url}{path}&sid={sid}", data=b"3") as answer:
        assert answer.status == 400


async def test_w68_an_anonymous_socket_hears_nothing_and_may_say_nothing(server: Server, bob: Person) -> None:
    """W-68: anonymous sockets were accepted and kept."""
    general = await bob.general()
    window = await bob.connect()
    for auth in (None, {"token": "nonsense"}, {"token": None}, {"token": ["x"]}, "text", {}):
        stranger = Socket(server.http)
        await stranger.open(server.url, auth)
        await stranger.emit(
            CHANNEL, {"channel_id": general, "data": {"type": "typing", "data": {"typing": True}}}
        )
        assert await stranger.call("events:chat", {"chat_id": "x", "data": {"type": "join"}}) is None
        assert server.state.live.rooms_of_session(stranger.sid) == frozenset()
        await bob.say(general, "secret")
        await stranger.settle()
        assert stranger.heard == []
        await stranger.close()
    await window.settle()
    assert window.of(CHANNEL, "typing") == []


async def test_w68_an_anonymous_socket_is_closed_in_the_end(tmp_path: Path) -> None:
    """W-68: after its time (15 s, here a moment) it is told and closed; one that joined in time stays."""
    async with serving(tmp_path / "data", anonymous_seconds=0.3) as server:
        bob = await server.sign_up("Bob")
        joined, stranger = Socket(server.http), Socket(server.http)
        await joined.open(server.url, None)
        assert await joined.call("user-join", {"auth": {"token": bob.token}}) == {"id": bob.id, "name": "Bob"}
        await stranger.open(server.url, None)
        await stranger.gone.wait()
        assert stranger.reason == "server disconnect"
        assert not joined.gone.is_set()
        await joined.settle()
        await joined.close()
        await stranger.close()


async def test_w35_another_identity_leaves_the_rooms_of_the_first(
    server: Server, admin: Person, bob: Person, cleo: Person
) -> None:
    """W-35: after a switch of accounts on one socket the new person heard the old one's events."""
    group = (await bob.post("/api/v1/channels/create", {"name": "g", "type": "group"}))["id"]
    window = await bob.connect()
    assert f"channel:{group}" in server.state.live.rooms_of_session(window.sid)
    assert await window.call("user-join", {"auth": {"token": cleo.token}}) == {"id": cleo.id, "name": "Cleo"}
    await bob.say(group, "for Bob's eyes")
    await window.settle()
    assert window.of(CHANNEL, "message") == []
    assert server.state.live.sessions_of(bob.id) == ()
    assert server.state.live.sessions_of(cleo.id) == (window.sid,)


async def test_w69_a_waiting_account_is_in_no_channel(admin: Person, server: Server) -> None:
    """W-69: pending accounts joined public channels by socket."""
    await admin.post("/api/v1/auths/admin/config", {"DEFAULT_USER_ROLE": "pending"})
    wendy = await server.sign_up("Wendy")
    window = await wendy.connect()
    assert server.state.live.rooms_of_session(window.sid) == {f"user:{wendy.id}"}
    await admin.post("/api/v1/users/update/role", {"id": wendy.id, "role": "user"})
    general = await admin.general()
    assert server.state.live.in_room(window.sid, f"channel:{general}")


async def test_w70_signing_out_closes_the_sockets_of_that_session(server: Server, bob: Person) -> None:
    """W-70: revoked tokens kept a live socket."""
    session = await server.nobody.post(
        "/api/v1/auths/signin", {"email": "bob@example.com", "password": PASSWORD}
    )
    other = Person(server.url, server.http, session)
    first, second = await bob.connect(), await other.connect()
    await bob.post("/api/v1/auths/signout")
    await first.gone.wait()
    assert first.reason == "server disconnect"
    await second.settle()
    await other.sockets[0].close()
    late = Socket(server.http)
    await late.open(server.url, {"token": bob.token})
    assert server.state.live.rooms_of_session(late.sid) == frozenset()
    await late.close()


async def test_w70_a_socket_ends_with_its_token(server: Server, bob: Person) -> None:
    """W-70: expired tokens kept a live socket."""
    tokens = server.state.principals.tokens
    tokens._lifetime = 2
    short = Person(server.url, server.http, {"id": bob.id, "token": tokens.issue(bob.id).text})
    window = await short.connect()
    await window.settle()
    async with asyncio.timeout(10):
        await window.gone.wait()
    assert window.reason == "server disconnect"


async def test_typing_is_told_to_the_others_in_the_room(bob: Person, cleo: Person) -> None:
    """W-26: only the flag is passed on, whatever else is in the payload, and not to the socket that sent
    it.
    """
    general = await bob.general()
    window, same_person, other = await bob.connect(), await bob.connect(), await cleo.connect()
    said = {
        "channel_id": general,
        "message_id": None,
        "data": {"type": "typing", "data": {"typing": True, "junk": "x" * 9}, "more": 1},
        "user": {"id": "somebody else"},
    }
    await window.emit(CHANNEL, said)
    expected = {
        "channel_id": general,
        "message_id": None,
        "data": {"type": "typing", "data": {"typing": True}},
        "user": {"id": bob.id, "name": "Bob", "role": "user"},
    }
    assert await other.next(CHANNEL, "typing") == expected
    assert await same_person.next(CHANNEL, "typing") == expected
    await window.settle()
    assert window.of(CHANNEL, "typing") == []
    await window.emit(
        CHANNEL, {**said, "message_id": "root", "data": {"type": "typing", "data": {"typing": False}}}
    )
    told = await other.next(CHANNEL, "typing", count=2)
    assert (told["message_id"], told["data"]["data"]) == ("root", {"typing": False})


async def test_typing_where_one_may_not_write_or_is_not_is_ignored(
    server: Server, admin: Person, bob: Person, cleo: Person
) -> None:
    """Readers and outsiders type for themselves."""
    grants = [{"principal_type": "user", "principal_id": bob.id, "permission": "read"}]
    channel = (await admin.post("/api/v1/channels/create", {"name": "n", "access_grants": grants}))["id"]
    listener = await admin.connect()
    for person in (bob, cleo):
        window = await person.connect()
        await window.emit(
            CHANNEL, {"channel_id": channel, "data": {"type": "typing", "data": {"typing": True}}}
        )
        await window.settle()
    await listener.settle()
    assert listener.of(CHANNEL, "typing") == []


async def test_w27_reading_is_told_to_all_ones_windows_and_stored(bob: Person, cleo: Person) -> None:
    """W-27: reading was not told to the person's other tabs. W-24: reading nothing new writes nothing.

    The window that says it hears it too: what was posted meanwhile is read as well.
    """
    general = await bob.general()
    window, other, stranger = await cleo.connect(), await cleo.connect(), await bob.connect()
    await bob.say(general, "news")
    mark = {"channel_id": general, "message_id": None, "data": {"type": "last_read_at", "data": {}}}
    for _ in range(3):
        await window.emit(CHANNEL, mark)
    event = await other.next(CHANNEL, "channel:read")
    stored = await cleo.get(f"/api/v1/channels/{general}")
    assert event == {
        "channel_id": general,
        "data": {"type": "channel:read", "data": {"last_read_at": stored["last_read_at"]}},
    }
    for one in (window, other, stranger):
        await one.settle()
    assert len(other.of(CHANNEL, "channel:read")) == len(window.of(CHANNEL, "channel:read")) == 1
    assert stranger.of(CHANNEL, "channel:read") == []


BAD_PAYLOADS: list[Any] = [
    None,
    5,
    "text",
    [],
    ["x"],
    {},
    {"channel_id": 5},
    {"channel_id": "x", "data": None},
    {"channel_id": "x", "data": {"type": None}},
    {"channel_id": "x", "data": {"type": "typing"}},
    {"channel_id": "x", "data": {"type": "typing", "data": {"typing": "yes"}}},
    {"channel_id": "x", "message_id": 7, "data": {"type": "typing", "data": {"typing": True}}},
]


async def test_an_event_that_is_no_object_harms_nobody(server: Server, bob: Person, cleo: Person) -> None:
    """W-82: whatever comes under whatever name, the socket and the others go on; it is counted."""
    general = await bob.general()
    window, other = await bob.connect(), await cleo.connect()
    for name in ("user-join", "join-channels", "heartbeat", "usage", CHANNEL, "events:chat", "nonsense"):
        for payload in BAD_PAYLOADS:
            await window.emit(name, payload)
    await window.client.emit(CHANNEL)
    await window.client.emit(CHANNEL, ({}, 1, "x"))
    await window.settle()
    assert sum(server.state.live.ignored.values()) > len(BAD_PAYLOADS)
    assert await window.call("user-join", {"auth": {"token": bob.token}}) == {"id": bob.id, "name": "Bob"}
    await window.emit(CHANNEL, {"channel_id": general, "data": {"type": "typing", "data": {"typing": True}}})
    await other.next(CHANNEL, "typing")
    await bob.say(general, "still here")
    await window.next(CHANNEL, "message")


@pytest.mark.parametrize(
    "packet", ["42", "42{}", "42[]", '42[{"a":1}]', "42[5]", "42[null]", "4", "49", "4x", "42[", "45"]
)
async def test_a_packet_that_is_none_is_ignored(server: Server, bob: Person, packet: str) -> None:
    """Broken Socket.IO packets on a good connection: the connection goes on."""
    async with raw_socket(server, bob) as raw:
        await raw.send_str(packet)
        await raw.send_str('421["user-join",{"auth":{"token":"' + bob.token + '"}}]')
        answer = await until_frame(raw, "431")
        assert json.loads(answer[3:]) == [{"id": bob.id, "name": "Bob"}]


@pytest.mark.parametrize("frame", ["", "x", "hello", b"\x00\x01", "9"])
async def test_a_frame_that_is_none_ends_that_connection_alone(
    server: Server, bob: Person, frame: str | bytes
) -> None:
    """No exception, no session left behind, and everyone else goes on."""
    window = await bob.connect()
    async with raw_socket(server, bob) as raw:
        assert len(server.state.live.sessions_of(bob.id)) == 2
        await (raw.send_bytes(frame) if isinstance(frame, bytes) else raw.send_str(frame))
        async with asyncio.timeout(10):
            while not raw.closed:
                await raw.receive()
    await window.settle()
    await eventually(server, lambda: server.state.live.sessions_of(bob.id) == (window.sid,))


async def test_a_socket_that_does_not_read_is_cut(
    server: Server, bob: Person, cleo: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for one socket is bounded; the others hear everything."""
    monkeypatch.setattr(wire, "MAX_QUEUED_FRAMES", 50)
    monkeypatch.setattr(engine, "PARTING_SECONDS", 0.1)
    general = await bob.general()
    window = await cleo.connect()
    _reader, writer = await _shake_hands_and_stop_reading(server, bob)
    live = server.state.live
    await eventually(server, lambda: len(live.sessions_of(bob.id)) == 1)
    for _ in range(500):
        if live._server.eio.overflows:
            break
        await live.emit("noise", {"text": "x" * 200_000}, f"user:{bob.id}")
        await bob.get("/health")
    assert live._server.eio.overflows == 1
    await eventually(server, lambda: live.sessions_of(bob.id) == ())
    assert len(live._server.eio.wires) == 1
    writer.transport.abort()
    await bob.say(general, "on we go")
    await window.next(CHANNEL, "message")


async def test_a_socket_that_reads_too_slowly_is_told_to_come_back_and_catch_up(
    server: Server, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above the bound nothing more is sent but the reason, and a client knows that it missed something."""
    monkeypatch.setattr(wire, "MAX_QUEUED_FRAMES", 50)
    monkeypatch.setattr(engine, "PARTING_SECONDS", 60.0)
    reader, writer = await _shake_hands_and_stop_reading(server, bob)
    live = server.state.live
    await eventually(server, lambda: len(live.sessions_of(bob.id)) == 1)
    for _ in range(500):
        if live._server.eio.overflows:
            break
        await live.emit("noise", {"text": "x" * 200_000}, f"user:{bob.id}")
        await bob.get("/health")
    await live.emit("late", {}, f"user:{bob.id}")
    last = b""
    async with asyncio.timeout(10):
        while not last.endswith(engine.TOO_SLOW[1].encode()):
            piece = await reader.read(1 << 20)
            assert piece
            last = (last + piece)[-200:]
    close = last[-len(engine.TOO_SLOW[1]) - 4 :]
    assert close[0] == 0x88
    assert int.from_bytes(close[2:4], "big") == 1013
    assert b"late" not in last
    writer.transport.abort()
    await eventually(server, lambda: live.sessions_of(bob.id) == () and not live._server.eio.wires)


async def test_a_burst_beyond_the_bound_ends_an_idle_socket_too(
    server: Server, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is sent in one go meets a writer that has not begun: it sends the reason, and leaves nothing."""
    monkeypatch.setattr(wire, "MAX_QUEUED_FRAMES", 50)
    live = server.state.live
    async with raw_socket(server, bob) as raw:
        for _ in range(60):
            await live.emit("noise", {}, f"user:{bob.id}")
        async with asyncio.timeout(10):
            while not raw.closed:
                await raw.receive()
        assert raw.close_code == 1013
    await eventually(server, lambda: live.sessions_of(bob.id) == () and not live._server.eio.wires)


async def test_a_heartbeat_is_written_once_a_minute(server: Server, bob: Person, cleo: Person) -> None:
    """However many windows send however many heartbeats."""
    window = await bob.connect()
    presence = server.state.presence

    async def stored() -> int:
        async with server.state.database.read() as connection:
            found = await connection.execute(select(users.c.last_active_at).where(users.c.id == bob.id))
            return int(found.scalar_one())

    async def set_back() -> None:
        async with server.state.database.write() as connection:
            await connection.execute(users.update().where(users.c.id == bob.id).values(last_active_at=1))

    await set_back()
    await window.call("heartbeat", {})
    assert await stored() == 1
    presence._written[bob.id] -= 61
    for _ in range(5):
        await window.call("heartbeat", {})
    assert await stored() > 1
    await set_back()
    await window.call("heartbeat", {})
    assert await stored() == 1
    assert await cleo.get(f"/api/v1/users/{bob.id}/active") == {"active": True}
    await window.close()
    await eventually(server, lambda: not server.state.live.sessions_of(bob.id))
    await set_back()
    assert await cleo.get(f"/api/v1/users/{bob.id}/active") == {"active": False}


async def test_models_in_use_are_told(bob: Person) -> None:
    """`usage` names a model for a few seconds."""
    window = await bob.connect()
    await window.emit("usage", {"action": "chat", "model": "eliza", "chat_id": "c"})
    await window.settle()
    assert await bob.get("/api/usage") == {"model_ids": ["eliza"], "user_count": 1}


async def test_the_end_closes_every_socket_and_leaves_no_task(tmp_path: Path) -> None:
    """Within 1.5 s, seen by clients as a lost connection, so that they come back by themselves."""
    async with serving(tmp_path / "data") as server:
        bob = await server.sign_up("Bob")
        windows = [await bob.connect() for _ in range(3)]
        polling = await bob.connect(transports=["polling"])
        stranger = Socket(server.http)
        await stranger.open(server.url, None)
        async with raw_socket(server, bob) as raw:
            async with asyncio.timeout(1.5):
                await server.app.drain()
            async with asyncio.timeout(5):
                while not raw.closed:
                    await raw.receive()
            assert (raw.close_code, server.state.live.people) == (1012, 0)
        async with asyncio.timeout(10):
            for one in (*windows, stranger):
                await one.gone.wait()
        assert {one.reason for one in windows} <= {"transport close", "transport error"}
        live = server.state.live
        assert not live._tasks
        assert not live._server.eio.tasks
        assert not live._sessions
        refused = await server.nobody.ask("GET", "/ws/socket.io/?EIO=4&transport=polling")
        assert refused.status == 503
        await polling.close()
        await stranger.close()


async def test_a_closed_socket_leaves_no_timer(server: Server, bob: Person) -> None:
    """The library would let each socket's next ping sleep on for 25 s."""
    for _ in range(3):
        window = await bob.connect()
        await window.settle()
        await window.close()
    eio = server.state.live._server.eio
    await eventually(server, lambda: not server.state.live._sessions)
    await eventually(server, lambda: len(eio.tasks) <= 1)
    assert not eio.wires


async def _shake_hands_and_stop_reading(
    server: Server, person: Person
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket that signs in and then reads nothing more, so that everything waits in the server."""
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    request = [
        "GET /ws/socket.io/?EIO=4&transport=websocket HTTP/1.1",
        f"Host: {host}:{port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ]
    writer.write("\r\n".join([*request, "", ""]).encode())
    await reader.readuntil(b"\r\n\r\n")
    text = ("40" + json.dumps({"token": person.token})).encode()
    # A masked text frame whose mask is zero: 126 says that two bytes of length follow.
    writer.write(bytes([0x81, 0x80 | 126]) + len(text).to_bytes(2, "big") + bytes(4) + text)
    await writer.drain()
    return reader, writer
