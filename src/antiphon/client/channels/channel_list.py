"""The list of channels: order, unread counts, last message. No I/O: it may ask for the list to be fetched
again.

A fetched list is as old as its request. What events said since is done to it again when it comes, so that it
neither undoes them nor is undone by them: a message counts once, whether the list had it already or not,
which the list's own `last_message_at` tells.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from antiphon.client.store import Store
from antiphon.wire import ChannelEntry, ChannelRecord, Message

KINDS = {"": 0, "group": 1, "dm": 2}
LOGGED = 200
"""Events of one channel that are remembered until the next list; more of them within one request, and the
list is asked for again.
"""
_UNORDERED = frozenset({"unread_count", "last_message_at"})
"""What does not change the place of an entry, unless it is a direct conversation."""
STRANGERS = 1_000
"""Channels that are remembered as none of ours; their messages ask for nothing."""


@dataclass(frozen=True, slots=True)
class _Happened:
    """What an event said of a channel: a message came or went, it was read, has other values, or is gone."""

    stamp: int
    message_at: int = 0
    counts: bool = False
    read: bool = False
    values: dict[str, Any] | None = None
    gone: bool = False
    deleted: bool = False


class ChannelList:
    """The entries, sorted: standard, group and direct ones; by name, direct ones by their last message."""

    def __init__(
        self,
        ask: Callable[[], None],
        store: Store[tuple[ChannelEntry, ...]] | None = None,
        replies_count: Callable[[], bool] = lambda: True,
    ) -> None:
        """`replies_count`: whether a reply in a thread is the channel's last message to the server, as it is
        to Open WebUI's; ours counts what is said in the channel itself.
        """
        self.store: Store[tuple[ChannelEntry, ...]] = Store(()) if store is None else store
        self.loaded = False
        self.ask = ask
        """Asks for the list to be fetched again."""
        self._replies_count = replies_count
        self._log: dict[str, deque[_Happened]] = {}
        self._places: dict[str, int] = {}  # where each entry stands in `_placed`
        self._placed: tuple[ChannelEntry, ...] = ()
        self._wanted: set[str] = set()
        self._strangers: dict[str, None] = {}
        self._as_of = 0
        self._listed: dict[str, int] = {}  # the last message (ns) that the fetched list knew, by channel

    def get(self, channel_id: str | None) -> ChannelEntry | None:
        """Give an entry."""
        if self._placed is not self.store.value:
            self._placed = self.store.value
            self._places = {entry.id: place for place, entry in enumerate(self._placed)}
        place = None if channel_id is None else self._places.get(channel_id)
        return None if place is None else self._placed[place]

    def last_message_at(self, channel_id: str) -> int:
        """Tell when something last came to a channel (ns); 0 when that is not known."""
        entry = self.get(channel_id)
        return (entry.last_message_at or 0) if entry is not None else 0

    def unread(self, channel_id: str) -> int:
        """Count what is unread in a channel, as far as is known."""
        entry = self.get(channel_id)
        return entry.unread_count if entry is not None else 0

    # The fetched list

    def load(self, entries: Iterable[ChannelEntry], asked_at: int) -> tuple[str, ...]:
        """Take a fetched list; give the ids that were not there before. One that a later request has
        overtaken is dropped (W-15).
        """
        if asked_at < self._as_of:
            return ()
        self._as_of = asked_at
        before = {entry.id for entry in self.store.value}
        new: list[ChannelEntry] = []
        self._listed.clear()
        for entry in entries:
            self._listed[entry.id] = entry.last_message_at or 0
            log = self._log.get(entry.id, ())
            events = [event for event in log if event.stamp > asked_at]
            if len(events) == LOGGED or any(event.deleted for event in events):
                self.ask()
            since = _since(entry, events)
            if since is not None:
                new.append(since)
        ids = {entry.id for entry in new}
        kept = {id_: deque((e for e in log if e.stamp > asked_at), LOGGED) for id_, log in self._log.items()}
        self._log = {id_: log for id_, log in kept.items() if log}
        self._strangers |= dict.fromkeys(self._wanted - ids)
        self._strangers = {id_: None for id_ in list(self._strangers)[-STRANGERS:] if id_ not in ids}
        self._wanted.clear()
        first, self.loaded = not self.loaded, True
        self._set(new)
        return () if first else tuple(entry.id for entry in new if entry.id not in before)

    # What events say

    def message(self, channel_id: str, message: Message, stamp: int, *, own: bool, looked_at: bool) -> None:
        """Take a new message, also one of our own from elsewhere (W-30); the server counts top-level ones
        (W-28).
        """
        said_here = message.parent_id is None
        moves = said_here or self._replies_count()
        counts = said_here and not own and not looked_at
        self._note(channel_id, _Happened(stamp, message.created_at if moves else 0, counts))
        entry = self.get(channel_id)
        if entry is None:
            # Where access was taken away, Open WebUI 0.6 goes on telling: once asked for it is enough.
            if channel_id not in self._strangers:
                self._wanted.add(channel_id)
                self.ask()
            return
        update: dict[str, object] = {}
        if moves and message.created_at > (entry.last_message_at or 0):
            update["last_message_at"] = message.created_at
        if counts and message.created_at > self._listed.get(channel_id, 0):
            update["unread_count"] = entry.unread_count + 1
        if update:
            self._replace(entry, update)

    def deleted(self, channel_id: str, message: Message, stamp: int, *, own: bool) -> None:
        """Take a deletion: the server knows what was the last message before, and whether it was read."""
        self._note(channel_id, _Happened(stamp, deleted=True))
        entry = self.get(channel_id)
        if entry is None:
            return
        unread = entry.unread_count and not own and message.parent_id is None
        # Open WebUI 0.12 takes the thread under a message with it, without a word.
        with_replies = message.reply_count and self._replies_count()
        if unread or with_replies or message.created_at == entry.last_message_at:
            self.ask()

    def read(self, channel_id: str, stamp: int) -> None:
        """The channel was read."""
        self._note(channel_id, _Happened(stamp, read=True))
        entry = self.get(channel_id)
        if entry is not None and entry.unread_count:
            self._replace(entry, {"unread_count": 0})

    def muted(self, channel_id: str, muted: bool, stamp: int) -> None:
        """The channel was muted or unmuted."""
        self._change(channel_id, {"is_channel_muted": muted}, stamp)

    def changed(self, channel_id: str, record: ChannelRecord | None, stamp: int) -> None:
        """The channel was renamed, or its access changed; one that we do not list may be ours to see now."""
        if self.get(channel_id) is None or record is None:
            self.made()
            return
        self._change(channel_id, {name: getattr(record, name) for name in record.model_fields_set}, stamp)

    def made(self) -> None:
        """There is a channel that this person did not see before."""
        self._strangers.clear()
        self.ask()

    def removed(self, channel_id: str, stamp: int) -> None:
        """The channel is gone, or not ours to see."""
        self._note(channel_id, _Happened(stamp, gone=True))
        if self.get(channel_id) is not None:
            self._set(entry for entry in self.store.value if entry.id != channel_id)

    def wish(self, channel_id: str, update: dict[str, object], stamp: int) -> Callable[[], None]:
        """Show other values before the server has agreed; give what takes them back."""
        entry = self.get(channel_id)
        before = {name: getattr(entry, name) for name in update} if entry is not None else {}
        self._change(channel_id, update, stamp)

        def undo() -> None:
            now = self.get(channel_id)
            log = self._log.get(channel_id, ())
            newer = any(event.stamp > stamp and event.values is not None for event in log)
            if now is not None and not newer:
                self._change(channel_id, before, stamp)
                self.ask()

        return undo

    # Inside

    def _change(self, channel_id: str, values: dict[str, Any], stamp: int) -> None:
        self._note(channel_id, _Happened(stamp, values=values))
        entry = self.get(channel_id)
        if entry is not None:
            self._replace(entry, values)

    def _note(self, channel_id: str, event: _Happened) -> None:
        self._log.setdefault(channel_id, deque(maxlen=LOGGED)).append(event)

    def _replace(self, entry: ChannelEntry, update: dict[str, Any]) -> None:
        new = entry.model_copy(update=update)
        entries, place = self.store.value, self._places[entry.id]
        entries = (*entries[:place], new, *entries[place + 1 :])
        if new.type != "dm" and _UNORDERED.issuperset(update):
            self._placed = entries  # As with each message: it must not cost a look at every channel.
            self.store.set(entries)
        else:
            self._set(entries)

    def _set(self, entries: Iterable[ChannelEntry]) -> None:
        self.store.set(tuple(sorted(entries, key=_order)))


def _since(entry: ChannelEntry, events: list[_Happened]) -> ChannelEntry | None:
    """Do to a fetched entry what happened after it was asked for; None when the channel is gone."""
    had = entry.last_message_at or 0
    last, unread, was_read = had, entry.unread_count, False
    values: dict[str, Any] = {}
    for event in events:
        if event.gone:
            return None
        if event.read:
            unread, was_read = 0, True
        if event.counts and (was_read or event.message_at > had):
            unread += 1
        last = max(last, event.message_at)
        values |= event.values or {}
    update = {"last_message_at": last or None, "unread_count": unread, **values}
    return entry.model_copy(update=update) if events else entry


def _order(entry: ChannelEntry) -> tuple[int, int, str, str]:
    # An unknown kind stands last, not first (W-86).
    kind = KINDS.get(entry.type or "", len(KINDS))
    recent = -(entry.last_message_at or entry.created_at) if entry.type == "dm" else 0
    return kind, recent, entry.name.casefold(), entry.id
