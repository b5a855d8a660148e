"""The list of channels: order, unread counts, last message. No I/O: it may ask for the list to be fetched
again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from antiphon.wire import ChannelEntry, ChannelRecord, Message

from .store import Store

_KINDS = {"": 0, "group": 1, "dm": 2}


class ChannelList:
    """The entries, sorted: standard, group and direct ones; by name, direct ones by their last message."""

    def __init__(
        self, ask: Callable[[], None], store: Store[tuple[ChannelEntry, ...]] | None = None
    ) -> None:
        self.store: Store[tuple[ChannelEntry, ...]] = Store(()) if store is None else store
        self.loaded = False
        self._ask = ask
        self._counted: dict[str, int] = {}

    def get(self, channel_id: str | None) -> ChannelEntry | None:
        """Give an entry."""
        return next((entry for entry in self.store.value if entry.id == channel_id), None)

    def last_message_at(self, channel_id: str) -> int:
        """Tell when something last came to a channel (ns); 0 when that is not known."""
        entry = self.get(channel_id)
        return (entry.last_message_at or 0) if entry is not None else 0

    def load(self, entries: Iterable[ChannelEntry], asked_at: int) -> tuple[str, ...]:
        """Take a fetched list; give the ids that were not there before.

        A count that an event changed after the request began is kept, because the list is older than it.
        """
        held = {entry.id: entry for entry in self.store.value}
        new: list[ChannelEntry] = []
        for entry in entries:
            old = held.get(entry.id)
            if old is not None and self._counted.get(entry.id, 0) > asked_at:
                last = max(old.last_message_at or 0, entry.last_message_at or 0) or None
                entry = entry.model_copy(  # noqa: PLW2901 - the same entry, brought up to date
                    update={"unread_count": old.unread_count, "last_message_at": last}
                )
            new.append(entry)
        first, self.loaded = not self.loaded, True
        self._counted = {id_: stamp for id_, stamp in self._counted.items() if stamp > asked_at}
        self._set(new)
        return () if first else tuple(entry.id for entry in new if entry.id not in held)

    def message(self, channel_id: str, message: Message, stamp: int, *, own: bool, looked_at: bool) -> None:
        """Take a new message, also one of our own from elsewhere (W-30); the server counts top-level ones
        (W-28).
        """
        entry = self.get(channel_id)
        if entry is None:
            self._ask()
            return
        update: dict[str, object] = {}
        if message.created_at > (entry.last_message_at or 0):
            update["last_message_at"] = message.created_at
        if not own and not looked_at and message.parent_id is None:
            update["unread_count"] = entry.unread_count + 1
        if update:
            self._replace(entry, update, stamp)

    def read(self, channel_id: str, stamp: int) -> None:
        """The channel was read."""
        entry = self.get(channel_id)
        if entry is not None and entry.unread_count:
            self._replace(entry, {"unread_count": 0}, stamp)

    def muted(self, channel_id: str, muted: bool, stamp: int) -> None:
        """The channel was muted or unmuted."""
        entry = self.get(channel_id)
        if entry is not None:
            self._replace(entry, {"is_channel_muted": muted}, stamp)

    def changed(self, channel_id: str, record: ChannelRecord | None, stamp: int) -> None:
        """The channel was renamed, or its access changed; one that we do not list may be ours to see now."""
        entry = self.get(channel_id)
        if entry is None or record is None:
            self._ask()
            return
        self._replace(entry, {name: getattr(record, name) for name in record.model_fields_set}, stamp)

    def removed(self, channel_id: str) -> None:
        """The channel is gone."""
        if self.get(channel_id) is not None:
            self._set(entry for entry in self.store.value if entry.id != channel_id)

    def _replace(self, entry: ChannelEntry, update: dict[str, object], stamp: int) -> None:
        self._counted[entry.id] = stamp
        new = entry.model_copy(update=update)
        self._set(new if other is entry else other for other in self.store.value)

    def _set(self, entries: Iterable[ChannelEntry]) -> None:
        self.store.set(tuple(sorted(entries, key=_order)))


def _order(entry: ChannelEntry) -> tuple[int, int, str, str]:
    # An unknown kind stands last, not first (W-86).
    kind = _KINDS.get(entry.type or "", len(_KINDS))
    recent = -(entry.last_message_at or entry.created_at) if entry.type == "dm" else 0
    return kind, recent, entry.name.casefold(), entry.id
