"""The one way in: everything a socket brings goes through here, in order, to one consumer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from antiphon.client.arrivals import Arrivals
from antiphon.wire import ServerEvent

CAPACITY = 4096
"""Events that may wait. A consumer that far behind has lost the thread: it is cheaper to fetch what is on
screen.
"""

Answer = Callable[[object], Awaitable[None]]
"""Sends the acknowledgement that the server waits for."""


@dataclass(frozen=True, slots=True)
class Received:
    """An event, the number of its arrival, and the way to answer it where the server waits for an answer."""

    event: ServerEvent
    stamp: int
    answer: Answer | None = None


class Inbox:
    """A bounded queue. When it overflows, the newest events are dropped, and that is said once it has
    drained.
    """

    def __init__(self, arrivals: Arrivals, capacity: int = CAPACITY) -> None:
        self._arrivals = arrivals
        self._waiting: deque[Received] = deque()
        self._some = asyncio.Event()
        self.capacity = capacity
        self.dropped = 0

    def put(self, event: ServerEvent, answer: Answer | None = None) -> bool:
        """Take an event; False when there was no room for it."""
        received = Received(event, self._arrivals.next(), answer)
        if len(self._waiting) >= self.capacity:
            self.dropped += 1
            return False
        self._waiting.append(received)
        self._some.set()
        return True

    async def consume(
        self,
        take: Callable[[Received], None],
        overflowed: Callable[[int], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Hand over every event in order, for ever; after an overflow tell how many are missing.

        An error of `take` is told to `failed`, and the next event has its turn.
        """
        while True:
            await self._some.wait()
            while self._waiting:
                try:
                    take(self._waiting.popleft())
                except Exception as error:  # noqa: BLE001 - one event that a reducer stumbles over must not stop all others
                    failed(error)
            self._some.clear()
            if self.dropped:
                dropped, self.dropped = self.dropped, 0
                overflowed(dropped)
