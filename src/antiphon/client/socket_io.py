"""The libraries python-socketio and python-engineio, changed where their way does not fit.

- An event goes straight to its taker and is answered when we say so; the library answers with what a handler
  returns and runs waiting handlers out of order.
- Events are read in the reading task itself, not each in a task of its own.
- What cannot be read is told, and neither ends a task in silence nor the connection without a reason.
- A polled answer has a limit of size, and may hold more packets than the library takes at once.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import Any

import aiohttp
import engineio  # type: ignore[import-untyped]  # it ships no types
import socketio  # type: ignore[import-untyped]  # it ships no types

from .inbox import Answer
from .transport import UNREADABLE, Arrived

MOST_BYTES = 32 * 1024 * 1024
"""Largest packet that is read; Open WebUI sends up to 16 MiB, aiohttp's own limit of 4 MiB would cut the
link.
"""

TOO_LARGE = "the server sent more at once than a client reads"
GARBAGE = "what came over the connection is not the protocol of this server"

_SEPARATOR = b"\x1e"
_AT_ONCE: int = engineio.payload.Payload.max_decode_packets
_INLINE = ("2", "3")
"""Packets that are read at once: events and acknowledgements."""


class Polled:
    """A polled answer that was read within the limit, with the part of `aiohttp.ClientResponse` that the
    library looks at.
    """

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self._body = body

    async def read(self) -> bytes:
        """Give the body."""
        return self._body

    async def json(self) -> Any:
        """Give the body as JSON, or None."""
        try:
            return json.loads(self._body)
        except (ValueError, RecursionError):
            return None


class Engine(engineio.AsyncClient):  # type: ignore[misc]  # the library has no type information
    """The transport. `broken` is told, with a reason, when its reading ended on what is no packet."""

    broken: Callable[[str], None]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._polled: deque[bytes] = deque()

    async def _receive_packet(self, pkt: Any) -> None:
        if (
            pkt.packet_type == engineio.packet.MESSAGE
            and isinstance(pkt.data, str)
            and pkt.data.startswith(_INLINE)
        ):
            await self.handlers["message"](pkt.data)
        else:
            await super()._receive_packet(pkt)

    async def _read_loop_websocket(self) -> None:
        await self._guard(super()._read_loop_websocket)

    async def _read_loop_polling(self) -> None:
        await self._guard(super()._read_loop_polling)

    async def _guard(self, read: Callable[[], Any]) -> None:
        try:
            await read()
        except (ValueError, RecursionError, aiohttp.ClientError, OSError):
            # The library's own end of reading is left out then: whoever waits must be told.
            self.broken(GARBAGE)

    async def _send_request(
        self,
        method: str,
        url: str,
        headers: Any = None,
        body: Any = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
    ) -> Any:
        if method == "GET" and self._polled:
            return Polled(200, self._polled.popleft())
        answer = await super()._send_request(method, url, headers, body, timeout)
        if method != "GET" or not isinstance(answer, aiohttp.ClientResponse):
            if isinstance(answer, aiohttp.ClientResponse):
                answer.release()
            return answer
        content = await _read(answer)
        if content is None:
            self.broken(TOO_LARGE)
            return TOO_LARGE
        packets = content.split(_SEPARATOR)
        parts = [_SEPARATOR.join(packets[n : n + _AT_ONCE]) for n in range(0, len(packets), _AT_ONCE)]
        self._polled.extend(parts[1:])
        return Polled(answer.status, parts[0])


class SocketIO(socketio.AsyncClient):  # type: ignore[misc]  # the library has no type information
    """The protocol. What comes goes to `arrived`, and what cannot be read goes there as `UNREADABLE`."""

    arrived: Arrived

    def _engineio_client_class(self) -> type[Engine]:
        return Engine

    async def _handle_eio_message(self, data: Any) -> None:
        try:
            await super()._handle_eio_message(data)
        except Exception as error:  # noqa: BLE001 - whatever a server may send must not end the reading of what follows
            self._binary_packet = None
            self.arrived(UNREADABLE, type(error).__name__, None)

    async def _handle_event(self, namespace: str | None, id: int | None, data: list[Any]) -> None:  # noqa: A002 - the library's name
        answer = None
        if id is not None:
            answer = self._answer(namespace or "/", id)
        self.arrived(str(data[0]), data[1] if len(data) > 1 else None, answer)

    def _answer(self, namespace: str, id_: int) -> Answer:
        async def answer(value: object) -> None:
            if namespace not in self.namespaces:
                return  # The connection ended meanwhile; the server has noticed.
            packet = self.packet_class(socketio.packet.ACK, namespace=namespace, id=id_, data=[value])
            await self._send_packet(packet)

        return answer


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """Read an answer, or None when it is too large."""
    content = bytearray()
    async with response:
        async for part in response.content.iter_chunked(256 * 1024):
            content += part
            if len(content) > MOST_BYTES:
                response.close()
                return None
    return bytes(content)


async def end_engine(engine: Any) -> None:
    """End the engine's loops, which it forgets to end when a connection dies while it opens."""
    tasks = [
        task
        for task in (engine.read_loop_task, engine.write_loop_task)
        if task is not None and not task.done()
    ]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.gather(*tasks, return_exceptions=True)
    # It keeps every client that is connected in a list, and one that dies while it says farewell stays there.
    if engine in engineio.base_client.connected_clients:
        engineio.base_client.connected_clients.remove(engine)
