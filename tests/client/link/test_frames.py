"""Frames are read the quick way, and nothing is read differently for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
import socketio
from hypothesis import example, given
from hypothesis import strategies as st

from antiphon.client.link.socket_io import SocketIO

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def reader() -> tuple[SocketIO, list[tuple[str, Any]]]:
    """Give a reader, and what it has handed over."""
    io, heard = SocketIO(reconnection=False, handle_sigint=False), []

    def arrived(name: str, payload: Any, answer: object) -> None:
        assert answer is None
        heard.append((name, payload))

    io.arrived = arrived
    return io, heard


class Line:
    """A WebSocket that brings some frames, and then nothing."""

    def __init__(self, *frames: object) -> None:
        self.frames = list(frames)

    def receive(self) -> Awaitable[Any]:
        """Give the next frame."""
        frame: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.frames:
            frame.set_result(aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, self.frames.pop(0), None))
        return frame


@given(payload=JSON)
@example(payload="\ud800")
@example(payload=2**80)
@example(payload=[[[]]] * 3)
def test_an_event_is_read_as_the_library_reads_it(payload: Any) -> None:
    """Any JSON, escaped or not; what the quick reader refuses is left to the library's."""
    io, heard = reader()
    for ascii_only in (True, False):
        text = json.dumps(["events", payload], ensure_ascii=ascii_only)
        if io._take_event(text):
            expected = socketio.packet.Packet(encoded_packet="2" + text).data
            assert json.dumps(heard.pop()) == json.dumps(("events", expected[1]))
    assert not heard


@pytest.mark.parametrize("text", ["[", "[]", "{}", "5", "[nan]", '["a"', "\x00"])
def test_what_is_no_event_is_left_to_the_library(text: str) -> None:
    """It has a word for it; the quick reader hands nothing over."""
    io, heard = reader()
    assert not io._take_event(text)
    assert not heard


async def test_frames_are_read_in_order_until_the_line_is_silent() -> None:
    """Events, other packets between them, and then the end: one timer notices that nothing comes."""
    io, heard = reader()
    engine = io.eio
    engine.state, engine.write_loop_task = "connected", asyncio.current_task()
    engine.ping_interval, engine.ping_timeout = 0.02, 0.01
    engine.ws = Line('42["one",1]', "6", '42["two",2]', '42/other,["three",3]', '42["four"]', '42["five",5]')
    async with asyncio.timeout(5):
        await engine._read_frames()
    assert heard == [("one", 1), ("two", 2), ("three", 3), ("four", None), ("five", 5)]


async def test_a_flood_of_frames_lets_others_have_their_turn() -> None:
    """The consumer of what is read runs in between, not after the flood."""
    io, heard = reader()
    engine = io.eio
    engine.state, engine.write_loop_task = "connected", asyncio.current_task()
    engine.ping_interval, engine.ping_timeout = 0.02, 0.01
    engine.ws = Line(*('42["more",0]' for _ in range(1_000)))
    seen: list[int] = []

    async def consumer() -> None:
        while len(heard) < 1_000:
            seen.append(len(heard))
            await asyncio.sleep(0)

    await asyncio.gather(engine._read_frames(), consumer())
    assert max(later - earlier for earlier, later in pairwise(seen)) <= 16
