"""The order in which things reached this client: what "newer" means for state that has no version of its
own.
"""

from __future__ import annotations


class Arrivals:
    """A counter. Every event, every answer and the beginning of every request takes the next number.

    What a fetched page says is as old as its request's beginning, so any event with a higher number is newer.
    """

    def __init__(self) -> None:
        self.last = 0

    def next(self) -> int:
        """Number something that happens now."""
        self.last += 1
        return self.last
