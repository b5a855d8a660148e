"""What runs while a link stands: catching up, sending, heartbeat, version. All of it ends with the link."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from antiphon.client.context import Context
from antiphon.client.errors import AntiphonError
from antiphon.client.link.backoff import Backoff
from antiphon.client.link.lifecycle import AccessRefreshed, ServerChanged
from antiphon.client.link.transport import ConnectFailed, Socket
from antiphon.wire import Version

log = logging.getLogger(__name__)

OUTGOING = 256
"""Events that may wait to be sent; beyond that the connection is stuck, and typing is not worth waiting for.
"""


class Access:
    """Whether the server changed what the person may do, and it has not been fetched since."""

    def __init__(self) -> None:
        self.stale, self.fresh = asyncio.Event(), asyncio.Event()
        self.fresh.set()

    def changed(self) -> None:
        """The server said so, or ended the connection."""
        self.stale.set()
        self.fresh.clear()

    def refreshed(self) -> bool:
        """Everything was fetched again; tell whether that was for this reason."""
        was = self.stale.is_set()
        self.stale.clear()
        self.fresh.set()
        return was


class Keeping:
    """Lives with one joined socket. `live` is called after each catch-up, `catching_up` before."""

    def __init__(
        self,
        context: Context,
        socket: Socket,
        access: Access,
        catch_up: Callable[[], Awaitable[None]],
        catching_up: Callable[[], None],
        live: Callable[[], None],
    ) -> None:
        self._context = context
        self._socket = socket
        self._access = access
        self._catch_up = catch_up
        self._catching_up = catching_up
        self._live = live
        self._outgoing: asyncio.Queue[tuple[str, dict[str, Any]]] | None = None
        self._stale = asyncio.Event()
        self._doubtful = asyncio.Event()
        self._doubt = ""
        self._ending = asyncio.Event()
        self._reason = ""

    @property
    def sid(self) -> str | None:
        """The session id of the socket."""
        return self._socket.sid

    def say(self, name: str, payload: dict[str, Any]) -> bool:
        """Send an event now; False when it cannot be carried, and then nothing is kept for later (W-11)."""
        if self._outgoing is None or self._outgoing.full():
            return False
        self._outgoing.put_nowait((name, payload))
        return True

    def ask_catch_up(self) -> None:
        """Something was missed: catch up as after a reconnect."""
        self._stale.set()

    def doubt(self, event: str) -> None:
        """Something happened that the link may not have survived: find out whether it did."""
        self._doubt = event
        self._doubtful.set()

    def end(self, reason: str) -> None:
        """Give this link up, for a reason of ours."""
        self._reason = reason
        self._ending.set()

    async def run(self) -> str:
        """Live with the link until it ends, and give the reason."""
        self._outgoing = asyncio.Queue(OUTGOING)
        try:
            async with asyncio.TaskGroup() as group:
                work = [
                    self._send(self._outgoing),
                    self._keep_up(),
                    self._beat(),
                    self._check_version(),
                    self._settle_doubts(),
                    self._follow_access(),
                ]
                tasks = [group.create_task(each) for each in work]
                ends = [
                    group.create_task(self._socket.wait_ended()),
                    group.create_task(self._ending.wait()),
                ]
                done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                for task in (*tasks, *ends):
                    task.cancel()
            return str(ends[0].result()) if ends[0] in done else self._reason
        finally:
            self._outgoing = None

    async def _keep_up(self) -> None:
        """Catch up now and whenever something was missed."""
        delays = self._context.delays
        backoff = Backoff(delays.retry_first, delays.retry_most, delays.random)
        while True:
            self._stale.clear()
            self._catching_up()
            try:
                await self._catch_up()
            except Exception as error:  # noqa: BLE001 - not one of those that catching up expects: it must not end the link
                self._context.faults.report("catching up", error)
                await self._context.clock.sleep(backoff.next())
                continue
            backoff.reset()
            self._live()
            if self._access.refreshed():
                self._context.announce(AccessRefreshed())
            await self._stale.wait()

    async def _send(self, outgoing: asyncio.Queue[tuple[str, dict[str, Any]]]) -> None:
        try:
            while True:
                name, payload = await outgoing.get()
                await self._socket.emit(name, payload)
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
        """Fetch the version once per link, until it works; after a change the configuration too."""
        context, delays = self._context, self._context.delays
        backoff = Backoff(delays.retry_first, delays.retry_most, delays.random)
        while True:
            try:
                version = await context.rest.accounts.version()
                before = context.version.value
                changed = before is not None and _build(before) != _build(version)
                if changed:
                    context.config.set(await context.rest.accounts.config())
            except AntiphonError as error:
                log.info("the version could not be fetched: %s", type(error).__name__)
                await context.clock.sleep(backoff.next())
                continue
            context.version.set(version)
            if before is not None and changed:
                context.announce(ServerChanged(before, version))
            return

    async def _settle_doubts(self) -> None:
        """Ask the server for a sign of life where the link may be dead, and catch up if it is not."""
        while True:
            await self._doubtful.wait()
            self._doubtful.clear()
            try:
                await self._socket.call("heartbeat", {}, self._context.delays.ack)
            except (TimeoutError, ConnectFailed):
                self.end(f"the link did not survive {self._doubt}")
                return
            self.ask_catch_up()

    async def _follow_access(self) -> None:
        """Fetch what the person may do, unless the server ends the connection first, as it mostly does."""
        while True:
            await self._access.stale.wait()
            await self._context.clock.sleep(self._context.delays.access)
            if self._access.stale.is_set():
                self.ask_catch_up()
            await self._access.fresh.wait()


def _build(version: Version) -> tuple[str, str, str]:
    return version.version, version.deployment_id or "", version.antiphon or ""
