"""The session: whether the token is still good, when it runs out, and signing in again.

A client that was given a password signs in again by itself when its session has run out: that is what a bot
was given it for. A password that the server refuses is not tried twice, sessions that end as soon as they
begin are renewed three times in a row at most, and after `sign_out` nothing is renewed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from antiphon.client.context import Context
from antiphon.client.errors import AntiphonError, SignedOut, passing
from antiphon.client.link.lifecycle import SessionEnding, SessionRenewed
from antiphon.client.tasks import first
from antiphon.wire import SessionUser, UserName

log = logging.getLogger(__name__)

MOST_RENEWALS = 3
"""Sign-ins in a row without a link in between that lived."""
FOREVER = 10**12
"""Unix seconds, some 30,000 years from now: a session that lasts longer is one without an end."""
LONGEST_NAP = 86_400.0


class SessionWatch:
    """Knows when the session ends.

    `end` stops the link for good, `reopen` opens a new one, `lived` tells whether the link of now has
    been live for a while.
    """

    def __init__(
        self,
        context: Context,
        end: Callable[[str], None],
        reopen: Callable[[], None],
        lived: Callable[[], bool],
    ) -> None:
        self._context = context
        self._end = end
        self._reopen = reopen
        self._lived = lived
        self._suspicion = asyncio.Event()
        self._news = asyncio.Event()
        self._asking = asyncio.Lock()
        self._renewals = 0
        self._refused = False

    def suspect(self) -> None:
        """A request was answered 401: find out whether this person is still signed in."""
        if not self._asking.locked():
            self._suspicion.set()

    def look(self) -> None:
        """Look at the clock: the machine slept, or the person is known anew."""
        self._news.set()

    def settled(self) -> None:
        """A link lived: the session is a good one."""
        self._renewals = 0

    async def watch_suspicion(self) -> None:
        """Check the session whenever there is a suspicion."""
        while True:
            await self._suspicion.wait()
            self._suspicion.clear()
            await self.check()

    async def watch_expiry(self) -> None:
        """Tell of the session's end a minute ahead, and see to it when it has come."""
        context, delays = self._context, self._context.delays
        seen: int | None = None
        told: int | None = None
        early = 0.0
        release = context.user.subscribe(lambda _: self.look())
        try:
            while True:
                self._news.clear()
                user = context.user.value
                end = user.expires_at if user is not None else None
                if end is None or end > FOREVER:
                    await self._news.wait()
                    continue
                left = end - context.clock.now()
                if seen != end:
                    # A session that lasts hardly longer than the warning is not renewed all the time.
                    seen, early = end, min(delays.session_ahead, left / 2)
                if left > delays.session_ahead:
                    await self._nap(left - delays.session_ahead)
                    continue
                if told != end:
                    told = end
                    context.announce(SessionEnding(end))
                if left > early:
                    await self._nap(left - early)
                    continue
                if left > 0:
                    if not await self._renew():
                        await self._nap(min(left, delays.session_again))
                    continue
                # The server's word counts, not our clock.
                await self.check()
                await self._nap(delays.session_again)
        finally:
            release()

    async def check(self) -> bool:
        """Ask the server once whether the token is good; a 401 means that the session is over.

        Gives whether the server said yes.
        """
        context = self._context
        if context.token is None:
            self._end("nobody is signed in")
            return False
        async with self._asking:
            try:
                async with asyncio.timeout(context.delays.ack):
                    user = await context.rest.accounts.session_user()
            except SignedOut as error:
                await self._run_out(error.detail)
            except (AntiphonError, TimeoutError) as error:
                log.debug("the session could not be checked: %s", type(error).__name__)
            else:
                held = context.user.value
                if held is None or held.expires_at != user.expires_at:
                    context.user.set(user)
                return True
        return False

    async def ended(self, detail: str) -> None:
        """The server said 401 to what everybody signed in may ask."""
        async with self._asking:
            await self._run_out(detail)

    async def _run_out(self, detail: str) -> None:
        """The session is over: sign in again, or end. An unreachable server leaves it to the next attempt."""
        if self._lived():
            self._renewals = 0
        if self._context.sign_in_again is None:
            self._end(detail)
        elif self._renewals >= MOST_RENEWALS:
            self._end(f"the server ended {MOST_RENEWALS} new sessions in a row: {detail}")
        elif not await self._sign_in() and self._refused:
            self._end(f"the session ran out, and signing in again was refused: {detail}")

    async def _renew(self) -> bool:
        """Sign in again before the session runs out."""
        if self._lived():
            self._renewals = 0
        if self._context.sign_in_again is None or self._refused or self._renewals >= MOST_RENEWALS:
            return False
        async with self._asking:
            return await self._sign_in()

    async def _sign_in(self) -> bool:
        context = self._context
        if context.sign_in_again is None or self._refused:
            return False
        try:
            async with asyncio.timeout(context.delays.request):
                user: SessionUser = await context.sign_in_again(context.rest)
        except (AntiphonError, TimeoutError) as error:
            self._refused = isinstance(error, AntiphonError) and not passing(error)
            log.warning("signing in again did not work: %s", type(error).__name__)
            return False
        if context.me is not None and user.id != context.me.id:
            self._refused = True  # Another account under the same address: not the person this client is.
            return False
        self._renewals += 1
        context.token = user.token
        context.me = UserName(id=user.id, name=user.name, role=user.role)
        context.user.set(user)
        context.announce(SessionRenewed())
        self._reopen()
        return True

    async def _nap(self, seconds: float) -> None:
        await first(self._context.clock.sleep(min(seconds, LONGEST_NAP)), self._news.wait())
