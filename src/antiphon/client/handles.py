"""The handles of channels and chats: the same one for the same id, and no more of them than are of use."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")

MOST_IDLE = 200
"""Handles that are kept although nothing uses them, so that going back to one costs no fetch."""


class Handles(Generic[T]):
    """Handles by id. One that somebody holds, or that is in use, is never replaced by another.

    In use is what a window shows, what has subscribers, and what is not settled; `in_use` tells. Of the
    others the ones asked for latest are kept.
    """

    def __init__(
        self, make: Callable[[str], T], in_use: Callable[[str, T], bool], most_idle: int = MOST_IDLE
    ) -> None:
        self._make = make
        self._in_use = in_use
        self._most_idle = most_idle
        self._alive: WeakValueDictionary[str, T] = WeakValueDictionary()
        self._kept: OrderedDict[str, T] = OrderedDict()

    def __len__(self) -> int:
        """Count the handles that would live on if nobody else held them."""
        return len(self._kept)

    def get(self, id_: str | None) -> T | None:
        """Give a handle that exists."""
        return None if id_ is None else self._alive.get(id_)

    def of(self, id_: str) -> T:
        """Give the handle of an id, a new one if need be."""
        handle = self._alive.get(id_)
        if handle is None:
            handle = self._make(id_)
        self.put(id_, handle)
        return handle

    def put(self, id_: str, handle: T) -> None:
        """Keep a handle as the one asked for latest."""
        self._alive[id_] = handle
        self._kept[id_] = handle
        self._kept.move_to_end(id_)
        if len(self._kept) > self._most_idle:
            self._let_go()

    def items(self) -> tuple[tuple[str, T], ...]:
        """Give all handles that exist, with their ids."""
        return tuple(self._alive.items()) if len(self._alive) else ()

    def _let_go(self) -> None:
        idle = [id_ for id_, handle in self._kept.items() if not self._in_use(id_, handle)]
        # A quarter more than needed, so that the next handles do not count again.
        for id_ in idle[: max(len(idle) - self._most_idle * 3 // 4, 0)]:
            del self._kept[id_]
