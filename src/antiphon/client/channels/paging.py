"""Fetching a timeline's pages so that what is held never has a hole (W-18).

A page of earlier messages is asked for by the oldest message that is held, where the server can do that. Else
the server pages by count (`skip`, `limit`), and counts shift while messages come and go. So each earlier page
overlaps what is held, and one that does not touch it is asked for again, nearer.

A refresh starts a new epoch: pages that were asked for before it are dropped when they come, because what was
missed in between could not correct them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from antiphon.client.arrivals import Arrivals
from antiphon.client.channels.held import place_of
from antiphon.client.channels.timeline import Timeline
from antiphon.client.errors import NotFound
from antiphon.wire import Message

OVERLAP = 2
"""Rows by which an earlier page overlaps what is held, where pages go by count."""
MOST_PAGES = 4
"""Pages fetched by a refresh; what was scrolled back to beyond them is dropped, and fetched when wanted."""


@dataclass(frozen=True, slots=True)
class Page:
    """Messages in any order. `complete`: the oldest of all is among them. `whole`: they are what was asked
    for; a server that does not know the message to read on from answers with nothing.
    """

    messages: list[Message]
    complete: bool
    whole: bool = True


class FetchPage(Protocol):
    """Fetches `limit` messages, newest first: after leaving out `skip`, or those older than `before`."""

    async def __call__(self, skip: int, limit: int, before: str | None) -> Page:
        """Fetch."""
        ...


class _Overtaken(Exception):
    """A page came after a new epoch had begun."""


class Paging:
    """The fetching side of one timeline."""

    def __init__(
        self,
        timeline: Timeline,
        arrivals: Arrivals,
        fetch: FetchPage,
        page: int,
        by_message: Callable[[], bool] = lambda: False,
    ) -> None:
        """`by_message`: whether the server pages by the message to read on from."""
        self._timeline = timeline
        self._arrivals = arrivals
        self._fetch_page = fetch
        self._page = page
        self._by_message = by_message
        self._epoch = 0
        self._refreshing: asyncio.Future[None] | None = None

    async def refresh(self) -> None:
        """Fetch every page that is held again, or the newest one where none is."""
        while True:
            self._epoch += 1
            done = self._refreshing = asyncio.get_running_loop().create_future()
            try:
                await self._refresh()
            except _Overtaken:
                other = self._refreshing
                done.set_result(None)
                if other is not done and other is not None and not other.done():
                    return await asyncio.shield(other)
            except BaseException as error:
                done.set_exception(error)
                done.exception()  # Whoever waits gets it; nobody has to.
                raise
            else:
                done.set_result(None)
                return None
            finally:
                if self._refreshing is done:
                    self._refreshing = None

    async def load_earlier(self, limit: int) -> bool:
        """Fetch an earlier page; give whether there are still earlier messages."""
        timeline = self._timeline
        if not timeline.loaded:
            await self.refresh()
        elif timeline.has_earlier and not (self._by_message() and await self._read_on(limit)):
            await self._count_back(limit)
        return timeline.has_earlier

    async def reach(self, message: Message, limit: int) -> bool:
        """Fetch earlier pages until a message is held; False when it is not among them."""
        timeline = self._timeline
        if not timeline.loaded:
            await self.refresh()
        while timeline.known(message.id) is None:
            oldest = timeline.oldest()
            if oldest is None or oldest.created_at < message.created_at or not timeline.has_earlier:
                return False
            await self.load_earlier(limit)
            now = timeline.oldest()
            if now is not None and now.id == oldest.id:
                return False
        return True

    def forget(self) -> None:
        """Drop what is held, as stale."""
        self._epoch += 1
        self._timeline.forget()

    async def _refresh(self) -> None:
        timeline = self._timeline
        await self._merge(0, self._page)
        fetched = self._page
        for _ in range(MOST_PAGES - 1):
            if timeline.confirmed() <= fetched:
                return
            if not await self._merge(fetched - OVERLAP, self._page):
                break
            fetched += self._page - OVERLAP
        timeline.keep_newest(fetched)

    async def _read_on(self, limit: int) -> bool:
        """Fetch what stands before the oldest message; False when the server does not know that one."""
        timeline = self._timeline
        while timeline.has_earlier and (oldest := timeline.oldest()) is not None:
            try:
                return await self._merge(0, limit, before=oldest)
            except _Overtaken:
                continue
            except NotFound:
                return False
        return True

    async def _count_back(self, limit: int) -> None:
        timeline = self._timeline
        size = max(min(limit + OVERLAP, self._page), 2 * OVERLAP)
        nearer = 0
        while timeline.has_earlier and timeline.loaded:
            skip = timeline.confirmed() - OVERLAP - nearer
            if skip <= 0:
                await self.refresh()
                break
            try:
                if await self._merge(skip, size):
                    break
            except _Overtaken:
                nearer = 0
            else:
                nearer += size // 2

    async def _merge(self, skip: int, limit: int, *, before: Message | None = None) -> bool:
        """Fetch a page and merge it; False when it does not touch what is held, or is not what was asked
        for: a server that does not know `before` gives the newest page.
        """
        timeline = self._timeline
        epoch, asked_at, cuts = self._epoch, self._arrivals.next(), timeline.cuts
        newest = skip == 0 and before is None
        timeline.page_requested(asked_at, newest=newest)
        try:
            page = await self._fetch_page(skip, limit, before.id if before is not None else None)
            if epoch != self._epoch or (before is not None and cuts != timeline.cuts):
                raise _Overtaken
            older = before is None or all(place_of(one) < place_of(before) for one in page.messages)
            return (page.whole and older) and timeline.merge_page(
                page.messages,
                asked_at=asked_at,
                newest=newest,
                complete=page.complete,
                adjoins=before is not None,
            )
        finally:
            timeline.page_answered()
