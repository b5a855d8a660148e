"""Frames and patience by a clock that the test turns."""

from __future__ import annotations

import asyncio

from tests.server.runs.clock import HandClock

from antiphon.server.runs.frames import Frames
from antiphon.server.runs.patience import Limits, Patience


async def test_the_first_frame_goes_at_once_and_the_next_after_the_interval() -> None:
    """However often it is woken, one frame per interval; the rest is told at the end."""
    clock, told, count = HandClock(), asyncio.Event(), 0

    async def flush() -> None:
        nonlocal count
        count += 1
        told.set()

    frames = Frames(flush, clock, 0.04)
    running = asyncio.ensure_future(frames.run())
    frames.wake()
    await told.wait()
    await clock.slept_on(0.04)
    for _ in range(5):
        frames.wake()
    clock.turn(0.039)
    assert count == 1
    told.clear()
    clock.turn(0.001)
    await told.wait()
    assert count == 2
    await frames.finish(running)
    await asyncio.gather(running, return_exceptions=True)
    assert count == 3


async def test_a_frame_is_never_cut_in_its_middle() -> None:
    """The end waits for a frame that is being told."""
    clock, begun, go = HandClock(), asyncio.Event(), asyncio.Event()
    said: list[str] = []

    async def flush() -> None:
        begun.set()
        await go.wait()
        said.append("told")

    frames = Frames(flush, clock, 0.04)
    running = asyncio.ensure_future(frames.run())
    frames.wake()
    await begun.wait()
    finishing = asyncio.ensure_future(frames.finish(running))
    go.set()
    await finishing
    assert said == ["told", "told"]
    await asyncio.gather(running, return_exceptions=True)


async def test_patience_counts_silence_from_the_first_sign_on() -> None:
    """A sign that comes while the longer limit runs starts the shorter one at once."""
    clock = HandClock()
    patience = Patience(clock, Limits(first=100, idle=10, total=1000))
    watching = asyncio.ensure_future(patience.watch())
    patience.begin()
    await clock.slept_on(10)
    clock.turn(4)
    patience.heard()
    clock.turn(6)
    await clock.slept_on(4)
    clock.turn(4)
    assert await watching == ("idle", 10)


async def test_patience_does_not_begin_before_the_request() -> None:
    """A run that stands in line is not given up for its provider's silence."""
    clock = HandClock()
    patience = Patience(clock, Limits(first=5, idle=5, total=8))
    watching = asyncio.ensure_future(patience.watch())
    clock.turn(60)
    patience.begin()
    await clock.slept_on(5)
    clock.turn(4)
    patience.heard()
    clock.turn(4)
    assert await watching == ("total", 8)
