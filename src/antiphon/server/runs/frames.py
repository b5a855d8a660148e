"""Frames: what has come in is told at most once per interval, the first of it at once."""

import asyncio
from collections.abc import Awaitable, Callable

from antiphon.server.runs.clock import Clock


class Frames:
    """Calls `flush` when `wake` was called, but not again within `interval` seconds of the last time.

    `flush` never runs twice at once, and is never cut in its middle: a delta that was taken is told.
    """

    def __init__(self, flush: Callable[[], Awaitable[None]], clock: Clock, interval: float) -> None:
        self._flush = flush
        self._clock = clock
        self._interval = interval
        self._woken = asyncio.Event()
        self._lock = asyncio.Lock()

    def wake(self) -> None:
        """Say that there is something to tell."""
        self._woken.set()

    async def run(self) -> None:
        """Tell what comes, until cancelled; cancel it only through `finish`."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            await self.now()
            await self._clock.sleep(self._interval)

    async def now(self) -> None:
        """Tell at once what is there."""
        async with self._lock:
            await self._flush()

    async def finish(self, running: "asyncio.Task[None]") -> None:
        """End `running` (the task of `run`) between two frames, and tell the rest."""
        async with self._lock:
            running.cancel()
            await self._flush()
