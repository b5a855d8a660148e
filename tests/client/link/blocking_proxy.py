"""A proxy on real sockets that forwards HTTP and refuses every request to become a WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal
from urllib.parse import urlsplit

Manner = Literal["forbidden", "gateway", "cut", "silence"]
"""How it refuses: with a 403, with a 502, by cutting the connection, or by saying nothing."""

ANSWERS = {
    "forbidden": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno",
    "gateway": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "cut": b"",
}


@asynccontextmanager
async def blocking(url: str, manner: Manner) -> AsyncIterator[str]:
    """Run the proxy before a server; give its address."""
    target = urlsplit(url)
    links: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        links.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if b"upgrade: websocket" in head.lower():
                if manner == "silence":
                    await reader.read()
                else:
                    writer.write(ANSWERS[manner])
                    await writer.drain()
            else:
                # One request for each connection: a second one might be an upgrade.
                there, back = await asyncio.open_connection(target.hostname, target.port)
                links.add(back)
                back.write(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
                await asyncio.gather(_carry(reader, back), _carry(there, writer))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for link in links:
            link.transport.abort()
        await server.wait_closed()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
    with suppress(OSError):
        writer.close()
