"""A clock whose hands the test turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from antiphon.client.clock import Cancel, Delays

QUICK = Delays(
    connect=10,
    ack=5,
    request=10,
    retry_first=0.02,
    retry_most=0.05,
    settled=0.5,
    read_throttle=0.01,
    refetch=0.01,
    resend_settled=0.05,
)
"""Delays for tests over real sockets: the same rules, in hundredths of a second."""


@dataclass
class _Timer:
    at: float
    callback: Callable[[], None]
    live: bool = True


@dataclass
class HandClock:
    """Time stands still until `advance` turns it."""

    time: float = 1_800_000_000.0
    steady: float = 1000.0
    timers: list[_Timer] = field(default_factory=list)

    def now(self) -> float:
        """Give the time of day."""
        return self.time

    def monotonic(self) -> float:
        """Give the steady time."""
        return self.steady

    async def sleep(self, seconds: float) -> None:
        """Wait until the hands have passed."""
        done = asyncio.get_running_loop().create_future()
        cancel = self.call_later(seconds, lambda: done.done() or done.set_result(None))
        try:
            await done
        finally:
            cancel()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Cancel:
        """Set a timer."""
        timer = _Timer(self.steady + seconds, callback)
        self.timers.append(timer)

        def cancel() -> None:
            timer.live = False
            if timer in self.timers:
                self.timers.remove(timer)

        return cancel

    def advance(self, seconds: float) -> None:
        """Turn the hands; timers fire in order."""
        end = self.steady + seconds
        while True:
            due = min((t for t in self.timers if t.at <= end), key=lambda t: t.at, default=None)
            if due is None:
                break
            self.timers.remove(due)
            self.time += due.at - self.steady
            self.steady = max(self.steady, due.at)
            if due.live:
                due.callback()
        self.time += end - self.steady
        self.steady = end

    def jump(self, seconds: float) -> None:
        """Change the time of day alone, as a sleep of the machine does."""
        self.time += seconds
