"""Sockets without a library, and waiting for what a server comes to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
from tests.server.serving import Person, Server


def raw_socket(server: Server, person: Person | None) -> Any:
    """A bare WebSocket that has shaken hands as this person, or as far as that goes without saying who."""

    class Raw:
        async def __aenter__(self) -> aiohttp.ClientWebSocketResponse:
            self.connection = await server.http.ws_connect(
                f"{server.url}/ws/socket.io/?EIO=4&transport=websocket", autoping=False
            )
            await until_frame(self.connection, "0")
            if person is not None:
                await self.connection.send_str("40" + json.dumps({"token": person.token}))
                await until_frame(self.connection, "40")
            return self.connection

        async def __aexit__(self, *_: object) -> None:
            await self.connection.close()

    return Raw()


async def until_frame(connection: aiohttp.ClientWebSocketResponse, start: str) -> str:
    """The next frame that begins like this."""
    async with asyncio.timeout(10):
        while True:
            frame = await connection.receive_str()
            if frame.startswith(start):
                return frame


async def eventually(server: Server, condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, one round trip to the server after the other."""
    async with asyncio.timeout(10):
        while not condition():
            await server.nobody.get("/health")
