"""Fetching a timeline's pages so that what is held never has a hole.

The server pages by count (`skip`, `limit`), and counts shift while messages come and go (W-18). So each
earlier page overlaps what is held, and one that does not touch it is asked for again, nearer. A refresh
starts a new epoch: pages that were asked for before it are dropped when they come, because what was missed in
between could not correct them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from antiphon.wire import Message

from .arrivals import Arrivals
from .timeline import Timeline

OVERLAP = 2
"""Rows by which an earlier page overlaps what is held."""
MOST_PAGES = 4
"""Pages fetched by a refresh; what was scrolled back to beyond them is dropped, and fetched when wanted."""

FetchPage = Callable[[int, int], Awaitable[list[Message]]]
"""Fetches `limit` messages, newest first, after leaving out `skip`."""


class _Overtaken(Exception):
    """A page came after a new epoch had begun."""


class Paging:
    """The fetching side of one timeline."""

    def __init__(self, timeline: Timeline, arrivals: Arrivals, fetch: FetchPage, page: int) -> None:
        self._timeline = timeline
        self._arrivals = arrivals
        self._fetch_page = fetch
        self._page = page
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
            return timeline.has_earlier
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
        return timeline.has_earlier

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

    async def _merge(self, skip: int, limit: int) -> bool:
        """Fetch a page and merge it; False when it does not touch what is held."""
        timeline = self._timeline
        epoch, asked_at = self._epoch, self._arrivals.next()
        timeline.page_requested(asked_at, newest=skip == 0)
        try:
            page = await self._fetch_page(skip, limit)
            if epoch != self._epoch:
                raise _Overtaken
            return timeline.merge_page(page, asked_at=asked_at, newest=skip == 0, complete=len(page) < limit)
        finally:
            timeline.page_answered()
