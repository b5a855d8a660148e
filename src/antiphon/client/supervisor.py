"""Keeps the link: attempt after attempt, until somebody signs out or closes the client.

The library's own reconnection is off. Version check, heartbeat and catching up are tasks of their own that
start and stop with the link and retry by themselves; joining waits for none of them (W-01, W-02, W-04).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from antiphon.wire import UserJoinAck, UserName

from .backoff import Backoff
from .context import Context
from .errors import AntiphonError, BadAnswer, RequestFailed, SignedOut, Unreachable
from .link import Link, LinkState
from .rest.http import checked
from .tasks import together
from .transport import Arrived, ConnectFailed, NoSocket, Socket, Transport

log = logging.getLogger(__name__)

OUTGOING = 256
"""Events that may wait to be sent; beyond that the connection is stuck, and typing is not worth waiting for.
"""


class NotJoined(ConnectFailed):
    """The socket opened, but the server did not tell us who we are."""


class Supervisor:
    """Owns the connection. `run` is the only task that opens one."""

    def __init__(
        self,
        context: Context,
        transport: Transport,
        arrived: Arrived,
        catch_up: Callable[[], Awaitable[None]],
    ) -> None:
        self._context = context
        self._transport = transport
        self._arrived = arrived
        self._catch_up = catch_up
        self._connection: Socket | None = None
        self._outgoing: asyncio.Queue[tuple[str, dict[str, Any]]] | None = None
        self._stale = asyncio.Event()
        self._hurry = asyncio.Event()
        self._suspicion = asyncio.Event()
        self._checking = False
        self._over = asyncio.Event()
        self._over_reason = "signed out"
        self._attempt = 0
        self._backoff = Backoff(context.delays.retry_first, context.delays.retry_most, context.delays.random)

    # For the rest of the client

    @property
    def sid(self) -> str | None:
        """The session id of the connection, if there is a joined one."""
        joined = self._context.link.value.state.joined
        return self._connection.sid if self._connection is not None and joined else None

    def say(self, name: str, payload: dict[str, Any]) -> bool:
        """Send an event now; False when there is no link, and then nothing is kept for later (W-11)."""
        if self._outgoing is None or self._outgoing.full():
            return False
        self._outgoing.put_nowait((name, payload))
        return True

    def ask_catch_up(self) -> None:
        """Something was missed: catch up as after a reconnect."""
        self._stale.set()

    def hurry(self) -> None:
        """Do not wait for the next attempt."""
        self._hurry.set()

    def suspect(self) -> None:
        """A request was answered 401: find out whether this person is still signed in."""
        if not self._checking:
            self._suspicion.set()

    def end(self, reason: str) -> None:
        """The person is signed out: stop for good."""
        self._over_reason = reason
        self._over.set()

    # The loop

    async def run(self) -> None:
        """Keep the link until it is over."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._keep()), group.create_task(self._watch_session())]
            await self._over.wait()
            for task in tasks:
                task.cancel()
        self._set(LinkState.SIGNED_OUT, reason=self._over_reason)

    async def _keep(self) -> None:
        while True:
            self._attempt += 1
            self._set(LinkState.CONNECTING)
            reason = await self._once()
            if self._over.is_set():
                return
            delay = self._backoff.next()
            self._set(LinkState.WAITING, reason=reason, next_attempt_at=self._context.clock.now() + delay)
            log.info("the link is down (%s); next attempt in %.1f s", reason, delay)
            await self._pause(delay)

    async def _once(self) -> str:
        """Make an attempt and, if it works, live with it; give the reason of its end."""
        clock, delays = self._context.clock, self._context.delays
        try:
            async with self._joined() as connection:
                began = clock.monotonic()
                try:
                    return await self._live(connection)
                finally:
                    if clock.monotonic() - began >= delays.settled:
                        self._backoff.reset()
        except SignedOut as error:
            self.end(error.detail)
            return error.detail
        except TimeoutError:
            # Open WebUI 0.12.4 leaves a join unanswered whose account is gone.
            await self._check_session()
            return "the server did not answer in time"
        except (ConnectFailed, BadAnswer, RequestFailed, Unreachable) as error:
            reason = error.detail if isinstance(error, RequestFailed) else str(error)
            if (
                isinstance(error, ConnectFailed)
                and await self._check_session()
                and isinstance(error, NoSocket)
            ):
                reason = "the server answers, but no WebSocket opens; a proxy between may block it"
            return reason

    @contextlib.asynccontextmanager
    async def _joined(self) -> AsyncIterator[Socket]:
        """Open a connection and join, all within the limit of one attempt."""
        connections: list[Socket] = []
        try:
            async with asyncio.timeout(self._context.delays.connect):
                await self._prepare()
                connection = await self._open(connections)
                await self._join(connection)
            self._connection = connection
            yield connection
        finally:
            self._connection = None
            for used in connections:
                await used.close()

    async def _prepare(self) -> None:
        """Fetch the configuration, which says how to connect; the version only helps, so it may fail or hang
        (W-02).
        """
        await together(self._need_config(), self._try_version())

    async def _need_config(self) -> None:
        if self._context.config.value is None:
            self._context.config.set(await self._context.rest.accounts.config())

    async def _try_version(self) -> None:
        if self._context.version.value is not None:
            return
        try:
            async with asyncio.timeout(self._context.delays.version):
                self._context.version.set(await self._context.rest.accounts.version())
        except (AntiphonError, TimeoutError):
            log.debug("the version could not be fetched before connecting; it will be tried again")

    async def _open(self, connections: list[Socket]) -> Socket:
        context = self._context
        config = context.config.value
        transports = ["websocket"] if config is None or config.features.websocket else ["polling"]
        if context.ours and transports == ["websocket"]:
            transports.append(
                "polling"
            )  # Where a proxy blocks WebSocket (W-13); Open WebUI refuses polling then.
        share = context.delays.connect / (2 * len(transports))
        for transport in transports:
            connection = self._transport.socket(self._arrived)
            connections.append(connection)
            try:
                async with asyncio.timeout(share if transport != transports[-1] else None):
                    await connection.open(context.url, context.token, [transport])
            except (ConnectFailed, TimeoutError):
                if transport == transports[-1]:
                    raise
            else:
                return connection
        raise ConnectFailed(
            "there is no transport to connect with"
        )  # Not reached: the last transport raises.

    async def _join(self, connection: Socket) -> None:
        """Send the first packet and wait for its acknowledgement: live only after that (W-67)."""
        payload = {"auth": {"token": self._context.token}}
        answer = await connection.call("user-join", payload, self._context.delays.ack)
        if not answer:
            raise NotJoined("the server did not accept the session")
        ack: UserJoinAck = checked(UserJoinAck, answer, "user-join")
        self._context.me = UserName(id=ack.id, name=ack.name, role=None)

    async def _live(self, connection: Socket) -> str:
        """Live with a joined connection until it ends."""
        self._outgoing = asyncio.Queue(OUTGOING)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._send(connection, self._outgoing)),
                    group.create_task(self._keep_up()),
                    group.create_task(self._beat()),
                    group.create_task(self._check_version()),
                    group.create_task(self._watch_clock(connection)),
                ]
                reason = await connection.wait_ended()
                for task in tasks:
                    task.cancel()
            return reason
        finally:
            self._outgoing = None

    async def _keep_up(self) -> None:
        """Catch up now and whenever something was missed."""
        while True:
            self._stale.clear()
            self._set(LinkState.CATCHING_UP)
            await self._catch_up()
            self._attempt = 0
            self._set(LinkState.LIVE)
            await self._stale.wait()

    async def _send(self, connection: Socket, outgoing: asyncio.Queue[tuple[str, dict[str, Any]]]) -> None:
        try:
            while True:
                name, payload = await outgoing.get()
                await connection.emit(name, payload)
        except ConnectFailed:
            log.debug("the connection ended while something was being sent")

    async def _beat(self) -> None:
        """Send heartbeats at the server's interval."""
        while True:
            config = self._context.config.value
            interval = config.features.websocket_heartbeat_interval if config else None
            # None, zero or less would mean without a pause.
            wanted = interval if interval is not None and interval > 0 else self._context.delays.heartbeat
            await self._context.clock.sleep(wanted)
            self.say("heartbeat", {})

    async def _check_version(self) -> None:
        """Fetch the version once per link, until it works; a new one means that the configuration may be new
        too.
        """
        rest, delays = self._context.rest.accounts, self._context.delays
        backoff = Backoff(delays.retry_first, delays.retry_most, delays.random)
        while True:
            try:
                version = await rest.version()
            except AntiphonError as error:
                log.info("the version could not be fetched: %s", type(error).__name__)
                await self._context.clock.sleep(backoff.next())
            else:
                self._context.version.set(version)
                return

    async def _watch_clock(self, connection: Socket) -> None:
        """Notice that the machine slept: find out whether the link survived, and catch up if it did."""
        clock, delays = self._context.clock, self._context.delays
        while True:
            before = clock.now(), clock.monotonic()
            await clock.sleep(delays.wake_check)
            slept = (clock.now() - before[0]) - (clock.monotonic() - before[1])
            if abs(slept) < delays.wake_jump:
                continue
            log.info("the clock jumped by %.0f s", slept)
            try:
                await connection.call("heartbeat", {}, delays.ack)
            except (TimeoutError, ConnectFailed):
                await connection.close()
                return
            self.ask_catch_up()

    async def _watch_session(self) -> None:
        while True:
            await self._suspicion.wait()
            self._suspicion.clear()
            await self._check_session()

    async def _check_session(self) -> bool:
        """Ask once whether the token is still good: 401 means signed out, not a reason to go on trying.

        Gives whether the server said yes.
        """
        if self._context.token is None:
            self.end("nobody is signed in")
            return False
        self._checking = True
        try:
            async with asyncio.timeout(self._context.delays.ack):
                await self._context.rest.accounts.session_user()
        except SignedOut as error:
            self.end(error.detail)
        except (AntiphonError, TimeoutError) as error:
            log.debug("the session could not be checked: %s", type(error).__name__)
        else:
            return True
        finally:
            self._checking = False
        return False

    async def _pause(self, delay: float) -> None:
        """Wait for the next attempt, or until somebody is in a hurry."""
        self._hurry.clear()
        async with asyncio.TaskGroup() as group:
            waits = [
                group.create_task(self._context.clock.sleep(delay)),
                group.create_task(self._wait_hurry()),
            ]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()

    async def _wait_hurry(self) -> None:
        await self._hurry.wait()

    def _set(
        self, state: LinkState, *, reason: str | None = None, next_attempt_at: float | None = None
    ) -> None:
        link = Link(state, self._context.clock.now(), self._attempt, next_attempt_at, reason)
        self._context.link.set(link)
