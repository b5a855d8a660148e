"""Work by conversation: one thing at a time in each, several conversations side by side, bounded."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

J = TypeVar("J")

Conversation = tuple[str, str | None]
"""A channel, and in a thread the message that it stands under."""


class Conversations(Generic[J]):
    """Queues of jobs. `work` must not raise; `emptied(channel)` is told when nothing of it waits any more."""

    def __init__(
        self, at_once: int, work: Callable[[J], Awaitable[None]], emptied: Callable[[str], None]
    ) -> None:
        self._work = work
        self._emptied = emptied
        self._slots = asyncio.Semaphore(at_once)
        self._queues: dict[Conversation, deque[J]] = {}
        self._waiting: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy = 0
        self._closed = False
        self._dropped = 0

    def waiting(self, channel_id: str) -> int:
        """How many jobs of a channel have not begun."""
        return self._waiting[channel_id]

    @property
    def tasks(self) -> int:
        """How many conversations have work."""
        return len(self._tasks)

    def put(self, conversation: Conversation, job: J) -> None:
        """Add a job to a conversation's queue; after the end there is none."""
        if self._closed:
            return
        self._waiting[conversation[0]] += 1
        queue = self._queues.get(conversation)
        if queue is not None:
            queue.append(job)
            return
        self._queues[conversation] = deque([job])
        task = asyncio.create_task(self._run(conversation), name="antiphon:conversation")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Begin nothing more."""
        self._closed = True
        self._dropped += self._waiting.total()
        self._waiting.clear()
        for queue in self._queues.values():
            queue.clear()

    async def end(self, limit: float) -> tuple[int, int]:
        """Begin nothing more, and give what is under way `limit` seconds to finish.

        Gives how many jobs were not begun, and how many were cut off.
        """
        self.close()
        cut = 0
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=limit)
            cut = self._busy
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        return self._dropped, cut

    async def _run(self, conversation: Conversation) -> None:
        queue, channel_id = self._queues[conversation], conversation[0]
        try:
            while queue:
                async with self._slots:
                    if not queue:  # Cleared while this one waited for its turn.
                        break
                    job = queue.popleft()
                    self._waiting[channel_id] -= 1
                    self._busy += 1
                    try:
                        await self._work(job)
                    finally:
                        self._busy -= 1
                if not self._closed and not self._waiting[channel_id]:
                    del self._waiting[channel_id]
                    self._emptied(channel_id)
        finally:
            del self._queues[conversation]
