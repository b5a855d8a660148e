"""Keeps the link: attempt after attempt, until somebody signs out or closes the client.

The library's own reconnection is off. Version check, heartbeat and catching up are tasks of their own that
start and stop with the link and retry by themselves; joining waits for none of them (W-01, W-02, W-04).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from antiphon.client.context import Context
from antiphon.client.errors import BadAnswer, RequestFailed, SignedOut, Unreachable
from antiphon.client.link.attempt import Attempts
from antiphon.client.link.backoff import Backoff
from antiphon.client.link.keeping import Access, Keeping
from antiphon.client.link.lifecycle import (
    AttemptBegan,
    Connected,
    ConnectError,
    Disconnected,
    GaveUp,
    RetryScheduled,
    SessionEnded,
)
from antiphon.client.link.link import Link, LinkState
from antiphon.client.link.reasons import BY_SERVER, ENDED, SILENT
from antiphon.client.link.session import SessionWatch
from antiphon.client.link.transport import Arrived, ConnectFailed, NoSocket, Transport
from antiphon.client.link.wake import WakeWatch
from antiphon.client.tasks import first

log = logging.getLogger(__name__)

BLOCKED = "the server answers, but a proxy seems to block WebSocket; this server allows nothing else"
BLOCKED_TWICE = "the server answers, but a proxy seems to block WebSocket, and polling does not work either"
NO_POLLING = "the server answers, but no connection by polling comes about, and it allows nothing else"


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
        self._catch_up = catch_up
        self._attempts = Attempts(context, transport, arrived)
        self._keeping: Keeping | None = None
        self._access = Access()
        self._session = SessionWatch(context, self.end, self._reopen, self._lived)
        self._hurry = asyncio.Event()
        self._over = asyncio.Event()
        self._over_reason = "signed out"
        self._renewed = False
        self._number = 0
        self._reason: str | None = None
        self._live_since: float | None = None
        self._backoff = Backoff(context.delays.retry_first, context.delays.retry_most, context.delays.random)

    # For the rest of the client

    @property
    def sid(self) -> str | None:
        """The session id of the connection, if there is a joined one."""
        joined = self._context.link.value.state.joined
        return self._keeping.sid if self._keeping is not None and joined else None

    def say(self, name: str, payload: dict[str, Any]) -> bool:
        """Send an event now; False when there is no link, and then nothing is kept for later (W-11)."""
        return self._keeping is not None and self._keeping.say(name, payload)

    def ask_catch_up(self) -> None:
        """Something was missed: catch up as after a reconnect. Without a link the next one will do it."""
        if self._keeping is not None:
            self._keeping.ask_catch_up()

    def access_changed(self) -> None:
        """The server says that what this person may do has changed, and mostly ends the connection next."""
        self._access.changed()

    def hurry(self) -> None:
        """Do not wait for the next attempt, also not after the one under way; begin again if given up;
        find out whether a link that seems to stand still does.
        """
        if self._keeping is not None:
            self._keeping.doubt("a change of the network")
            return
        self._hurry.set()
        if self._context.link.value.state is LinkState.GAVE_UP:
            # At once: whoever waits for the link from now on must not be told of the end before.
            self._set(LinkState.CONNECTING, reason=self._reason)

    def suspect(self) -> None:
        """A request was answered 401: find out whether this person is still signed in."""
        self._session.suspect()

    def end(self, reason: str) -> None:
        """The person is signed out: stop for good."""
        if not self._over.is_set():
            self._over_reason = reason
            self._over.set()

    # The loop

    async def run(self) -> None:
        """Keep the link until it is over."""
        context = self._context
        works = [
            self._lasting(self._keep, "keeping the link"),
            self._lasting(self._session.watch_suspicion, "the session"),
            self._lasting(self._session.watch_expiry, "the session"),
            self._lasting(WakeWatch(context.clock, context.delays, self._woke).run, "the clock"),
        ]
        try:
            await first(self._over.wait(), *works)
        finally:
            context.sign_in_again = None
        self._set(LinkState.SIGNED_OUT, reason=self._over_reason)
        context.announce(SessionEnded(self._over_reason))

    async def _lasting(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        """Do lasting work; an error that nobody expected does not end it."""
        while not self._over.is_set():
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - the link must outlive whatever it is
                self._context.faults.report(name, error)
                await self._context.clock.sleep(self._context.delays.retry_most)
        await self._over.wait()

    async def _keep(self) -> None:
        context = self._context
        while True:
            self._number += 1
            self._renewed = False
            self._hurry.clear()
            self._set(LinkState.CONNECTING, reason=self._reason)
            context.announce(AttemptBegan(self._number))
            outcome = await self._once()
            self._reason = outcome.reason
            self._attempts.doubtful = isinstance(outcome, ConnectError)
            if self._over.is_set():
                return
            if self._renewed:
                context.announce(outcome)
            elif self._spent:
                await self._give_up(outcome)
            else:
                await self._wait(outcome)

    @property
    def _spent(self) -> bool:
        """Whether as many attempts as allowed have failed, and nobody wants another one."""
        most = self._context.attempts
        return most is not None and self._number >= most and not self._hurry.is_set()

    async def _wait(self, outcome: ConnectError | Disconnected) -> None:
        context, delay = self._context, self._backoff.next()
        self._set(LinkState.WAITING, reason=outcome.reason, next_attempt_at=context.clock.now() + delay)
        context.announce(outcome)
        context.announce(RetryScheduled(self._number + 1, delay))
        await first(context.clock.sleep(delay), self._hurry.wait())

    async def _give_up(self, outcome: ConnectError | Disconnected) -> None:
        """Enough attempts in a row: say so, and stay until somebody wants to begin again."""
        made, self._number = self._number, 0
        self._backoff.reset()
        self._set(LinkState.GAVE_UP, reason=outcome.reason)
        self._context.announce(outcome)
        self._context.announce(GaveUp(made, outcome.reason))
        await self._hurry.wait()

    async def _once(self) -> ConnectError | Disconnected:
        """Make an attempt and, if it works, live with it; give its end."""
        try:
            return await self._link()
        except SignedOut as error:
            await self._session.ended(error.detail)
            return ConnectError(error.detail)
        except TimeoutError:
            # Open WebUI 0.12.4 leaves a join unanswered whose account is gone.
            answers = await self._session.check()
            return ConnectError(self._blocked() if answers and self._attempts.opening else SILENT)
        except ConnectFailed as error:
            answers = await self._session.check()
            return ConnectError(self._blocked() if answers and isinstance(error, NoSocket) else str(error))
        except RequestFailed as error:
            return ConnectError(error.detail)
        except (BadAnswer, Unreachable) as error:
            return ConnectError(str(error))
        except Exception as error:  # noqa: BLE001 - a fault of ours: said, and tried again like any other failure
            self._context.faults.report("the link", error)
            return ConnectError("an internal error; see the log")

    async def _link(self) -> Disconnected:
        context = self._context
        async with self._attempts.joined() as joined:
            keeping = self._keeping = Keeping(
                context, joined.socket, self._access, self._catch_up, self._catching_up, self._live
            )
            self._hurry.clear()  # The wish is granted: it must not be one for the attempt after this link.
            context.announce(Connected(joined.socket.sid or "", joined.transport))
            try:
                reason = await keeping.run()
            except asyncio.CancelledError:
                why = self._over_reason if self._over.is_set() else "the client closes"
                context.announce(Disconnected(why, by_server=False))
                raise
            finally:
                self._keeping = None
                if self._lived():
                    self._backoff.reset()
                    self._session.settled()
                self._live_since = None
        await context.rest.renew()
        by_server = reason == BY_SERVER
        if by_server:
            self._access.changed()
        return Disconnected(ENDED.get(reason, reason), by_server)

    def _blocked(self) -> str:
        """Say what it means that requests are answered but no socket opens."""
        match self._attempts.transports:
            case ("websocket",):
                return BLOCKED
            case ("polling",):
                return NO_POLLING
        return BLOCKED_TWICE

    # What others tell

    def _catching_up(self) -> None:
        self._set(LinkState.CATCHING_UP)

    def _live(self) -> None:
        if self._live_since is None:
            self._live_since = self._context.clock.monotonic()
        self._number = 0
        self._reason = None
        self._set(LinkState.LIVE)

    def _lived(self) -> bool:
        """Whether the link has been live for long enough to count as a good one."""
        since = self._live_since
        return since is not None and self._context.clock.monotonic() - since >= self._context.delays.settled

    def _woke(self) -> None:
        self._session.look()
        if self._keeping is not None:
            self._keeping.doubt("the sleep of this machine")
        elif self._context.link.value.state is LinkState.WAITING:
            self.hurry()

    def _reopen(self) -> None:
        """There is a new token: a new socket with it, at once."""
        self._renewed = True
        if self._keeping is not None:
            self._keeping.end("the session was renewed")

    def _set(
        self, state: LinkState, *, reason: str | None = None, next_attempt_at: float | None = None
    ) -> None:
        link = Link(state, self._context.clock.now(), self._number, next_attempt_at, reason)
        self._context.link.set(link)
