"""Whoever wants the events themselves: bots, bridges, notifiers. They come after the reducers have done their
work.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Generic, NoReturn, Self, TypeVar, cast

from antiphon.client.errors import AntiphonError, Lagged, SignedOut
from antiphon.client.store import Unsubscribe, call_safely
from antiphon.client.tasks import Tasks
from antiphon.wire import Event, Malformed, Unknown

log = logging.getLogger(__name__)

E = TypeVar("E")

_WIRE = (Event, Unknown, Malformed)

WAITING = 1_000
"""Events that one subscriber may leave untaken."""


class EventStream(Generic[E]):
    """Events of some classes, as an asynchronous iterator.

    Reading raises `Lagged` where events were missed, and `SignedOut` once the server no longer knows this
    person.

    Close it when it is no longer read, or use it in a `with`; the client closes it in the end.
    """

    def __init__(self, kinds: tuple[type[Any], ...], release: Callable[[EventStream[Any]], None]) -> None:
        self.kinds = kinds
        self._queue: asyncio.Queue[Any] = asyncio.Queue(WAITING)
        self._missed = 0
        self._error: AntiphonError | None = None
        self._release = release
        self.closed = False

    def put(self, event: object) -> None:
        """Add an event; when there is no room it is counted as missed."""
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self._missed += 1

    def close(self, error: AntiphonError | None = None) -> None:
        """End the stream; its reader stops after what it holds, with `error` if there is one."""
        if not self.closed:
            self.closed = True
            self._error = error
            self._release(self)
            if not self._queue.full():
                self._queue.put_nowait(None)

    def __aiter__(self) -> AsyncIterator[E]:
        return self

    async def __anext__(self) -> E:
        if self._queue.empty():
            if self._missed:
                missed, self._missed = self._missed, 0
                raise Lagged(missed)
            if self.closed:
                self._stop()
        event = await self._queue.get()
        if event is None:
            self._stop()
        return cast("E", event)

    def _stop(self) -> NoReturn:
        error, self._error = self._error, None
        raise StopAsyncIteration if error is None else error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class EventListeners:
    """All subscribers of a client's events."""

    def __init__(self) -> None:
        self._callbacks: dict[object, tuple[type[Any], Callable[[Any], None]]] = {}
        self._streams: list[EventStream[Any]] = []
        self._over: str | None = None

    def __len__(self) -> int:
        return len(self._callbacks) + len(self._streams)

    def wants(self, kind: type[Any]) -> bool:
        """Whether anybody asked for this very class, or for one that it belongs to."""
        for wanted, _ in self._callbacks.values():
            if issubclass(kind, wanted):
                return True
        return any(issubclass(kind, stream.kinds) for stream in self._streams) if self._streams else False

    def tell(self, event: object) -> None:
        """Hand an event to whoever wants its class. A stream of no class in particular is one of the
        server's events.
        """
        for token, (kind, callback) in list(self._callbacks.items()):
            if token in self._callbacks and isinstance(event, kind):
                call_safely(_plain(callback), event)
        for stream in tuple(self._streams):
            if isinstance(event, stream.kinds or _WIRE):
                stream.put(event)

    def stream(self, *kinds: type[Any]) -> EventStream[Any]:
        """Give a stream of the events of these classes; of all, when none is named."""
        stream: EventStream[Any] = EventStream(kinds, self._forget)
        if self._over is None:
            self._streams.append(stream)
        else:
            stream.close(SignedOut(401, self._over))
        return stream

    def on(
        self,
        kind: type[Any],
        callback: Callable[[Any], None] | Callable[[Any], Awaitable[None]],
        tasks: Callable[[], Tasks],
    ) -> Unsubscribe:
        """Call `callback` with each event of a class; an asynchronous one takes them one after the other, as
        a task among `tasks`.
        """
        if inspect.iscoroutinefunction(callback):
            background = tasks()  # Raises before anything is attached.
            stream = self.stream(kind)
            background.spawn(_feed(stream, callback), "listener")
            return stream.close
        token = object()
        self._callbacks[token] = (kind, callback)  # type: ignore[assignment]  # checked above: it is synchronous

        def unsubscribe() -> None:
            self._callbacks.pop(token, None)

        return unsubscribe

    def end(self, reason: str) -> None:
        """Nobody is signed in any more: no event will come, who waits for one is told, and all are
        released.
        """
        self._over = reason
        self._callbacks.clear()
        for stream in tuple(self._streams):
            stream.close(SignedOut(401, reason))

    def close(self) -> None:
        """Release everybody."""
        self._callbacks.clear()
        for stream in tuple(self._streams):
            stream.close()

    def _forget(self, stream: EventStream[Any]) -> None:
        if stream in self._streams:
            self._streams.remove(stream)


def _plain(callback: Callable[[Any], Any]) -> Callable[[Any], None]:
    """Let a synchronous callback that gives an awaitable hear of it: nobody would ever wait for that."""

    def call(event: Any) -> None:
        result = callback(event)
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            raise TypeError("the callback gave something to await; make it an 'async def'")

    return call


async def _feed(stream: EventStream[Any], callback: Callable[[Any], Awaitable[None]]) -> None:
    while True:
        try:
            event = await anext(stream)
        except Lagged as error:
            log.warning("a listener is too slow: %s", error)
            continue
        except (StopAsyncIteration, SignedOut):
            return
        try:
            await callback(event)
        except Exception:  # a listener is foreign code: its fault is logged and must not end the client
            log.exception("a listener raised an error; it goes on with the next event")
