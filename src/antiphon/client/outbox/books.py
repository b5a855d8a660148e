"""What one client holds of the outbox: the entries that are not settled, and the `Sending` of each."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable

from antiphon.client.outbox.entries import Entry, Unsent, check_room
from antiphon.client.outbox.sending import Sending
from antiphon.client.store import Store

REMEMBERED = 2_000
"""Sendings that are remembered after their end, so that a repeated `temp_id` sends nothing."""

KEPT = "it is kept, and sent when a client of this person starts on this machine again"


class OutboxBooks:
    """The entries in the order they are sent in, `fresh` ones last: those are not in the file yet."""

    def __init__(self, store: Store[tuple[Unsent, ...]] | None = None) -> None:
        self.store: Store[tuple[Unsent, ...]] = store if store is not None else Store(())
        self.entries: dict[str, Entry] = {}
        self.fresh: list[Entry] = []
        self.sendings: OrderedDict[str, Sending] = OrderedDict()
        self._telling = False

    def waits(self) -> int:
        """Count what waits or is being sent."""
        return sum(entry.waits for entry in self.entries.values())

    def check_room(self, text: str, beside: Entry | None = None) -> None:
        """Raise `OutboxFull` when a text does not fit beside the others; `beside` is to be replaced by it."""
        sizes = [entry.size for entry in self.entries.values() if entry is not beside]
        check_room(text, len(sizes), sum(sizes))

    def shown(self) -> list[Entry]:
        """Give what may be shown: it is in the file, or there is none."""
        fresh = set(map(id, self.fresh))
        return [entry for entry in self.entries.values() if id(entry) not in fresh]

    def waiting(self, channel_id: str) -> Iterable[Entry]:
        """Give what waits in a channel, in order."""
        return [entry for entry in self.shown() if entry.channel_id == channel_id and entry.waits]

    def last(self, entry: Entry) -> None:
        """Put an entry after those that wait."""
        self.entries.pop(entry.temp_id, None)
        self.entries[entry.temp_id] = entry

    def unfiled(self, *, all_of_them: bool) -> list[Entry]:
        """Give the entries that the file lacks, or has not as they are."""
        return [entry for entry in self.entries.values() if all_of_them or not entry.filed]

    def under_way(self, entry: Entry) -> Entry:
        """Take an entry as the file gave it, to be sent now, and give the one that is held."""
        held = self.entries.get(entry.temp_id, entry)
        if held is not entry:
            held.text, held.state = entry.text, entry.state
            held.posted, held.after = entry.posted, entry.after
        sending = self.sending(held.temp_id)
        if sending.state == "pending":
            sending.state = "sending"
        self.tell()
        return held

    def let_go(self, reason: str, *, durable: bool) -> list[Entry]:
        """Nobody here sends what waits any more: whoever waits for it is told. Give what has failed by
        that, because no file keeps it.
        """
        failed = []
        for entry in self.entries.values():
            sending = self.sending(entry.temp_id)
            if entry.waits and (entry.filed or durable):
                sending.keep(f"{reason}; {KEPT}")
            elif entry.waits:
                entry.state, entry.error = "failed", reason
                sending.end("failed", reason)
                failed.append(entry)
        self.tell()
        return failed

    def part(self) -> tuple[list[Entry], list[Entry]]:
        """Keep only what was written in this client; give that, and what was forgotten."""
        own = [entry for entry in self.entries.values() if entry.own]
        others = [entry for entry in self.entries.values() if not entry.own]
        for entry in own:
            entry.filed = False
        for entry in others:
            del self.entries[entry.temp_id]
            self.sendings.pop(entry.temp_id, None)
        self.tell()
        return own, others

    def sending(self, temp_id: str) -> Sending:
        """Give the `Sending` of a message, a new one if need be."""
        known = self.sendings.get(temp_id)
        if known is not None:
            return known
        sending = self.sendings[temp_id] = Sending(temp_id)
        if len(self.sendings) > REMEMBERED:
            # One that waits for its author must not keep all later ones from being forgotten.
            ended = (id_ for id_, one in self.sendings.items() if one.state in {"confirmed", "discarded"})
            if (oldest := next(ended, None)) is not None:
                del self.sendings[oldest]
        return sending

    def tell(self) -> None:
        """Tell the store, once for all changes of a moment."""
        if not self._telling:
            self._telling = True
            asyncio.get_running_loop().call_soon(self._tell_now)

    def _tell_now(self) -> None:
        self._telling = False
        told = tuple(entry.unsent() for entry in self.shown() if entry.open)
        if told != self.store.value:
            self.store.set(told)
