"""Every WebSocket that is opened is closed, however it ends: none waits for the garbage collector."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from aiohttp import web

from antiphon.client.link.connection import Connection
from antiphon.client.link.transport import ConnectFailed

Say = Callable[[web.WebSocketResponse], Awaitable[None]]

OPEN = '0{"sid":"x","upgrades":[],"pingInterval":100,"pingTimeout":100}'


@asynccontextmanager
async def upgrading(say: Say) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Run a server that takes every WebSocket, says something, and is silent then; give its address, and what
    is set when it has said it.
    """
    said = asyncio.Event()

    async def take(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await say(socket)
        said.set()
        async for _ in socket:
            pass
        return socket

    app = web.Application()
    app.router.add_get("/{tail:.*}", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", said
    finally:
        await runner.cleanup()


def unclosed(url: str) -> list[aiohttp.connector.Connection]:
    """Give the connections to a server that nobody has given back."""
    held = [one for one in gc.get_objects() if isinstance(one, aiohttp.connector.Connection)]
    return [one for one in held if one.protocol is not None and url.endswith(f":{one._key.port}")]


async def nothing(socket: web.WebSocketResponse) -> None:
    """Say nothing."""


async def no_packet(socket: web.WebSocketResponse) -> None:
    """Say what is no packet."""
    await socket.send_str("zebra")


async def another_packet(socket: web.WebSocketResponse) -> None:
    """Begin with a packet that belongs elsewhere."""
    await socket.send_str("6")


async def the_first_packet(socket: web.WebSocketResponse) -> None:
    """Begin well, and never answer to what is said then."""
    await socket.send_str(OPEN.replace("100", "25000"))


async def all_that_is_needed(socket: web.WebSocketResponse) -> None:
    """Begin well; only no ping ever comes."""
    await socket.send_str(OPEN)
    await socket.send_str('40{"sid":"y"}')


async def test_a_websocket_that_went_silent_is_closed() -> None:
    """Its reading ends for want of pings, and the library forgets it as it is."""
    async with upgrading(all_that_is_needed) as (url, _):
        connection = Connection(lambda *_: None)
        await connection.open(url, "token", ["websocket"])
        await connection.wait_ended()
        await connection.close()
        assert unclosed(url) == []


@pytest.mark.parametrize("say", [nothing, no_packet, another_packet, the_first_packet])
async def test_a_websocket_that_never_became_a_connection_is_closed(say: Say) -> None:
    """An attempt that fails, or is given up, between the upgrade and the first answer."""
    async with upgrading(say) as (url, said):
        connection = Connection(lambda *_: None)
        opening = asyncio.ensure_future(connection.open(url, "token", ["websocket"]))
        await said.wait()
        await asyncio.wait([opening], timeout=0.1)
        opening.cancel()
        with suppress(ConnectFailed, asyncio.CancelledError):
            await opening
        await connection.close()
        assert unclosed(url) == []  # `opening` still holds what the library held when it failed.
