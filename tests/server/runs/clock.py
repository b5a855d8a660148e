"""A clock whose hands the test turns."""

from __future__ import annotations

import asyncio


class HandClock:
    """Time stands still until `turn`; whoever sleeps on it wakes when their time has come."""

    def __init__(self) -> None:
        self._now = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._more = asyncio.Event()

    def now(self) -> float:
        """The time that the hands show."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Come back when the hands have been turned so far."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sleeper = (self._now + seconds, done)
        self._sleepers.append(sleeper)
        self._more.set()
        try:
            await done
        finally:
            self._sleepers.remove(sleeper)

    def turn(self, seconds: float) -> None:
        """Let `seconds` go by at once."""
        self._now += seconds
        for until, done in list(self._sleepers):
            if until <= self._now and not done.done():
                done.set_result(None)

    async def slept_on(self, seconds: float) -> None:
        """Wait until somebody sleeps for exactly so long from now on."""
        async with asyncio.timeout(10):
            while not any(abs(until - self._now - seconds) < 1e-6 for until, _ in self._sleepers):
                self._more.clear()
                await self._more.wait()
