"""How long to wait before the next attempt."""

from __future__ import annotations

from collections.abc import Callable


class Backoff:
    """Delays that double up to a ceiling and are spread at every step, at the ceiling too (W-12).

    The delay before attempt n is uniform in [0.5 · base, min(1.5 · base, most)], where
    base = min(most, first · 2^n): clients that lost the same
    server at the same moment do not come back at the same moment.
    """

    def __init__(self, first: float, most: float, random: Callable[[], float]) -> None:
        self._first = first
        self._most = most
        self._random = random
        self.failures = 0

    def reset(self) -> None:
        """Start again from the first delay."""
        self.failures = 0

    def next(self) -> float:
        """Count a failure and give the seconds to wait after it."""
        # The exponent stops growing where the ceiling is reached for certain: attempts are unlimited, floats
        # are not.
        base = min(self._most, self._first * 2.0 ** min(self.failures, 32))
        self.failures += 1
        low, high = 0.5 * base, min(1.5 * base, self._most)
        return low + self._random() * (high - low)
