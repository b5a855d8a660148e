"""The address ``/page/stream``: who asks, what their tab shows, and what it lacks."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from starlette.requests import Request

from antiphon.client.errors import AntiphonError, NotFound, Refused, SignedOut

from .channel_feed import ChannelFeed
from .stream import RELOAD_VIEW, RESTART, SIGNED_OUT, Stream, refuse
from .zones import zone_told

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.datastructures import QueryParams
    from starlette.types import Receive, Scope, Send

    from .feed import Feed
    from .people import People
    from .person import Person
    from .sessions import Session
    from .settings import PageSettings

log = logging.getLogger(__name__)

AGAIN: Final = 2.0
"""Seconds after which a view that could not be opened is tried again."""


class Streaming:
    """Serves the streams of all tabs."""

    def __init__(
        self,
        settings: PageSettings,
        people: People,
        session_of: Callable[[Request], Awaitable[Session | None]],
        build: str,
    ) -> None:
        self._settings = settings
        self._people = people
        self._session_of = session_of
        self._build = build
        self.draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one stream until it ends."""
        request = Request(scope, receive)
        session = await self._session_of(request)
        if session is None:
            await refuse(send, SIGNED_OUT)
            return
        if self.draining:
            await refuse(send, RESTART)
            return
        person = await self._people.of(session)
        person.show_in(await zone_told(request.cookies))
        stream = Stream(
            limit=self._settings.stream_limit,
            alive_every=self._settings.alive_every,
            lost_after=self._settings.stream_lost_after,
            clock=time.monotonic,
            build=self._build,
        )
        self._people.join(person, stream)
        opening = asyncio.create_task(self._bring_up(person, stream, request.query_params))
        try:
            await stream.run(receive, send)
        finally:
            opening.cancel()
            with suppress(asyncio.CancelledError):
                await opening
            if stream.window is not None:
                stream.window.close()
            self._people.leave(person, stream)

    async def _bring_up(self, person: Person, stream: Stream, query: QueryParams) -> None:
        """Give the tab what it lacks, as soon as that can be had, and everything that happens later."""
        sidebar = person.sidebar
        stream.follow(sidebar)
        sidebar.flush_now()
        if query.get("sidebar") == sidebar.version:
            stream.offer(sidebar.link_event())
        else:
            for framed in sidebar.whole(stream):
                stream.offer(framed)
        kind, id_ = query.get("kind", ""), query.get("id", "")
        if kind in {"channel", "chat"} and id_:
            stream.oldest = query.get("oldest", "")
            stream.window = person.client.open_window()
            stream.window.focus(query.get("focused") == "1")
            if kind == "channel":
                stream.window.show_channel(id_)
            else:
                stream.window.show_chat(id_)
            await self._show(person, stream, kind, id_, query.get("version", ""))
            if kind == "channel" and stream.window.focused and query.get("at_end") == "1":
                person.read(id_)
        elif kind == "error" and query.get("status") in {"502", "503"}:
            await person.live()
            stream.offer(RELOAD_VIEW)

    async def _show(self, person: Person, stream: Stream, kind: str, id_: str, version: str) -> None:
        while True:
            feed: Feed | None = person.held(kind, id_)
            try:
                if feed is None:
                    await person.live()
                    feed = await (person.channel(id_) if kind == "channel" else person.chat(id_))
                if isinstance(feed, ChannelFeed):
                    await feed.cover(stream.oldest)
            except (NotFound, Refused):
                stream.offer(RELOAD_VIEW)
                return
            except SignedOut:
                return  # the person's tabs are told together
            except AntiphonError as error:
                if feed is None:
                    log.info("a %s could not be opened for a stream, it is tried again: %s", kind, error)
                    await asyncio.sleep(AGAIN)
                    continue
            break
        stream.follow(feed)
        feed.flush_now()
        if version != feed.version:
            for framed in feed.whole(stream):
                stream.offer(framed)
