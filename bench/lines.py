"""Raw connections for the receiving side: a Socket.IO client and a page stream that only count and look."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import struct
import time
from typing import Protocol

HELLO = re.compile(rb'event: hello\s.*?"stream":\s*"([^"]+)"', re.DOTALL)
TAIL = 256  # bytes of a page stream kept back, so that a mark cut by two reads is still found


class Owner(Protocol):
    """Whoever holds the lines: what they look for, and which of them were closed."""

    watch: Watch
    lost: list[int]
    open: bool


class Watch:
    """Events that contain `needle` and match `pattern`, with their time of arrival."""

    def __init__(self, needle: str = "", pattern: str = "") -> None:
        self.needle = needle.encode()
        self.pattern = re.compile(pattern.encode(), re.DOTALL)
        self.records: list[tuple[int, str, int]] = []
        self.wanted = 0
        self.reached = asyncio.Event()
        self.cpu = time.process_time()

    def look(self, index: int, frame: bytes, seen: set[bytes] | None = None) -> None:
        """Record every mark in `frame`; with `seen`, each mark once."""
        if not self.needle or self.needle not in frame:
            return
        now = time.monotonic_ns()
        for match in self.pattern.finditer(frame):
            mark = match[1]
            if seen is not None:
                if mark in seen:
                    continue
                seen.add(mark)
            self.records.append((index, mark.decode(), now))
        if self.wanted and len(self.records) >= self.wanted:
            self.reached.set()


class Line(asyncio.Protocol):
    """One connection: counts its bytes and says when it is ready or lost."""

    def __init__(self, owner: Owner, index: int) -> None:
        self.owner = owner
        self.index = index
        self.received = 0
        self.frames = 0
        self.ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request as soon as the connection stands."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.request())

    def connection_lost(self, exc: Exception | None) -> None:
        """A lost line is told to whoever waits: a sample with fewer receivers is no sample."""
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"closed before it was ready: {self.buffer[:300]!r}"))
        if self.owner.open:
            self.owner.lost.append(self.index)

    def request(self) -> bytes:
        """The HTTP request that opens this line."""
        raise NotImplementedError

    def head(self, expected: int) -> bytes | None:
        """The bytes after the response's head, once it is whole; None until then."""
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        status = self.buffer.split(b"\r\n", 1)[0]
        if status.split(b" ")[1:2] != [str(expected).encode()]:
            if not self.ready.done():
                self.ready.set_exception(ConnectionError(status.decode(errors="replace")))
            if self.transport:
                self.transport.abort()
            return None
        return self.buffer[end + 4 :]

    def close(self) -> None:
        """Cut the line."""
        if self.transport:
            self.transport.abort()


class SocketLine(Line):
    """A signed-in Socket.IO connection that counts and looks at events."""

    def __init__(self, owner: Owner, index: int, netloc: str, token: str) -> None:
        super().__init__(owner, index)
        self.netloc = netloc
        self.token = token
        self.upgraded = False
        self.parts: list[bytes] = []
        self.sid = ""

    def request(self) -> bytes:
        """The WebSocket upgrade; no compression is offered, so that bytes mean the same for every server."""
        key = base64.b64encode(os.urandom(16)).decode()
        return (
            f"GET /ws/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {self.netloc}\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n"
        ).encode()

    def data_received(self, data: bytes) -> None:
        """Cut what arrived into frames."""
        self.buffer = self.buffer + data if self.buffer else data
        if not self.upgraded:
            rest = self.head(101)
            if rest is None:
                return
            self.upgraded = True
            self.buffer = rest
        else:
            self.received += len(data)
        buffer, at, size = self.buffer, 0, len(self.buffer)
        while size - at >= 2:
            first, length, start = buffer[at], buffer[at + 1] & 0x7F, at + 2
            if length == 126:
                if size - at < 4:
                    break
                (length,) = struct.unpack_from(">H", buffer, start)
                start += 2
            elif length == 127:
                if size - at < 10:
                    break
                (length,) = struct.unpack_from(">Q", buffer, start)
                start += 8
            if start + length > size:
                break
            self.frame(first, buffer[start : start + length])
            at = start + length
        self.buffer = buffer[at:]

    def frame(self, first: int, payload: bytes) -> None:
        """One WebSocket frame: text goes on, a ping is answered."""
        opcode = first & 0x0F
        if opcode <= 2:
            if not first & 0x80 or opcode == 0:
                self.parts.append(payload)
                if not first & 0x80:
                    return
                payload = b"".join(self.parts)
                self.parts.clear()
            self.packet(payload)
        elif opcode == 9:
            self.write(payload, opcode=10)
        elif opcode == 8 and self.transport:
            self.transport.close()

    def packet(self, packet: bytes) -> None:
        """One Engine.IO packet: the handshake's steps, a ping, or an event."""
        if packet.startswith(b"42"):
            self.frames += 1
            self.owner.watch.look(self.index, packet)
        elif packet == b"2":
            self.write(b"3")
        elif packet.startswith(b"43"):
            if not self.ready.done():
                if b'"id"' in packet:
                    self.ready.set_result(self.sid)
                else:
                    self.ready.set_exception(ConnectionError(f"user-join was refused: {packet!r}"))
        elif packet.startswith(b"40"):
            self.sid = str(json.loads(packet[2:])["sid"])
            self.emit("user-join", {"auth": {"token": self.token}}, ack="0")
        elif packet.startswith(b"44") and not self.ready.done():
            self.ready.set_exception(ConnectionError(f"the handshake was refused: {packet!r}"))
        elif packet.startswith(b"0"):
            self.write(b"40" + json.dumps({"token": self.token}).encode())

    def emit(self, name: str, payload: object, ack: str = "") -> None:
        """Send one event."""
        self.write(b"42" + ack.encode() + json.dumps([name, payload]).encode())

    def write(self, payload: bytes, opcode: int = 1) -> None:
        """Send one frame, masked with the zero key (any key is allowed, and this one costs nothing)."""
        if self.transport is None or self.transport.is_closing():
            return
        size = len(payload)
        if size < 126:
            head = struct.pack(">BB", 0x80 | opcode, 0x80 | size)
        else:
            head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, size)
        self.transport.write(head + b"\0\0\0\0" + payload)


class StreamLine(Line):
    """One open page: a streamed response that carries server-sent events."""

    def __init__(self, owner: Owner, index: int, netloc: str, path: str, headers: dict[str, str]) -> None:
        super().__init__(owner, index)
        self.netloc = netloc
        self.path = path
        self.headers = headers
        self.streaming = False
        self.seen: set[bytes] = set()

    def request(self) -> bytes:
        """The request a tab makes for its stream."""
        extra = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        return (
            f"GET {self.path} HTTP/1.1\r\nHost: {self.netloc}\r\nAccept: text/event-stream\r\n{extra}\r\n"
        ).encode()

    def data_received(self, data: bytes) -> None:
        """Look for marks as the bytes come."""
        self.received += len(data)
        self.buffer += data
        if not self.streaming:
            rest = self.head(200)
            if rest is None:
                return
            self.streaming = True
            self.buffer = rest
        if not self.ready.done():
            hello = HELLO.search(self.buffer)
            if hello is None:
                return
            self.ready.set_result(hello[1].decode())
        self.frames += self.buffer.count(b"\n\n")
        self.owner.watch.look(self.index, self.buffer, self.seen)
        self.buffer = self.buffer[-TAIL:]
