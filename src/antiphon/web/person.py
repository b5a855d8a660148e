"""A signed-in person: their client, what of it is watched, and the tabs that watch."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

from antiphon.client import Client
from antiphon.client.errors import AntiphonError
from antiphon.client.link.link import LinkState
from antiphon.wire import SessionUser

from .channel_feed import ChannelFeed
from .chat_feed import ChatFeed
from .row_cache import RowCache
from .sidebar_feed import SidebarFeed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from datetime import tzinfo

    from antiphon.client.link.link import Link
    from antiphon.wire import ModelInfo, UserEntry

    from .feed import Feed
    from .sessions import Session
    from .settings import PageSettings
    from .stream import Stream

log = logging.getLogger(__name__)

MODELS_FOR: Final = 30.0
"""Seconds that a list of models is good for."""

PEOPLE_EVERY: Final = 20.0
"""Seconds between two looks at who is there: no event announces a new account."""


class Person:
    """A signed-in browser's person: their client, what of it is watched, and the tabs that watch."""

    def __init__(self, session: Session, client: Client, settings: PageSettings, cache: RowCache) -> None:
        self.session = session
        self.client = client
        self.streams: set[Stream] = set()
        self.model: str | None = None
        """The model asked last, which the next chat begins with."""
        self.zone: tzinfo | None = None
        """The zone of their clock, once the browser told it; None is that of this machine."""
        self.gone: deque[str] = deque(maxlen=100)
        """Chats that this person saw and that were deleted meanwhile."""
        self._settings = settings
        self._cache = cache
        self._feeds: dict[tuple[str, str], Feed] = {}
        self._opening: dict[tuple[str, str], asyncio.Task[Feed]] = {}
        self._sidebar: SidebarFeed | None = None
        self.model_names: dict[str, str] = {}
        """What the models are called, by id."""
        self._models: Sequence[ModelInfo] = ()
        self._models_at = -MODELS_FOR
        self._joined = asyncio.Event()
        self._settled = asyncio.Event()
        self._seen = False
        self._people_task: asyncio.Task[None] | None = None
        self._release = client.link.subscribe(self._on_link)

    @property
    def user(self) -> SessionUser:
        """The person; as they were at sign-in while the server has not been reached yet."""
        known = self.client.user.value
        if known is not None:
            return known
        held = self.session
        return SessionUser(id=held.user_id, name=held.name, email=held.email, role=held.role)

    @property
    def known(self) -> bool:
        """Whether the server was reached since this client began: there is something to show."""
        return self._seen

    async def live(self) -> None:
        """Wait until the link to the server is there."""
        await self._joined.wait()

    async def ready(self) -> bool:
        """Wait, as long as a first paint may take, for something to show; tell whether there is any."""
        if not self._seen:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.first_paint_within):
                    await self._settled.wait()
        return self._seen

    @property
    def signed_out(self) -> bool:
        """Whether the server no longer knows this person's token."""
        return self.client.link.value.state is LinkState.SIGNED_OUT

    def _on_link(self, link: Link) -> None:
        if link.state is LinkState.LIVE:
            self._joined.set()
            self._settled.set()
            self._seen = True
        elif link.state is LinkState.SIGNED_OUT:
            self._joined.clear()
            self._settled.set()
        else:
            self._joined.clear()

    def show_in(self, zone: tzinfo | None) -> None:
        """Show times in the zone that the browser told; None tells nothing new."""
        if zone is None or zone is self.zone:
            return
        self.zone = zone
        for feed in (*self._feeds.values(), *([self._sidebar] if self._sidebar is not None else [])):
            feed.show_in(zone)

    # Feeds

    @property
    def sidebar(self) -> SidebarFeed:
        """The lists beside every conversation."""
        if self._sidebar is None or self._sidebar.closed:
            self._sidebar = SidebarFeed(
                self.client,
                me=self.user,
                linger=self._settings.feed_linger,
                ended=self._sidebar_ended,
                zone=self.zone,
            )
            self._people_task = asyncio.create_task(self._look_for_people(self._sidebar))
        self._sidebar.touch()
        return self._sidebar

    def _sidebar_ended(self) -> None:
        if self._people_task is not None:
            self._people_task.cancel()
            self._people_task = None

    async def _look_for_people(self, sidebar: SidebarFeed) -> None:
        while True:
            await self._joined.wait()
            try:
                sidebar.set_people(await self.people())
            except AntiphonError as error:
                log.info("the list of people could not be fetched: %s", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(PEOPLE_EVERY):
                    await sidebar.strangers.wait()
            sidebar.strangers.clear()

    def _saw(self, user_id: str) -> None:
        if self._sidebar is not None:
            self._sidebar.saw(user_id)

    async def people(self) -> Sequence[UserEntry]:
        """List the people one may write to."""
        return await self.client.people()

    def held(self, kind: str, id_: str) -> Feed | None:
        """Return the feed of a conversation if it is followed already."""
        return self._feeds.get((kind, id_))

    async def channel(self, id_: str) -> ChannelFeed:
        """Follow a channel. Raises the client's errors if it cannot be opened."""
        return cast("ChannelFeed", await self._feed(("channel", id_), lambda: self._open_channel(id_)))

    async def chat(self, id_: str) -> ChatFeed:
        """Follow a chat. Raises the client's errors if it cannot be opened."""
        return cast("ChatFeed", await self._feed(("chat", id_), lambda: self._open_chat(id_)))

    async def _feed(self, key: tuple[str, str], open_: Callable[[], Coroutine[None, None, Feed]]) -> Feed:
        held = self._feeds.get(key)
        if held is not None:
            held.touch()
            return held
        task = self._opening.get(key)
        if task is None:
            task = self._opening[key] = asyncio.create_task(open_())
            task.add_done_callback(lambda done: self._opened(key, done))
        return await asyncio.shield(task)

    def _opened(self, key: tuple[str, str], task: asyncio.Task[Feed]) -> None:
        self._opening.pop(key, None)
        if not task.cancelled() and task.exception() is None:
            feed = self._feeds[key] = task.result()
            feed.show_in(self.zone)  # it may have been told while the feed was opened

    async def _open_channel(self, id_: str) -> Feed:
        channel = self.client.channel(id_)
        if (
            not channel.timeline.loaded or channel.detail.value is None
        ):  # what is held is kept true by the client
            await channel.open()
        return ChannelFeed(
            self.client,
            channel,
            me=self.user,
            cache=self._cache,
            saw=self._saw,
            page_rows=self._settings.page_rows,
            linger=self._settings.feed_linger,
            ended=lambda: self._feed_ended(("channel", id_)),
            zone=self.zone,
        )

    async def _open_chat(self, id_: str) -> Feed:
        chat = self.client.chat(id_)
        if not chat.loaded:
            await chat.open()
        await self.models()
        return ChatFeed(
            self.client,
            chat,
            me=self.user,
            names=self.model_names,
            gone=lambda: self.gone.append(id_),
            frame=self._settings.frame,
            linger=self._settings.feed_linger,
            ended=lambda: self._feed_ended(("chat", id_)),
            zone=self.zone,
        )

    def _feed_ended(self, key: tuple[str, str]) -> None:
        self._feeds.pop(key, None)

    def read(self, channel_id: str) -> None:
        """This person has read a channel to its end."""
        if any(channel.id == channel_id and channel.unread_count for channel in self.client.channels.value):
            self.client.channel(channel_id).mark_read()

    # Models

    async def models(self) -> Sequence[ModelInfo]:
        """List the models to ask; the last known ones while the server cannot be reached."""
        now = time.monotonic()
        if now - self._models_at >= MODELS_FOR:
            try:
                self._models = await self.client.models()
                self.model_names.update({model.id: model.title for model in self._models})
                self._models_at = now
            except AntiphonError as error:
                log.info("the list of models could not be fetched: %s", error)
        return self._models

    def forget_models(self) -> None:
        """Ask for the models again next time."""
        self._models_at = -MODELS_FOR

    # Life

    def subscriptions(self) -> int:
        """How many feeds and streams this person has."""
        return len(self._feeds) + len(self.streams)

    async def close(self, last: bytes | None = None) -> None:
        """End the streams with `last`, give up all feeds, and close the client."""
        self._release()
        for stream in tuple(self.streams):
            stream.end(last)
        for task in tuple(self._opening.values()):
            task.cancel()
        for feed in tuple(self._feeds.values()):
            feed.close()
        if self._sidebar is not None:
            self._sidebar.close()
        await self.client.close()
