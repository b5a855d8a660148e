"""Background work with an owner."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from antiphon.client.errors import AntiphonError
from antiphon.client.faults import Faults

T = TypeVar("T")


class Tasks:
    """Work that lives no longer than its client: children of one task group.

    Expected errors are handled inside the work. An unexpected one ends its work alone: `faults` logs and
    counts it, and what it left undone is fetched.
    """

    def __init__(self, group: asyncio.TaskGroup, faults: Faults) -> None:
        self._group = group
        self._faults = faults
        self._running: set[asyncio.Task[Any]] = set()
        self.closed = False
        """Whether everything is being ended: what began now would never be."""

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[None]:
        """Start work in the background. Raises `AntiphonError` when the client is closing."""
        if self.closed:
            work.close()
            raise AntiphonError("the client is closing")
        task = self._group.create_task(self._guarded(work, name), name=f"antiphon:{name}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: work.close())  # where it was ended before it began
        return task

    async def _guarded(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - its own owner did not expect it: nobody else can do more than say so
            self._faults.report(name, error)

    def cancel_all(self) -> None:
        """End everything that runs."""
        self.closed = True
        for task in tuple(self._running):
            task.cancel()


async def together(*works: Coroutine[Any, Any, Any]) -> tuple[Any, ...]:
    """Run several pieces of work at once and give their results in order.

    The first error ends the others and is raised itself, not inside a group.
    """
    return await _run(works, asyncio.ALL_COMPLETED)


async def first(*works: Coroutine[Any, Any, Any]) -> None:
    """Run several pieces of work until one of them is done, and end the others. An error is raised itself."""
    await _run(works, asyncio.FIRST_COMPLETED)


async def _run(works: Sequence[Coroutine[Any, Any, T]], until: str) -> tuple[T, ...]:
    """Run the works until all are done, or the first one, or one has failed.

    No error reaches the group: where the work of a task group fails while its owner is being ended, the
    group raises the failure alone, and an owner that tries again after a failure would go on for ever.
    """
    errors: list[Exception] = []
    results: list[T] = []
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_kept(work, errors)) for work in works]
        pending = set(tasks)
        while pending and not errors:
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if until == asyncio.FIRST_COMPLETED:
                break
        for task in tasks:
            task.cancel()
    if errors:
        raise errors[0]
    for task in tasks:
        if not task.cancelled():
            results += task.result()
    return tuple(results)


async def _kept(work: Coroutine[Any, Any, T], errors: list[Exception]) -> tuple[T, ...]:
    try:
        return (await work,)
    except Exception as error:  # noqa: BLE001 - raised by whoever waits for all of them
        errors.append(error)
        return ()
