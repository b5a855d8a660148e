"""One attempt to connect: the configuration, a socket, and the acknowledged join, all within one limit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

from antiphon.client.context import Context
from antiphon.client.errors import AntiphonError
from antiphon.client.link.transport import Arrived, ConnectFailed, Socket, Transport
from antiphon.client.rest.http import checked
from antiphon.client.tasks import together
from antiphon.wire import UserJoinAck, UserName

log = logging.getLogger(__name__)


class NotJoined(ConnectFailed):
    """The socket opened, but the server did not tell us who we are."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A socket whose join the server has acknowledged, and what carries it."""

    socket: Socket
    transport: str


class Attempts:
    """Makes one attempt after the other, each with sockets of its own (W-07)."""

    def __init__(self, context: Context, transport: Transport, arrived: Arrived) -> None:
        self._context = context
        self._transport = transport
        self._arrived = arrived
        self.doubtful = False
        """The last attempt failed: the configuration, which says how to connect, may be another one now."""
        self.opening = False
        """Whether the last attempt ended while a socket was being opened; requests had been answered then."""

    @contextlib.asynccontextmanager
    async def joined(self) -> AsyncIterator[Joined]:
        """Open a connection and join; close it in the end. Raises what every step of it raises."""
        sockets: list[Socket] = []
        self.opening = False
        try:
            async with asyncio.timeout(self._context.delays.connect):
                await self._prepare()
                self.opening = True
                socket, transport = await self._open(sockets)
                self.opening = False
                await self._join(socket)
            yield Joined(socket, transport)
        finally:
            for socket in sockets:
                await socket.close()

    @property
    def transports(self) -> tuple[str, ...]:
        """What to connect with, in order: what the server says, and where it allows more, polling as well
        (W-13).
        """
        config = self._context.config.value
        if config is not None and not config.features.websocket:
            return ("polling",)
        # Open WebUI serves one of the two and refuses the other.
        return ("websocket", "polling") if self._context.ours else ("websocket",)

    async def _prepare(self) -> None:
        """Fetch the configuration, which says how to connect; the version only helps, so it may fail or hang
        (W-02).
        """
        await together(self._need_config(), self._try_version())

    async def _need_config(self) -> None:
        if self._context.config.value is None or self.doubtful:
            self._context.config.set(await self._context.rest.accounts.config())

    async def _try_version(self) -> None:
        if self._context.version.value is not None:
            return
        try:
            async with asyncio.timeout(self._context.delays.version):
                self._context.version.set(await self._context.rest.accounts.version())
        except (AntiphonError, TimeoutError):
            log.debug("the version could not be fetched before connecting; it will be tried again")

    async def _open(self, sockets: list[Socket]) -> tuple[Socket, str]:
        context = self._context
        *others, last = self.transports
        share = context.delays.connect / (2 * (len(others) + 1))
        for transport in others:
            socket = self._new(sockets)
            try:
                async with asyncio.timeout(share):
                    await socket.open(context.url, context.token, [transport])
            except (ConnectFailed, TimeoutError):
                log.info("no connection by %s; trying another way", transport)
                # It may stand on the server's side by now, and two would bring every event twice.
                await socket.close()
                sockets.remove(socket)
            else:
                return socket, transport
        socket = self._new(sockets)
        await socket.open(context.url, context.token, [last])
        return socket, last

    def _new(self, sockets: list[Socket]) -> Socket:
        socket = self._transport.socket(self._arrived)
        sockets.append(socket)
        return socket

    async def _join(self, socket: Socket) -> None:
        """Send the first packet and wait for its acknowledgement: live only after that (W-67)."""
        payload = {"auth": {"token": self._context.token}}
        answer = await socket.call("user-join", payload, self._context.delays.ack)
        if not answer:
            raise NotJoined("the server did not accept the session")
        ack: UserJoinAck = checked(UserJoinAck, answer, "user-join")
        held = self._context.me
        # The acknowledgement tells no role.
        role = held.role if held is not None and held.id == ack.id else None
        self._context.me = UserName(id=ack.id, name=ack.name, role=role)
