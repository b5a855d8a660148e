"""The stream of one tab: changes go out at once; a tab that lags gets everything anew, not all it missed."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from .frames import event

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Send

    from antiphon.client.attention.windows import Window

ALIVE: Final = event("alive")
RESTART: Final = event("restart")
SIGNED_OUT: Final = event("signed-out")
RELOAD_VIEW: Final = event("reload-view")

HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # a proxy that gathers the stream would make it late
]


class Source(Protocol):
    """What a stream shows: it brings a tab up to date, and offers every later change to its streams."""

    def attach(self, stream: Stream) -> None:
        """Begin to offer changes to `stream`."""
        ...

    def detach(self, stream: Stream) -> None:
        """End that."""
        ...

    def whole(self, stream: Stream) -> list[bytes]:
        """Return the events that bring `stream` up to date, whatever it has."""
        ...


class Stream:
    """One tab's stream of server-sent events.

    `limit` bounds what it may owe: beyond that the debt is dropped and everything is rendered once (`whole`).
    """

    def __init__(
        self, *, limit: int, alive_every: float, lost_after: float, clock: Callable[[], float], build: str
    ) -> None:
        self.id = secrets.token_urlsafe(12)
        self.oldest = ""
        """The id of the oldest message that the tab holds; empty if it holds none."""
        self.sources: list[Source] = []
        self.window: Window | None = None
        """The client's window for this tab, once it shows a conversation."""
        self._build = build
        self._limit = limit
        self._alive_every = alive_every
        self._lost_after = lost_after
        self._clock = clock
        self._debt: deque[bytes] = deque()
        self._collapsed = False
        self._wake = asyncio.Event()
        self._last: bytes | None = None
        self._ended = False
        self._heard_at = clock()
        self.collapses = 0

    def follow(self, source: Source) -> None:
        """Show `source` on this stream until it ends."""
        self.sources.append(source)
        source.attach(self)

    def offer(self, framed: bytes) -> None:
        """Owe the tab one more event."""
        if self._collapsed or self._ended:
            return
        if len(self._debt) >= self._limit:
            self._debt.clear()
            self._collapsed = True
            self.collapses += 1
        else:
            self._debt.append(framed)
        self._wake.set()

    def heard(self) -> None:
        """The tab has acknowledged that it hears us."""
        self._heard_at = self._clock()

    def end(self, last: bytes | None = None) -> None:
        """End the stream; `last` is its final event."""
        if not self._ended:
            self._ended = True
            self._last = last
            self._wake.set()

    async def run(self, receive: Receive, send: Send) -> None:
        """Write the stream until the tab goes, is silent for too long, or the stream is ended."""
        gone = asyncio.create_task(self._watch(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            hello = json.dumps({"stream": self.id, "build": self._build})
            await self._write(send, event("hello", hello))
            alive_at = self._clock() + self._alive_every
            while not self._ended:
                with suppress(TimeoutError):
                    due_at = min(alive_at, self._heard_at + self._lost_after)
                    async with asyncio.timeout(max(0.0, due_at - self._clock())):
                        await self._wake.wait()
                self._wake.clear()
                due = self._due()
                now = self._clock()
                if now >= alive_at:
                    due.append(ALIVE)
                    alive_at = now + self._alive_every
                if due:
                    await self._write(send, b"".join(due))
                if now - self._heard_at >= self._lost_after:
                    break
            if self._last is not None:
                await self._write(send, self._last)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            for source in self.sources:
                source.detach(self)
            self.sources.clear()
            self._debt.clear()
            with suppress(asyncio.CancelledError):
                await gone

    def _due(self) -> list[bytes]:
        if self._collapsed:
            self._collapsed = False
            return [framed for source in self.sources for framed in source.whole(self)]
        due = list(self._debt)
        self._debt.clear()
        return due

    async def _write(self, send: Send, body: bytes) -> None:
        """Write; a tab that takes nothing any more is lost like one that says nothing."""
        try:
            async with asyncio.timeout(self._lost_after):
                await send({"type": "http.response.body", "body": body, "more_body": True})
        except TimeoutError:
            self._last = None
            self._ended = True

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.end()


async def refuse(send: Send, final: bytes) -> None:
    """Answer with a stream of one event: a redirect would be followed for ever by some clients."""
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": final, "more_body": False})
