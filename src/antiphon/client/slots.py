"""How many requests one piece of work may have under way at once, wherever in the client it makes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

_slots: ContextVar[asyncio.Semaphore | None] = ContextVar("slots", default=None)


@contextmanager
def sharing(slots: asyncio.Semaphore) -> Iterator[None]:
    """Let every request that begins inside, also in tasks that begin there, take one of these slots."""
    before = _slots.set(slots)
    try:
        yield
    finally:
        _slots.reset(before)


@asynccontextmanager
async def slot() -> AsyncIterator[None]:
    """Wait for a slot, where the work that asks has a limit, and hold it for the time of one request."""
    slots = _slots.get()
    if slots is None:
        yield
        return
    async with slots:
        yield
