"""The lists of a person's sidebar, the number of unread messages, and where the link to the server stands."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from . import views
from .feed import Feed
from .frames import event, morph
from .views import times

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo

    from antiphon.client import Client
    from antiphon.client.link.link import Link
    from antiphon.wire import ChannelEntry, ChatEntry, SessionUser, UserEntry

    from .stream import Stream


class SidebarFeed(Feed):
    """What every tab of a person shows around its conversation. A tab knows itself what is on screen."""

    def __init__(
        self,
        client: Client,
        *,
        me: SessionUser,
        linger: float,
        ended: Callable[[], None],
        zone: tzinfo | None = None,
    ) -> None:
        super().__init__(linger=linger, ended=ended, zone=zone)
        self.me = me
        self.channels: Sequence[ChannelEntry] = ()
        self.chats: Sequence[ChatEntry] = ()
        self.people: Sequence[UserEntry] = ()
        self.link: Link = client.link.value
        self._dirty: set[str] = set()
        self.watch(client.channels.subscribe, self._on_channels)
        self.watch(client.chats.subscribe, self._on_chats)
        self.watch(client.link.subscribe, self._on_link)
        self._dirty.clear()
        self._midnight = self._await_midnight()
        self._releases.append(self._forget_midnight)
        self.strangers = asyncio.Event()
        """Set when somebody was seen who is not in the list of people."""

    def saw(self, user_id: str) -> None:
        """Take note of somebody who wrote: a new account is announced by nothing else."""
        if user_id != self.me.id and all(person.id != user_id for person in self.people):
            self.strangers.set()

    @property
    def unread(self) -> int:
        """How many messages wait to be read, in channels that are not muted."""
        return sum(channel.unread_count for channel in self.channels if not channel.is_channel_muted)

    def set_people(self, people: Sequence[UserEntry]) -> None:
        """Take the list of people, which nobody announces when it changes."""
        if list(people) != list(self.people):
            self.people = people
            self._mark("people")

    def whole(self, stream: Stream) -> list[bytes]:
        """Render all lists."""
        return [self._lists({"channels", "people", "chats"}), self.unread_event(), self.link_event()]

    def unread_event(self) -> bytes:
        """Return the event that tells the number for the tab's title."""
        return event("unread", str(self.unread))

    def link_event(self) -> bytes:
        """Return the patch that shows the link to the server."""
        return event("patch", morph("#server-link", views.server_link(self.link)))

    def flush(self) -> None:
        """Render the lists that changed and offer them to all tabs."""
        dirty, self._dirty = self._dirty, set()
        if "link" in dirty:
            self.tell(self.link_event())
        lists = dirty - {"link"}
        if not lists:
            return
        self.changed()
        self.tell(self._lists(lists))
        self.tell(event("sidebar", self.version))
        if "channels" in lists:
            self.tell(self.unread_event())

    def redraw(self) -> None:
        """Let the next flush render the chats, which are grouped by day."""
        self._dirty.add("chats")
        self._midnight.cancel()
        self._midnight = self._await_midnight()

    def _forget_midnight(self) -> None:
        self._midnight.cancel()

    def _await_midnight(self) -> asyncio.TimerHandle:
        return self._loop.call_later(times.until_midnight(self.zone), self._new_day)

    def _new_day(self) -> None:
        self.redraw()
        self.schedule()

    def _mark(self, part: str) -> None:
        self._dirty.add(part)
        self.schedule()

    def _on_channels(self, channels: Sequence[ChannelEntry]) -> None:
        # Conversations of two stand with the people: a message in a channel leaves that list alone.
        direct = [channel for channel in channels if channel.type == "dm"]
        if direct != [channel for channel in self.channels if channel.type == "dm"]:
            self._dirty.add("people")
        self.channels = channels
        self._mark("channels")

    def _on_chats(self, chats: Sequence[ChatEntry]) -> None:
        self.chats = chats
        self._mark("chats")

    def _on_link(self, link: Link) -> None:
        self.link = link
        self._mark("link")

    def _lists(self, lists: set[str]) -> bytes:
        html = ""
        if "channels" in lists:
            html += morph("#channel-list", views.channel_list(self.channels, me_id=self.me.id))
        if "people" in lists:
            html += morph("#people-list", views.people_list(self.people, self.channels, me_id=self.me.id))
        if "chats" in lists:
            html += morph("#chat-list", views.chat_list(self.chats, zone=self.zone))
        return event("patch", html)
