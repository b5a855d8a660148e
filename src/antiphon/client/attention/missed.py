"""What was missed while the link was down, told as one thing: neither nothing nor fifty notifications.

The channel list tells it: a channel whose unread count has grown by more than was heard live meanwhile. And
answers that were being written before, and are done now.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from antiphon import wire
from antiphon.client.attention.attention import NEW_CHAT, Notification
from antiphon.client.attention.claims import Wish
from antiphon.client.attention.preview import preview
from antiphon.client.attention.windows import Windows
from antiphon.client.channels.channel_list import ChannelList
from antiphon.client.chats.reducer import ChatReducer
from antiphon.wire import ChannelEntry, UserSettings

MOST_NAMED = 3
"""Conversations that a summary names."""


@dataclass(frozen=True, slots=True)
class MissedThing:
    """Messages of one channel, or one answer."""

    wish: Wish
    name: str
    path: str
    count: int
    body: str = ""


class Missed:
    """Compares what was known before catching up with what is known after."""

    def __init__(self, channels: ChannelList, chats: ChatReducer, windows: Windows) -> None:
        self._channels = channels
        self._chats = chats
        self._windows = windows
        self._unread: dict[str, int] | None = None
        self._running: frozenset[str] = frozenset()
        self._live: Counter[str] = Counter()
        self._known: dict[str, int] = {}

    def known_until(self, channel_id: str) -> int:
        """How far (ns) a channel was known when it was last caught up; 0 before the first time."""
        return self._known.get(channel_id, 0)

    def heard(self, event: object, me: str | None) -> None:
        """Take note of what the list will count and somebody has heard of nevertheless."""
        if self._unread is None or not isinstance(event, wire.MessageCreated):
            return
        if event.payload.parent_id is None and event.payload.user_id != me:
            self._live[event.channel_id] += 1

    def before(self) -> None:
        """Remember what is known; one that was broken off and begins again goes on."""
        if self._unread is None and self._channels.loaded:
            self._unread = {entry.id: entry.unread_count for entry in self._channels.store.value}
            self._live.clear()
        self._running |= {id_ for id_, chat in self._chats.handles.items() if chat.running}

    def after(self) -> list[MissedThing]:
        """Give what was missed. The first time nothing was: what was there before the sign-in is no news."""
        unread, self._unread = self._unread, None
        running, self._running = self._running, frozenset()
        self._known = {entry.id: entry.last_message_at or 0 for entry in self._channels.store.value}
        if unread is None:
            return []
        attended = self._windows.places(attended=True)
        found: list[MissedThing] = []
        for entry in self._channels.store.value:
            count = entry.unread_count - unread.get(entry.id, 0) - self._live[entry.id]
            if count > 0 and not entry.is_channel_muted and ("channel", entry.id) not in attended:
                found.append(_messages(entry, count))
        for chat_id in sorted(running):
            chat = self._chats.handles.get(chat_id)
            turns = chat.turns() if chat is not None and not chat.running and chat.known else ()
            if chat is None or not turns or turns[-1].role != "assistant" or ("chat", chat_id) in attended:
                continue
            wish = Wish(f"answer:{chat_id}:{turns[-1].id}", sound=True)
            title, body = chat.title or NEW_CHAT, preview(turns[-1].content)
            found.append(MissedThing(wish, title, f"/c/{chat_id}", 1, body))
        return found


def summary(things: Sequence[MissedThing], settings: UserSettings, source: str) -> Notification:
    """Give the one notification that tells of all of them; of one alone it says more."""
    digest = hashlib.sha256("\n".join(sorted(thing.wish.id for thing in things)).encode()).hexdigest()[:16]
    only = things[0] if len(things) == 1 else None
    answer = only is not None and only.wish.place is None
    return Notification(
        id=only.wish.id if only is not None else f"missed:{digest}",
        kind="answer" if answer else "missed",
        title=only.name if only is not None else "While you were away",
        body=only.body if only is not None and answer else _body(things),
        path=only.path if only is not None else "/",
        system=settings.notification_enabled,
        sound=settings.notification_sound,
        source=source,
        count=sum(thing.count for thing in things),
    )


def _messages(entry: ChannelEntry, count: int) -> MissedThing:
    last = entry.last_message_at or 0
    wish = Wish(f"missed:{entry.id}:{last}", sound=True, place=entry.id, until=last, beyond=last > 0)
    return MissedThing(wish, _name(entry), f"/channels/{entry.id}", count)


def _name(entry: ChannelEntry) -> str:
    """Give a channel's name as people read it."""
    if entry.type == "dm":
        return entry.name or ", ".join(user.name for user in entry.users or ()) or "Direct message"
    return f"#{entry.name}"


def _body(things: Sequence[MissedThing]) -> str:
    messages = sum(thing.count for thing in things if thing.wish.place is not None)
    answers = sum(thing.count for thing in things if thing.wish.place is None)
    parts = []
    if messages:
        parts.append("1 new message" if messages == 1 else f"{messages} new messages")
    if answers:
        parts.append("1 answer" if answers == 1 else f"{answers} answers")
    said = " and ".join(parts)
    if len(things) == 1:
        return said
    named = ", ".join(thing.name for thing in things[:MOST_NAMED])
    further = len(things) - MOST_NAMED
    return f"{said} in {named}" + (f" and {further} more" if further > 0 else "")
