"""Catching up: one code path for every moment at which something may have been missed.

After each acknowledged join, on wake from sleep, after an inbox overflow. What windows show comes first, then
the lists, then what is followed without a window; whatever else is held is dropped as stale. Live events go
on being applied meanwhile (W-16), and an answer that a later request has overtaken is dropped (W-15).
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from antiphon.client.attention.windows import Shown, Windows
from antiphon.client.channels.channel_list import ChannelList
from antiphon.client.channels.reducer import ChannelReducer
from antiphon.client.chats.chat_list import ChatList
from antiphon.client.chats.pages import ChatPages
from antiphon.client.chats.reducer import ChatReducer
from antiphon.client.context import Context
from antiphon.client.errors import AntiphonError, NotFound, Refused, passing
from antiphon.client.link.backoff import Backoff
from antiphon.client.refetch import Fetch, Refetch
from antiphon.client.slots import sharing
from antiphon.client.store import Store
from antiphon.client.tasks import together
from antiphon.wire import UserSettings

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Requests at a time: a thousand clients that come back together must not ask for everything at once."""
TURNS = 4
"""Turns of the loop within which a fetch has made its first requests, or waits for a slot."""


class CatchUp:
    """Knows everything that can be fetched again."""

    def __init__(
        self,
        context: Context,
        channel_list: ChannelList,
        chat_list: ChatList,
        windows: Windows,
        settings: Store[UserSettings],
        tags: Fetch,
    ) -> None:
        self.channels: ChannelReducer
        self.chats: ChatReducer
        self._context = context
        self._channel_list = channel_list
        self._windows = windows
        self._settings = settings
        self._tags = tags
        self._works = asyncio.Semaphore(AT_ONCE)  # what stands first in the list is asked for first
        self._requests = asyncio.Semaphore(AT_ONCE)  # one work may make several at once
        self._person_as_of = 0  # when what is held of the person was asked for
        self.channel_refetch = Refetch(context, self.fetch_channels, "the channel list")
        self.chat_refetch = Refetch(context, self.fetch_chats, "the chat list")
        self.chat_pages = ChatPages(context, chat_list)
        self.tag_refetch = Refetch(context, tags, "the tags")

    async def run(self) -> None:
        """Fetch everything that matters; returns when it is done, and tries again what could not be
        reached.
        """
        self.chats.missed()
        shown = self._windows.shown()
        channels, chats = self._followed_channels(shown), self._followed_chats(shown)
        works = [
            *(self._again(partial(self._refresh_channel, id_)) for id_ in shown.channels),
            *(self._again(partial(self._refresh_chat, id_)) for id_ in shown.chats),
            self._after_windows(self.fetch_channels),
            self._after_windows(self.fetch_chats),
            self._after_windows(self.fetch_person),
            *(self._after_windows(partial(self._refresh_channel, id_)) for id_ in channels),
            *(self._after_windows(partial(self._refresh_chat, id_)) for id_ in chats),
        ]
        with sharing(self._requests):
            await together(*works)

    def _followed_channels(self, shown: Shown) -> list[str]:
        """Give the channels that somebody follows without a window; drop what nobody follows."""
        followed: list[str] = []
        for id_, channel in self.channels.handles.items():
            if id_ in shown.channels:
                continue
            if channel.followed and channel.wanted:
                followed.append(id_)
            else:
                channel.forget()
        return followed

    def _followed_chats(self, shown: Shown) -> list[str]:
        """The same for chats; one whose answer is being written must hear of its end."""
        followed: list[str] = []
        for id_, chat in self.chats.handles.items():
            if id_ in shown.chats:
                continue
            if chat.followed and chat.wanted:
                followed.append(id_)
            else:
                chat.forget()
        return followed

    async def fetch_person(self) -> None:
        """Fetch who we are, what the server lets us do, our settings and tags; an answer that a later request
        has overtaken is dropped (W-15).
        """
        rest = self._context.rest.accounts
        asked_at = self._context.arrivals.next()
        user, config, settings, _ = await together(
            rest.session_user(), rest.config(), rest.settings(), self._tags()
        )
        if asked_at > self._person_as_of:
            self._person_as_of = asked_at
            self._context.user.set(user)
            self._context.config.set(config)
            self._settings.set(settings)

    async def fetch_channels(self) -> None:
        """Fetch the channel list; channels that it shows for the first time are joined."""
        asked_at = self._context.arrivals.next()
        try:
            entries = await self._context.rest.channels.list()
        except (Refused, NotFound):
            entries = []  # Channels are switched off, or not for this person.
        if new := self._channel_list.load(entries, asked_at):
            self._context.say("join-channels", {"auth": {"token": self._context.token}})
            self._open_again(new)

    def _open_again(self, channel_ids: tuple[str, ...]) -> None:
        """Fetch what windows show, or somebody follows, of channels that are ours to see again."""
        shown = self._windows.shown().channels
        for id_ in channel_ids:
            handle = self.channels.handles.get(id_)
            if handle is None or handle.timeline.loaded:
                continue
            if id_ in shown or (handle.followed and handle.wanted):
                work = self._again(partial(self._refresh_channel, id_))
                self._context.background().spawn(work, "a channel that is back")

    async def fetch_chats(self) -> None:
        """Fetch the chats again, as far as they are held."""
        await self.chat_pages.refresh()

    async def _refresh_channel(self, channel_id: str) -> None:
        channel = self.channels.handle(channel_id)
        try:
            await channel.refresh()
        except (Refused, NotFound):
            channel.gone()

    async def _refresh_chat(self, chat_id: str) -> None:
        chat = self.chats.handle(chat_id)
        try:
            await chat.refresh()
        except (Refused, NotFound):
            chat.gone()

    async def _after_windows(self, fetch: Fetch) -> None:
        """Fetch what no window shows: let those fetches take the first slots that stand before it."""
        for _ in range(TURNS):
            await asyncio.sleep(0)
        await self._again(fetch)

    async def _again(self, fetch: Fetch) -> None:
        """Fetch, at most four things at a time, until it worked or the server refused it for good."""
        delays = self._context.delays
        backoff = Backoff(delays.retry_first, delays.retry_most, delays.random)
        while True:
            try:
                async with self._works:
                    return await fetch()
            except AntiphonError as error:
                if not passing(error):
                    log.warning("while catching up: %s", type(error).__name__)
                    return None
                log.info("while catching up: %s; trying again", type(error).__name__)
            await self._context.clock.sleep(backoff.next())
