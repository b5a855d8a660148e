"""How fast one socket may speak: what it says is passed on to others, and costs everyone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

AT_ONCE = 200
"""Events that a socket may send in one go: a page that comes back says a lot at first."""
PER_SECOND = 50.0
"""Events a second that it may send for good; a person who types sends one every two seconds."""


@dataclass(slots=True)
class Pace:
    """One socket's. Nothing is dropped: a socket that is too fast is read more slowly, and so has to wait."""

    left: float = field(default_factory=lambda: float(AT_ONCE))
    counted_at: float = 0.0

    async def keep(self) -> None:
        """Count one event; returns when it may be handled."""
        now = asyncio.get_running_loop().time()
        self.left = min(float(AT_ONCE), self.left + (now - self.counted_at) * PER_SECOND) - 1
        self.counted_at = now
        if self.left < 0:
            await asyncio.sleep(-self.left / PER_SECOND)
