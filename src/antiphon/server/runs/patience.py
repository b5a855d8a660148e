"""How long a run waits for its provider: for the first sign, between two signs, and in all."""

import asyncio
from dataclasses import dataclass

from antiphon.server.runs.clock import Clock


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that a run waits; for a connection to come about the HTTP session has a limit of its own."""

    first: float = 300.0
    """To the first sign after the request: a local model may have to be loaded from disk."""
    idle: float = 120.0
    """Between two signs."""
    total: float = 3600.0
    background: float = 30.0
    """For title, tags and follow-up questions together."""


class Patience:
    """Notices that a provider has gone silent. One per run; `heard` costs next to nothing."""

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self._limits = limits
        self._began = asyncio.Event()
        self._start = 0.0
        self._last: float | None = None

    def begin(self) -> None:
        """Start to count: the request goes out."""
        self._start = self._clock.now()
        self._began.set()

    def heard(self) -> None:
        """Note a sign of life."""
        self._last = self._clock.now()

    async def watch(self) -> tuple[str, float]:
        """Return when patience is at an end: (`first`, `idle` or `total`, the limit in seconds)."""
        await self._began.wait()
        while True:
            phase, limit, since = self._next()
            left = since + limit - self._clock.now()
            if left <= 0:
                return phase, limit
            # Not longer than a silence may last: the first sign may come meanwhile, and then `idle` counts.
            await self._clock.sleep(min(left, self._limits.idle))

    def _next(self) -> tuple[str, float, float]:
        limits = self._limits
        if self._last is None:
            wait = ("first", limits.first, self._start)
        else:
            wait = ("idle", limits.idle, self._last)
        total = ("total", limits.total, self._start)
        return wait if wait[1] + wait[2] <= total[1] + total[2] else total
