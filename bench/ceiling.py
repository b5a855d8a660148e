"""How much the load generator itself can take: a figure near this ceiling would be one of the bench."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import struct
import time

from bench import provider
from bench.failure import BenchError
from bench.swarm import Swarm

SOCKETS = 50
EVENTS = 1000
SIZE = 1200  # bytes of an event: what a message event of a channel measures on the wire
STREAMS = 16
TOKENS = 2000
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # the constant of the WebSocket handshake


def _frame(payload: bytes) -> bytes:
    if len(payload) < 126:
        return struct.pack(">BB", 0x81, len(payload)) + payload
    return struct.pack(">BBH", 0x81, 126, len(payload)) + payload


class _Blaster:
    """A Socket.IO server in name only: signs everybody in, then writes one event as fast as it can."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hands out the handshake's steps and keeps the writer."""
        head = await reader.readuntil(b"\r\n\r\n")
        key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
        accept = base64.b64encode(
            hashlib.sha1(key.split(b":")[1].strip() + MAGIC, usedforsecurity=False).digest()
        )
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        writer.write(_frame(b'0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000}'))
        writer.write(_frame(b'40{"sid":"b"}') + _frame(b'430[{"id":"c"}]'))
        self.writers.append(writer)
        try:
            while await reader.read(1 << 16):
                pass
        except ConnectionError:
            pass  # the receiver cuts its lines without a farewell
        finally:
            writer.close()

    async def blast(self) -> None:
        """Write the event to everybody, in bursts, as a busy channel does."""
        head = '42["events:channel",{"data":{"data":{"content":"bench-post-000001 '
        event = _frame((head + "x" * (SIZE - len(head) - 6) + '"}}}]').encode())
        for _ in range(EVENTS):
            for writer in self.writers:
                writer.write(event)
            await asyncio.gather(*(writer.drain() for writer in self.writers))


async def deliveries(swarm: Swarm) -> float:
    """Deliveries per second that the receiver takes from a sender without work of its own (a lower bound)."""
    blaster = _Blaster()
    server = await asyncio.start_server(blaster.connection, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with swarm.sockets(url, ["x"] * SOCKETS):
            await swarm.watch("bench-post-", r"bench-post-(\d{6})")
            begun = time.monotonic()
            await blaster.blast()
            seen = await swarm.collect(SOCKETS * EVENTS, 60)
        for writer in blaster.writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
    return len(seen.arrivals) / (max(arrival.at for arrival in seen.arrivals) - begun)


async def tokens(provider_url: str) -> float:
    """Tokens per second that the provider writes to readers that throw everything away."""
    host, port = provider_url.removeprefix("http://").split(":")
    body = f'{{"model": "bench-{TOKENS}", "stream": true, "messages": []}}'.encode()

    async def read_one() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: p\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        tail = b""
        while not tail.endswith(b"\r\n0\r\n\r\n"):
            data = await reader.read(1 << 16)
            if not data:
                raise BenchError("the provider closed a stream early")
            tail = (tail + data)[-16:]
        writer.close()
        await writer.wait_closed()

    begun = time.monotonic()
    await asyncio.gather(*(read_one() for _ in range(STREAMS)))
    return STREAMS * TOKENS / (time.monotonic() - begun)


async def measure(swarm: Swarm) -> dict[str, float]:
    """Both ceilings."""
    async with provider.running() as url:
        return {"deliveries": await deliveries(swarm), "tokens": await tokens(url)}
