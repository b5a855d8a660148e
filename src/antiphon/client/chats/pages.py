"""Fetching the list of chats a page at a time, with the pinned ones and the folders."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from antiphon.client.chats.chat_list import ChatList
from antiphon.client.context import Context
from antiphon.client.errors import BadAnswer, RequestFailed, SignedOut
from antiphon.client.rest.chats import PAGE
from antiphon.wire import ChatEntry

MOST_PAGES = 5
"""Pages that a refresh fetches again; what was fetched beyond them is dropped, and fetched when wanted."""

T = TypeVar("T")


class ChatPages:
    """The fetching side of the list: one request at a time, so that no older answer comes last (W-15)."""

    def __init__(self, context: Context, chats: ChatList) -> None:
        self._context = context
        self._list = chats
        self._pages = 1
        self._turn = asyncio.Lock()
        self._without: set[str] = set()  # what this server does not have

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
        chats = self._context.rest.chats
        with self._list.being_fetched():
            for number in range(first, last + 1):
                page = await chats.list(number)
                fetched += page
                if len(page) < PAGE:
                    break
            self._pages = number
            more = first > 1
            pinned = None if more else await self._optional("pinned", chats.pinned)
            folders = None if more else await self._optional("folders", chats.folders)
            self._list.load(fetched, has_more=len(page) >= PAGE, more=more, pinned=pinned, folders=folders)

    async def _optional(self, name: str, fetch: Callable[[], Awaitable[list[T]]]) -> list[T]:
        """Fetch what not every server has, or not for everybody; that is as much as none."""
        if name in self._without:
            return []
        try:
            return await fetch()
        except SignedOut:
            raise
        except BadAnswer as error:
            if error.foreign:
                raise
        except RequestFailed as error:
            if error.retryable:
                raise
        self._without.add(name)
        return []
