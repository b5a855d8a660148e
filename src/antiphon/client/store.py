"""A value that can be watched: the Svelte store contract in Python."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Unsubscribe = Callable[[], None]
"""Ends a subscription. Calling it twice does nothing."""


class Readable(Protocol[T_co]):
    """What `Store` and `Derived` have in common."""

    @property
    def value(self) -> T_co:
        """Give the value of now."""
        ...

    def subscribe(self, callback: Callable[[Any], None]) -> Unsubscribe:
        """Call `callback` with the value of now at once, and with each later one."""
        ...


class Listeners(Generic[T]):
    """An ordered set of callbacks. One that raises is logged and does not keep the others from hearing."""

    def __init__(self) -> None:
        self._callbacks: dict[object, Callable[[T], None]] = {}

    def __len__(self) -> int:
        return len(self._callbacks)

    def add(self, callback: Callable[[T], None]) -> Unsubscribe:
        """Add a callback; the same function may be added several times."""
        token = object()
        self._callbacks[token] = callback

        def unsubscribe() -> None:
            self._callbacks.pop(token, None)

        return unsubscribe

    def tell(self, value: T) -> None:
        """Call all who listened when this call began and still do."""
        for token, callback in list(self._callbacks.items()):
            if token in self._callbacks:
                call_safely(callback, value)


def call_safely(callback: Callable[[T], None], value: T) -> None:
    """Call a subscriber; its error is logged with its trace, because the publisher cannot mend it."""
    try:
        callback(value)
    except Exception:  # a subscriber is foreign code: its fault is logged, the others still hear
        log.exception("a subscriber raised an error")


class Store(Generic[T]):
    """A value with subscribers. It never waits; a change made by a subscriber is told after the one being
    told.
    """

    def __init__(self, value: T) -> None:
        self._value = value
        self._listeners: Listeners[T] = Listeners()
        self._untold: deque[T] = deque()
        self._telling = False

    @property
    def value(self) -> T:
        """The value of now."""
        return self._value

    @property
    def subscribers(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def set(self, value: T) -> None:
        """Replace the value and tell it, unless it is the very same object."""
        if value is self._value:
            return
        self._value = value
        self._untold.append(value)
        if self._telling:
            return
        self._telling = True
        try:
            while self._untold:
                self._listeners.tell(self._untold.popleft())
        finally:
            self._telling = False

    def update(self, change: Callable[[T], T]) -> None:
        """Set what `change` makes of the value."""
        self.set(change(self._value))

    def subscribe(self, callback: Callable[[T], None]) -> Unsubscribe:
        """Call `callback` with the value at once and with each later one."""
        unsubscribe = self._listeners.add(callback)
        call_safely(callback, self._value)
        return unsubscribe


class Derived(Generic[T]):
    """A value computed from other stores. It listens to them only while somebody listens to it."""

    def __init__(self, sources: tuple[Readable[Any], ...], compute: Callable[..., T]) -> None:
        self._sources = sources
        self._compute = compute
        self._listeners: Listeners[T] = Listeners()
        self._release: list[Unsubscribe] = []
        self._value: T | None = None

    @property
    def value(self) -> T:
        """The value of now, computed when nobody listens."""
        if self._release:
            return self._value  # type: ignore[return-value]  # set by the first subscription, and None may be a T
        return self._compute(*(source.value for source in self._sources))

    @property
    def subscribers(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def subscribe(self, callback: Callable[[T], None]) -> Unsubscribe:
        """Call `callback` with the value at once and with each later one that differs."""
        if not len(self._listeners):
            self._attach()
        remove = self._listeners.add(callback)
        call_safely(callback, self.value)

        def unsubscribe() -> None:
            remove()
            if not len(self._listeners):
                self._detach()

        return unsubscribe

    def _attach(self) -> None:
        self._value = self._compute(*(source.value for source in self._sources))
        starting = True

        def changed(_: Any) -> None:
            if not starting:
                self._recompute()

        self._release = [source.subscribe(changed) for source in self._sources]
        starting = False

    def _recompute(self) -> None:
        value = self._compute(*(source.value for source in self._sources))
        if value != self._value:
            self._value = value
            self._listeners.tell(value)

    def _detach(self) -> None:
        release, self._release = self._release, []
        for unsubscribe in release:
            unsubscribe()
        self._value = None
