"""The libraries python-socketio and python-engineio, changed where their way does not fit.

- An event goes straight to its taker and is answered when we say so; the library answers with what a handler
  returns and runs waiting handlers out of order.
- Events are read in the reading task itself, not each in a task of its own.
- Frames are read with one timer for all, and their JSON by a quicker reader: a busy channel's events cost a
  third of what they cost in the library alone.
- What cannot be read is told, and neither ends a task in silence nor the connection without a reason.
- A polled answer has a limit of size, and may hold more packets than the library takes at once.
- Each WebSocket has an owner that closes it; the library drops one that is silent, or dies while it opens.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

import aiohttp
import engineio  # type: ignore[import-untyped]  # it ships no types
import socketio  # type: ignore[import-untyped]  # it ships no types
from pydantic_core import from_json

from antiphon.client.inbox import Answer
from antiphon.client.link.transport import UNREADABLE, Arrived

log = logging.getLogger(__name__)

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
_AT_A_TIME = 8
"""Frames that are read before others have their turn: what they bring is taken while it is fresh in memory,
and nobody waits for a flood to end.
"""
_EVENT = "42["
"""How a frame begins that is a message, an event, and wants no acknowledgement."""


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


class WebSocket(aiohttp.ClientWebSocketResponse[Any]):
    """A WebSocket that can be ended without a word."""

    def drop(self) -> None:
        """Give the connection back, whatever state it is in."""
        self._response.close()


class Session:
    """The HTTP session of one connection. It keeps the WebSockets that the library opens: one that goes
    silent, or dies before its first packet has come, is forgotten there and would never be closed.
    """

    def __init__(self) -> None:
        self._http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), ws_response_class=WebSocket)
        self._opened: list[WebSocket] = []

    async def ws_connect(self, *args: Any, **options: Any) -> Any:
        """Open a WebSocket."""
        socket: Any = await self._http.ws_connect(*args, **options)
        self._opened.append(socket)
        return socket

    async def close(self) -> None:
        """End everything that was opened."""
        for socket in self._opened:
            socket.drop()
        await self._http.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._http, name)


class _Ended:
    """A WebSocket of which nothing more is to be read."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket

    async def receive(self) -> aiohttp.WSMessage:
        """Say that it is closed."""
        return aiohttp.WSMessage(aiohttp.WSMsgType.CLOSED, None, None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class Engine(engineio.AsyncClient):  # type: ignore[misc]  # the library has no type information
    """The transport. `broken` is told, with a reason, when its reading ended on what is no packet."""

    broken: Callable[[str], None]
    event: Callable[[str], bool]
    """Takes the text of a frame that is an event without an acknowledgement; False when it cannot read it."""
    ws: Any

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
        await self._guard(self._read_frames)
        if self.state == "connected":
            self.ws = _Ended(self.ws)
        # The library's own loop finds it ended, and does what is to be done then.
        await self._guard(super()._read_loop_websocket)

    async def _read_frames(self) -> None:
        """Read until the connection ends or is silent for too long.

        The library starts a task and a timer for each frame; here one timer is set further as frames come,
        so that silence is noticed a fiftieth of its limit too late at most.
        """
        now, limit = asyncio.get_running_loop().time, self.ping_interval + self.ping_timeout
        try:
            async with asyncio.timeout_at(now() + limit) as silence:
                frames = 0
                while self.state == "connected" and self.write_loop_task:
                    frame = (await self.ws.receive()).data
                    frames += 1
                    if frames % _AT_A_TIME == 0:
                        await asyncio.sleep(0)
                    if not isinstance(frame, str | bytes):
                        break
                    if (silence.when() or 0) < now() + limit:
                        silence.reschedule(now() + limit * 1.02)
                    if isinstance(frame, str) and frame.startswith(_EVENT) and self.event(frame[2:]):
                        continue
                    await self._receive_packet(engineio.packet.Packet(encoded_packet=frame))
        except TimeoutError:
            log.debug("the server has been silent for too long")

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

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.eio.event = self._take_event

    def _take_event(self, text: str) -> bool:
        """Hand over an event, in the quick way of nearly all that comes: `["name", payload]`."""
        try:
            data = from_json(text)
        except (ValueError, TypeError):  # TypeError: half of a surrogate pair, unescaped
            return False  # The library has its own word for it, and for what Python's reader takes as JSON.
        if self._binary_packet or not data or not isinstance(data, list):
            return False
        self.arrived(str(data[0]), data[1] if len(data) > 1 else None, None)
        return True

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
    engine.state = "disconnected"  # Also for a loop that loses its cancellation in `asyncio.wait_for`.
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
