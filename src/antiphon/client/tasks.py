"""Background work with an owner."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from .errors import AntiphonError

T = TypeVar("T")


class Tasks:
    """Work that lives no longer than its client: children of one task group.

    Expected errors are handled inside the work. An unexpected one ends the client, visibly: the link says so
    and `close` raises it.
    """

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._running: set[asyncio.Task[Any]] = set()
        self.closed = False
        """Whether everything is being ended: what began now would never be."""

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start work in the background. Raises `AntiphonError` when the client is closing."""
        if self.closed:
            work.close()
            raise AntiphonError("the client is closing")
        task = self._group.create_task(work, name=f"antiphon:{name}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def cancel_all(self) -> None:
        """End everything that runs."""
        self.closed = True
        for task in tuple(self._running):
            task.cancel()


async def together(*works: Coroutine[Any, Any, Any]) -> tuple[Any, ...]:
    """Run several pieces of work at once and give their results in order.

    The first error ends the others and is raised itself, not inside a group.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except BaseExceptionGroup as errors:
        raise _first(errors) from None
    return tuple(task.result() for task in tasks)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
