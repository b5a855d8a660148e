"""The order in which things reached this client: what "newer" means for state that carries no version of its
own.
"""

from __future__ import annotations


class Arrivals:
    """A counter. Every event and every answer takes the next number; a request remembers the last number at
    its start.

    What a fetched page says is as old as its request's beginning, so any event with a higher number is newer
    than it.
    """

    def __init__(self) -> None:
        self.last = 0

    def next(self) -> int:
        """Number something that has just arrived."""
        self.last += 1
        return self.last
