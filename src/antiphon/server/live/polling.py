"""Sessions that poll: what one answer carries, and what one request may bring.

The library answers a request that it cannot read as if all were well, after a traceback in the log; it drops
a request of more than 16 packets, which a client sends that was busy for a moment; and it lets two polls
share one stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

# python-engineio carries no type information (no py.typed); hence the ignores.
from engineio.exceptions import ContentTooLongError, EngineIOError, QueueEmpty  # type: ignore[import-untyped]
from engineio.packet import NOOP, Packet  # type: ignore[import-untyped]
from starlette.types import Scope

AT_ONCE = 16
"""Packets of one answer: python-engineio's clients break off over more."""
SEPARATOR = "\x1e"


class Polling:
    """Takes the place of the library's reading and writing for one session, until that is a WebSocket's."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        socket.poll, socket.handle_post_request = self.poll, self.take

    async def poll(self) -> list[Any]:
        """What waits to be sent, once there is something; at the end of the session a NOOP."""
        server, queue = self._socket.server, self._socket.queue
        try:
            async with asyncio.timeout(server.ping_interval + server.ping_timeout):
                packets = [await queue.get()]
        except TimeoutError:
            raise QueueEmpty from None
        while packets[-1] is not None and len(packets) < AT_ONCE and not queue.empty():
            packets.append(queue.get_nowait())
        if packets[-1] is None:
            packets.pop()
            queue.put_nowait(None)
        return packets or [Packet(NOOP)]

    async def take(self, environ: Mapping[str, Any]) -> None:
        """Handle the packets of a request. One that is none ends the session: raises `EngineIOError`."""
        socket, most = self._socket, self._socket.server.max_http_buffer_size
        length = environ.get("CONTENT_LENGTH", "0")
        if int(length) > most:
            raise ContentTooLongError
        body: bytes = await environ["wsgi.input"].read(int(length))
        try:
            packets = [Packet(encoded_packet=text) for text in body.decode().split(SEPARATOR) if text]
            for packet in packets:
                if not socket.closed:
                    await socket.receive(packet)
            if socket.closed:  # a poll that waits has nothing to wait for
                socket.queue.put_nowait(None)
        except (ValueError, LookupError, EngineIOError) as error:
            socket.server.refused_frames += 1
            if socket.sid in socket.server.sockets:
                raise EngineIOError from error


def session_polled(scope: Scope) -> str | None:
    """The session whose packets this request asks for."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    found = parse_qs(scope["query_string"].decode("latin-1")).get("sid")
    return found[0] if found else None
