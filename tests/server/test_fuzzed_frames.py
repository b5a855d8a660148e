"""Whatever comes in, by WebSocket or by polling: one connection may end by it, and no other one notices."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.server.serving import Person, Server, Socket, serving

from antiphon.server.live import pace

PATH = "/ws/socket.io/?EIO=4&transport="
EVENTS = (
    "user-join",
    "join-channels",
    "heartbeat",
    "usage",
    "events:channel",
    "events:chat",
    "disconnect",
    "*",
)

texts = st.text(st.characters(exclude_categories=[]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
payloads = st.fixed_dictionaries(
    {},
    optional={
        "channel_id": values,
        "chat_id": values,
        "message_id": values,
        "model": values,
        "action": values,
        "auth": st.fixed_dictionaries({"token": values}) | values,
        "data": st.fixed_dictionaries({"type": values, "data": values}) | values,
    },
)
arguments = st.lists(payloads | values, max_size=3)
namespaces = st.sampled_from(["", "", "", "/,", "/admin,", "/?a=b,", "/*,", "/"])
numbers = st.sampled_from(["", "", "0", "1", "99", "9" * 120, "-1"])
types = st.sampled_from("0123456789")
"""What Socket.IO numbers as connect, disconnect, event, ack, error, and the two that carry binary."""


@st.composite
def packets(draw: st.DrawFn) -> str:
    """A Socket.IO packet in an Engine.IO message, more or less."""
    attachments = draw(st.sampled_from(["", "", "", "0-", "1-", "99999999999-"]))
    name = draw(st.sampled_from(EVENTS) | values)
    body = json.dumps([name, *draw(arguments)]) if draw(st.integers(0, 4)) else draw(texts)
    return f"4{draw(types)}{attachments}{draw(namespaces)}{draw(numbers)}{body}"


frames = (
    packets()
    | packets()
    | packets()
    | st.binary(max_size=40)
    | texts
    | st.sampled_from(["", "2probe", "5", "6", "0{}", "1"])
)


def sendable(frame: str | bytes) -> str | bytes:
    """As it can be put on a line: half a surrogate pair can only go as bytes."""
    return frame if isinstance(frame, bytes) else frame.encode("utf-8", "replace").decode()


async def throw_websocket(server: Server, person: Person | None, said: list[str | bytes]) -> None:
    """Say all of this on one WebSocket, for as long as it stays open."""
    async with server.http.ws_connect(f"{server.url}{PATH}websocket") as connection:
        await connection.receive_str()
        if person is not None:
            await connection.send_str("40" + json.dumps({"token": person.token}))
        for frame in map(sendable, said):
            try:
                await (
                    connection.send_bytes(frame) if isinstance(frame, bytes) else connection.send_str(frame)
                )
            except (ConnectionError, aiohttp.ClientError):
                return


async def throw_polling(server: Server, person: Person | None, said: list[str | bytes]) -> None:
    """Say all of this in the requests of one session, each answered with 200 or 400."""
    async with server.http.get(f"{server.url}{PATH}polling") as answer:
        sid = json.loads((await answer.text())[1:])["sid"]
    first: list[str | bytes] = [] if person is None else ["40" + json.dumps({"token": person.token})]
    for frame in first + said:
        body = sendable(frame)
        data = body if isinstance(body, bytes) else body.encode()
        async with server.http.post(f"{server.url}{PATH}polling&sid={sid}", data=data) as answer:
            assert answer.status in {200, 400}, (answer.status, data)
            if answer.status == 400:
                return
    async with server.http.post(f"{server.url}{PATH}polling&sid={sid}", data=b"1") as answer:
        assert answer.status in {200, 400}


@pytest.mark.parametrize("throw", [throw_websocket, throw_polling])
def test_no_frame_harms_another_connection(
    tmp_path: Path, throw: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A witness hears each post while frames of any kind arrive beside it, from people and from strangers;
    nothing of theirs is left behind, and the log has no error.
    """
    monkeypatch.setattr(pace, "AT_ONCE", 10_000)
    with asyncio.Runner() as runner:
        running = serving(tmp_path / "data")
        server = runner.run(running.__aenter__())
        try:
            bob, cleo = runner.run(_two(server))
            witness: Socket = runner.run(cleo.connect())
            general = runner.run(bob.general())
            posts = 0

            @settings(max_examples=60, database=None, phases=[Phase.generate, Phase.shrink])
            @given(said=st.lists(frames, min_size=1, max_size=12), signed_in=st.booleans())
            def fuzz(said: list[str | bytes], signed_in: bool) -> None:
                nonlocal posts
                posts += 1
                runner.run(throw(server, bob if signed_in else None, said))
                runner.run(_hears(bob, general, witness, posts))

            fuzz()
            runner.run(_alone(server, witness))
            sockets = server.state.live._server
            assert sockets.malformed_packets + sockets.eio.refused_frames > 10
        finally:
            runner.run(running.__aexit__(None, None, None))
    assert [record.getMessage() for record in caplog.records if record.name.startswith("antiphon")] == []
    assert "Traceback" not in caplog.text


async def _two(server: Server) -> tuple[Person, Person]:
    return await server.sign_up("Bob"), await server.sign_up("Cleo")


async def _hears(bob: Person, general: str, witness: Socket, count: int) -> None:
    await bob.say(general, f"post {count}")
    heard = await witness.next("events:channel", "message", count=count)
    assert heard["data"]["data"]["content"] == f"post {count}"


async def _alone(server: Server, witness: Socket) -> None:
    async with asyncio.timeout(10):
        while len(server.state.live._server.eio.wires) > 1 or len(server.state.live._sessions) > 1:
            await server.nobody.get("/health")
    await witness.settle()
