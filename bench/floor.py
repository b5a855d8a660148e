"""The browser's own floor: a page of one line and a text box, from a server that does nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


def document(mark: str) -> bytes:
    """The smallest page that counts as usable."""
    return f"<!doctype html><title>floor</title><p>{mark}</p><textarea id=message></textarea>".encode()


@asynccontextmanager
async def serving(mark: str) -> AsyncIterator[str]:
    """The page's address for the block."""
    body = document(mark)
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # a browser opens connections that it may not use
        finally:
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
