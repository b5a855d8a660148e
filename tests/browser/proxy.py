"""A link that can be cut: a TCP relay between a browser and a server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Literal, Self

Mode = Literal["open", "cut", "silent"]


class Proxy:
    """Relays to `port` on loopback.

    `cut` resets every connection and refuses new ones; `silence` keeps the connections and passes nothing on,
    as a network that lost its way does; `mend` makes it whole again, for new connections.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._mode: Mode = "open"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.StreamWriter] = set()
        self._relays: set[asyncio.Task[Any]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """The address to give to the browser."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def links(self) -> int:
        """How many sockets are open, on both sides together."""
        return len(self._links)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Reset every connection and refuse new ones."""
        self._run(self._set("cut"))

    def silence(self) -> None:
        """Keep the connections, and pass nothing on."""
        self._run(self._set("silent"))

    def mend(self) -> None:
        """Relay again. What was silent stays so: its bytes are gone."""
        self._run(self._set("open"))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _set(self, mode: Mode) -> None:
        was, self._mode = self._mode, mode
        if mode == "cut" or was == "silent":
            self._reset()

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        self._reset()
        await asyncio.gather(*self._relays, return_exceptions=True)

    def _reset(self) -> None:
        for writer in tuple(self._links):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode == "cut":
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._links |= ends
        relays = [
            asyncio.ensure_future(self._relay(reader, far_writer)),
            asyncio.ensure_future(self._relay(far_reader, writer)),
        ]
        self._relays.update(relays)
        await asyncio.gather(*relays, return_exceptions=True)
        self._relays.difference_update(relays)
        self._links -= ends
        for end in ends:
            end.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if self._mode == "open":
                    writer.write(data)
                    await writer.drain()
        with suppress(OSError):
            writer.close()
