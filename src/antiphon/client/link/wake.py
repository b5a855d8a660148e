"""Noticing that the machine slept, or that this process was stopped for a while."""

from __future__ import annotations

import logging
from collections.abc import Callable

from antiphon.client.clock import Clock, Delays

log = logging.getLogger(__name__)


class WakeWatch:
    """Compares the time of day with the steady time, every few seconds.

    On most systems the steady time stands still during a sleep, so that the time of day jumps; where it does
    not, our own pause lasts far too long.
    """

    def __init__(self, clock: Clock, delays: Delays, woke: Callable[[], None]) -> None:
        self._clock = clock
        self._delays = delays
        self._woke = woke

    async def run(self) -> None:
        """Watch for ever."""
        clock, delays = self._clock, self._delays
        while True:
            day, steady = clock.now(), clock.monotonic()
            await clock.sleep(delays.wake_check)
            passed = clock.monotonic() - steady
            jump = (clock.now() - day) - passed
            late = passed - delays.wake_check
            if max(abs(jump), late) >= delays.wake_jump:
                log.info("the machine seems to have slept for %.0f s", jump if abs(jump) > late else late)
                self._woke()
