"""What all feeds have in common: one thing that a person watches becomes patches, once for all tabs."""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from .frames import event

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from .stream import Stream


class Feed(ABC):
    """Changes are gathered, rendered once, and offered as the same bytes to every stream.

    `version` names the state that was rendered last; a tab that has it needs nothing. A feed without streams
    ends itself after `linger` seconds and then calls `ended`.
    """

    def __init__(
        self,
        *,
        linger: float,
        ended: Callable[[], None],
        frame: float = 0.0,
        zone: tzinfo | None = None,
    ) -> None:
        self.zone = zone
        """The zone of this person's clock; None is that of this machine."""
        self.streams: set[Stream] = set()
        self._born = secrets.token_hex(4)
        self._count = 0
        self._linger = linger
        self._ended = ended
        self._frame = frame
        self._loop = asyncio.get_running_loop()
        self._flush_at = 0.0
        self._flushing: asyncio.Handle | None = None
        self._leaving: asyncio.TimerHandle | None = None
        self._releases: list[Callable[[], None]] = []
        self.closed = False
        self.touch()

    @property
    def version(self) -> str:
        """The name of the state rendered last."""
        return f"{self._born}-{self._count}"

    def attach(self, stream: Stream) -> None:
        """Offer every change to `stream` from now on."""
        self.streams.add(stream)
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def detach(self, stream: Stream) -> None:
        """End that."""
        self.streams.discard(stream)
        self.touch()

    def touch(self) -> None:
        """Stay for another while although nobody may be watching."""
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        if not self.streams and not self.closed:
            self._leaving = self._loop.call_later(self._linger, self.close)

    def close(self) -> None:
        """Give up every subscription and timer."""
        if self.closed:
            return
        self.closed = True
        for handle in (self._leaving, self._flushing):
            if handle is not None:
                handle.cancel()
        for release in self._releases:
            release()
        self._releases.clear()
        self._ended()

    def watch(self, subscribe: Callable[..., Callable[[], None]], callback: Callable[..., None]) -> None:
        """Subscribe for as long as this feed lives."""
        self._releases.append(subscribe(callback))

    def show_in(self, zone: tzinfo | None) -> None:
        """Show all times in another zone from now on."""
        if zone is not self.zone and not self.closed:
            self.zone = zone
            self.redraw()
            self.schedule()

    def schedule(self) -> None:
        """Flush soon: with everything else of this turn of the loop, and at most once a frame."""
        if self._flushing is None and not self.closed:
            wait = self._flush_at - self._loop.time()
            self._flushing = (
                self._loop.call_later(wait, self._run) if wait > 0 else self._loop.call_soon(self._run)
            )

    def _run(self) -> None:
        self._flushing = None
        self._flush_at = self._loop.time() + self._frame
        self.flush()

    def flush_now(self) -> None:
        """Render what is gathered before somebody reads `version`."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._run()

    @abstractmethod
    def redraw(self) -> None:
        """Let the next flush render everything that holds a time."""

    @abstractmethod
    def flush(self) -> None:
        """Render what is gathered and publish it."""

    @abstractmethod
    def whole(self, stream: Stream) -> list[bytes]:
        """Return the events that bring `stream` up to date, whatever it has."""

    def changed(self) -> None:
        """Name a new state."""
        self._count += 1

    def publish(self, html: str) -> None:
        """Offer a patch that leads to a new state to every stream."""
        self.changed()
        self.tell(event("patch", html, id_=self.version))

    def tell(self, framed: bytes) -> None:
        """Offer an event to every stream."""
        for stream in self.streams:
            stream.offer(framed)
