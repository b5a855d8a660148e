"""One Socket.IO connection to the model server, and what becomes of it on a bad network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from antiphon.client.link.transport import Arrived, ConnectFailed, NoSocket

if TYPE_CHECKING:
    from .network import Network

PING = 45.0
"""Seconds until a side notices that the other one says nothing more: 25 between pings, 20 of patience."""


class ModelSocket:
    """One Socket.IO connection to the model server."""

    def __init__(self, network: Network, arrived: Arrived, sid: str) -> None:
        self._network = network
        self._arrived = arrived
        self._name = sid
        self._loop = network.loop
        self._opened = False
        self._over = False
        self.dead = False
        """Whether frames are lost, and the client does not know yet."""
        self.under_way = 0
        self._reason = "closed"
        self._ended = asyncio.Event()
        self._down_at = self._up_at = 0.0
        self._calls: set[asyncio.Future[Any]] = set()

    @property
    def sid(self) -> str | None:
        """The session id."""
        return self._name if self._opened else None

    async def open(self, url: str, token: str | None, transports: Sequence[str]) -> None:
        """Connect."""
        network = self._network
        network.sockets.append(self)
        await asyncio.sleep(network.weather.request)
        if network.swallowing:
            await asyncio.sleep(1_000_000)
        if not network.reachable or not network.server.up:
            raise ConnectFailed("the connection failed: refused")
        if not network.sockets_pass:
            raise NoSocket("the connection failed")
        session = network.server.connect(self._name, token or "", self._push, self._thrown_out)
        if session is None:
            raise ConnectFailed("not signed in")
        opened: asyncio.Future[None] = self._loop.create_future()
        self._down(lambda: opened.done() or opened.set_result(None))
        self._calls.add(opened)
        try:
            await opened
        finally:
            self._calls.discard(opened)
        self._opened = True

    async def emit(self, name: str, payload: dict[str, Any]) -> None:
        """Send an event."""
        self._up(name, payload, None)

    async def call(self, name: str, payload: dict[str, Any], limit: float) -> Any:
        """Send an event and give its acknowledgement."""
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._calls.add(answer)
        try:
            self._up(name, payload, answer)
            async with asyncio.timeout(limit):
                return await answer
        finally:
            self._calls.discard(answer)

    async def wait_ended(self) -> str:
        """Wait for the end."""
        await self._ended.wait()
        return self._reason

    async def close(self) -> None:
        """Say farewell; a server that does not hear it notices after a while."""
        if not self._over and not self.dead and self._network.reachable and not self._network.swallowing:
            self._network.server.forget(self._name)
        self._finish("closed")

    # Faults

    def broken(self, reason: str) -> None:
        """Both sides notice."""
        self._network.server.forget(self._name)
        self._finish(reason)

    def die_silently(self) -> None:
        """Nobody notices for a while; what is said meanwhile is lost."""
        if not self.dead and not self._over:
            self.dead = True
            self._loop.call_later(PING, self.broken, "ping timeout")

    # Inside

    def _push(self, name: str, payload: Any) -> None:
        self._down(lambda: self._arrived(name, payload, None))

    def _thrown_out(self, reason: str) -> None:
        self._down(lambda: self._finish(reason))

    def _down(self, deliver: Callable[[], Any]) -> None:
        """Let something arrive at the client, behind everything sent before it."""
        if self.dead or self._over:
            return
        self._down_at = max(self._loop.time() + self._network.weather.frame, self._down_at + 1e-6)
        self.under_way += 1
        self._loop.call_at(self._down_at, self._arrive, deliver)

    def _arrive(self, deliver: Callable[[], Any]) -> None:
        if self._network.gathered is not None:
            self._network.gathered.append(lambda: self._arrive(deliver))
            return
        self.under_way -= 1
        if self._network.swallowing:
            self.die_silently()
        if not self.dead and not self._over:
            deliver()

    def _up(self, name: str, payload: dict[str, Any], answer: asyncio.Future[Any] | None) -> None:
        if self._over:
            raise ConnectFailed("the connection is over")
        said_at = self._network.server.tick()
        self._up_at = max(self._loop.time() + self._network.weather.request, self._up_at + 1e-6)
        self.under_way += 1
        self._loop.call_at(self._up_at, self._received, name, payload, answer, said_at)

    def _received(
        self, name: str, payload: dict[str, Any], answer: asyncio.Future[Any] | None, said_at: int
    ) -> None:
        self.under_way -= 1
        if self._network.swallowing:
            self.die_silently()
        if self.dead or self._over:
            return
        value = self._network.server.receive(self._name, name, payload, said_at)
        if answer is not None:
            self._down(lambda: answer.done() or answer.set_result(value))

    def _finish(self, reason: str) -> None:
        if self._over:
            return
        self._over, self._reason, self.dead = True, reason, False
        for call in self._calls:
            if not call.done():
                call.set_exception(ConnectFailed("the connection is over"))
        self._ended.set()
        if self in self._network.sockets:
            self._network.sockets.remove(self)
