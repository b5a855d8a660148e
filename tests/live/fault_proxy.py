"""A TCP proxy with a hand on every byte: it cuts, swallows, delays, truncates, dawdles and refuses.

It stands between one client and a server, on real sockets. What it does is said by `weather`, which holds for
connections of now and of later, and by `cut` and `truncate`, which happen once. Nothing here is random: a
test that wants chance draws it itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Self

CHUNK = 64 * 1024
SLOW_CHUNK = 512
"""Bytes of one step of a slow reader."""

FORBIDDEN = b"<html><h1>403 Forbidden</h1>This proxy lets no WebSocket through.</html>"
_REFUSAL = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
    % (len(FORBIDDEN), FORBIDDEN)
)


class Way(Enum):
    """Where bytes go."""

    UP = "to the server"
    DOWN = "to the client"


BOTH = frozenset(Way)


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to bytes and to connections, until it changes."""

    delay: float = 0.0
    """Seconds that each piece of data waits, both ways."""
    silent: frozenset[Way] = frozenset()
    """Half-open: bytes this way vanish, and go on vanishing on these connections when the weather is fine
    again, as when a router has forgotten them. New connections are taken and are as silent."""
    slow: float | None = None
    """Bytes per second that the client reads."""
    websockets: bool = True
    """Whether requests to upgrade are let through."""
    refusing: bool = False
    """Whether the port is closed: connections are refused, those that are open live on."""


FINE = Weather()


@dataclass(eq=False, slots=True)
class _Pair:
    """A client's connection and the one to the server that was made for it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    task: asyncio.Task[None] | None
    lost: set[Way] = field(default_factory=set)
    truncate: bool = False

    def abort(self) -> None:
        """Reset both ends: no farewell, and what is on its way is lost."""
        for writer in (self.client, self.server):
            raw = writer.get_extra_info("socket")
            if raw is not None and raw.fileno() >= 0:
                with contextlib.suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class FaultProxy:
    """A proxy to `port` on this machine. Used as a context manager; leaving it ends every connection."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.weather = FINE
        self._pairs: set[_Pair] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        # Bound, but not listening: nobody else gets the port while it refuses connections.
        self._place = socket.socket()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._place.bind(("127.0.0.1", 0))
        self.port = int(self._place.getsockname()[1])
        self._listener: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The address that a client is given."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._pairs)

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()
        self.cut()
        self._place.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # What a test does

    async def change(self, weather: Weather) -> None:
        """Let this weather hold from now on."""
        self.weather = weather
        for pair in self._pairs:
            pair.lost |= weather.silent
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        if weather.refusing:
            self._close()
        else:
            await self._listen()

    @asynccontextmanager
    async def during(self, weather: Weather) -> AsyncIterator[None]:
        """Let this weather hold for the block."""
        await self.change(weather)
        try:
            yield
        finally:
            await self.change(FINE)

    def cut(self) -> None:
        """Reset every connection that is open."""
        for pair in tuple(self._pairs):
            pair.abort()

    def truncate(self) -> None:
        """End every open connection in the middle of what it carries to the client next."""
        for pair in self._pairs:
            pair.truncate = True

    # The work

    async def _listen(self) -> None:
        if self._listener is None:
            self._listener = await asyncio.start_server(
                self._accepted, "127.0.0.1", self.port, reuse_port=True, backlog=64
            )

    def _close(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer, task)
        except (OSError, asyncio.CancelledError):
            pass  # A connection that breaks is what this is for; asyncio's own caller asks for no more.
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, task: asyncio.Task[None]
    ) -> None:
        back, up = await asyncio.open_connection("127.0.0.1", self.target, limit=SLOW_CHUNK)
        pair = _Pair(writer, up, task, set(self.weather.silent))
        self._pairs.add(pair)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(pair, reader, up, Way.UP))
                group.create_task(self._pump(pair, back, writer, Way.DOWN))
        except* OSError:
            pair.abort()
        finally:
            self._pairs.discard(pair)
            up.transport.abort()

    async def _pump(
        self, pair: _Pair, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way
    ) -> None:
        while data := await reader.read(SLOW_CHUNK if self.weather.slow and way is Way.DOWN else CHUNK):
            weather = self.weather
            if way is Way.UP and not weather.websockets and _upgrades(data):
                pair.client.write(_REFUSAL)
                await pair.client.drain()
                break
            if weather.delay:
                await self._wait(weather.delay)
            if weather.slow and way is Way.DOWN:
                await self._wait(len(data) / weather.slow)
            if way in pair.lost:
                continue
            if pair.truncate and way is Way.DOWN:
                writer.write(data[: max(1, len(data) // 2)])
                await writer.drain()
                break
            writer.write(data)
            await writer.drain()
        if way in pair.lost:
            return  # The farewell vanishes too; the other way may live on.
        pair.client.close()
        pair.server.close()

    async def _wait(self, seconds: float) -> None:
        """Wait this long, or until the weather changes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()


def _upgrades(data: bytes) -> bool:
    return data.startswith(b"GET ") and b"upgrade: websocket" in data.lower()
