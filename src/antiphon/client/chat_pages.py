"""Fetching the list of chats a page at a time."""

from __future__ import annotations

import asyncio

from antiphon.wire import ChatEntry

from .chat_list import ChatList
from .context import Context
from .rest.chats import PAGE

MOST_PAGES = 5
"""Pages that a refresh fetches again; what was fetched beyond them is dropped, and fetched when wanted."""


class ChatPages:
    """The fetching side of the list: one request at a time, so that no older answer comes last (W-15)."""

    def __init__(self, context: Context, chats: ChatList) -> None:
        self._context = context
        self._list = chats
        self._pages = 1
        self._turn = asyncio.Lock()

    async def refresh(self) -> None:
        """Fetch every page that is held again."""
        async with self._turn:
            await self._fetch(min(self._pages, MOST_PAGES))

    async def load_more(self) -> bool:
        """Fetch one page more; give whether there are still more chats.

        Pages are counted from the newest chat, and chats move to the front meanwhile: the page before is
        fetched with it, so that none falls between the two.
        """
        async with self._turn:
            if not self._list.loaded:
                await self._fetch(1)
            elif self._list.has_more:
                await self._fetch(self._pages + 1, first=self._pages)
        return self._list.has_more

    async def _fetch(self, last: int, first: int = 1) -> None:
        fetched: list[ChatEntry] = []
        with self._list.being_fetched():
            for number in range(first, last + 1):
                page = await self._context.rest.chats.list(number)
                fetched += page
                if len(page) < PAGE:
                    break
            self._pages = number
            self._list.load(fetched, has_more=len(page) >= PAGE, more=first > 1)
