"""The messages of one channel or thread: a window of the server's list that ends with the newest message.

Laws (any mix of live events, pages, answers and catching up ends in the server's state):

- The confirmed rows are a run of the server's list without holes, up to its newest message.
- Merging is idempotent; content is versioned by `updated_at`, the rest goes by arrival (see `message_merge`).
- A page is authoritative for the range between its ends: a held row in that range that it lacks is gone,
  unless the row was heard of after the page's request began.
- A deleted message does not come back. Pending rows stand last until confirmed.

The cost of an event does not grow with the history (W-62): one binary search and one row.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from antiphon.wire import Message

from .message_merge import merged, plain
from .rows import Change, Inserted, Removed, Replaced, Reset, Row
from .store import Listeners, Unsubscribe

__all__ = ["Change", "Inserted", "Removed", "Replaced", "Reset", "Row", "Timeline"]

REMEMBERED_DELETIONS = 10_000
"""Ids of deleted messages that are kept in mind; an answer that was under way can only bring back a recent
one.
"""

MOST_ROWS = 10_000
"""Confirmed rows that live messages may make of a timeline; then the oldest goes with each, and can be
fetched again.
"""

_Place = tuple[int, str]


@dataclass(slots=True)
class _Held:
    row: Row
    stamp: int  # how new what we know of it is: the number of the latest account that was merged
    heard: int  # when we last heard that it exists


class Timeline:
    """The rows of a channel (`parent_id` None) or of the thread under a message."""

    def __init__(self, parent_id: str | None = None) -> None:
        self.parent_id = parent_id
        self.loaded = False
        self.has_earlier = False
        self.refreshed_at = 0
        """When the newest page was last asked for."""
        self._held: dict[str, _Held] = {}
        self._order: list[_Place] = []
        self._pending: dict[str, Row] = {}
        self._gone: dict[str, None] = {}
        self._quoting: dict[str, set[str]] = {}
        self._early: dict[str, list[tuple[Message, int]]] = {}
        self._requests = 0
        self._rows: tuple[Row, ...] | None = None
        self._listeners: Listeners[Change] = Listeners()
        self._quiet = False

    # Reading

    def rows(self) -> tuple[Row, ...]:
        """Give all rows, oldest first, pending and failed ones last."""
        if self._rows is None:
            self._rows = (*(self._held[id_].row for _, id_ in self._order), *self._pending.values())
        return self._rows

    def row(self, id_: str) -> Row | None:
        """Give the row of a message id, or of the `temp_id` of a row that is not confirmed yet."""
        held = self._held.get(id_)
        return held.row if held else self._pending.get(id_)

    def confirmed(self) -> int:
        """Count the rows that the server has confirmed."""
        return len(self._order)

    @property
    def unconfirmed(self) -> int:
        """Count the rows that are being sent or have failed."""
        return len(self._pending)

    def oldest(self) -> Message | None:
        """Give the oldest confirmed message that is held."""
        return self._held[self._order[0][1]].row.message if self._order else None

    def newest(self) -> Message | None:
        """Give the newest confirmed message that is held."""
        return self._held[self._order[-1][1]].row.message if self._order else None

    def subscribe(self, callback: Callable[[Change], None]) -> Unsubscribe:
        """Call `callback` with every change from now on."""
        return self._listeners.add(callback)

    @property
    def subscribers(self) -> int:
        """How many listen."""
        return len(self._listeners)

    # What the server tells

    def created(self, message: Message, stamp: int, *, temp_id: str | None = None) -> None:
        """Take a new message. `temp_id` is given only where it may name a row of ours; None matches nothing
        (W-14).
        """
        if message.parent_id != self.parent_id or message.id in self._gone:
            return
        message = plain(message)
        if temp_id and temp_id in self._pending:
            self.confirm(temp_id, message, stamp)
        else:
            self._take_new(message, stamp, stamp)
        if len(self._order) > MOST_ROWS:
            self.keep_newest(MOST_ROWS)

    def _take_new(self, message: Message, as_of: int, heard: int) -> None:
        if message.id in self._held:
            self._merge(message, as_of, heard)
        elif message.id not in self._gone and self._within(message):
            self._insert(message, as_of, heard)

    def changed(self, message: Message, stamp: int) -> None:
        """Take a newer account of a message: edited, reacted to, pinned, replied to."""
        message = plain(message)
        if message.id in self._held:
            self._merge(message, stamp)
        elif self._requests and message.id not in self._gone:
            # The page that brings this row is on its way and may be older than this event (W-16).
            self._early.setdefault(message.id, []).append((message, stamp))
        self._requote(message.id, message)

    def deleted(self, message_id: str) -> None:
        """Take a deletion; whatever still comes of this message is ignored from now on."""
        self._remember_gone(message_id)
        self._early.pop(message_id, None)
        if message_id in self._held:
            self._remove(message_id)
        self._requote(message_id, None)

    # Pages

    def page_requested(self, asked_at: int, *, newest: bool) -> None:
        """Say that a page is on its way, so that events about its rows are kept until it comes."""
        if newest:
            self.refreshed_at = asked_at
        self._requests += 1

    def page_answered(self) -> None:
        """Say that the request is over, with or without a page."""
        self._requests -= 1
        if not self._requests:
            self._early.clear()

    def merge_page(self, messages: Sequence[Message], *, asked_at: int, newest: bool, complete: bool) -> bool:
        """Merge a fetched page (any order) whose request began after arrival number `asked_at`.

        `newest`: the page ends with the newest message. `complete`: it begins with the oldest one. Gives
        False, and changes nothing, when the page does not touch the rows held: there may be a hole between
        them.
        """
        page = sorted(
            (plain(m) for m in messages if m.parent_id == self.parent_id), key=lambda m: (m.created_at, m.id)
        )
        if not newest and self._order and not any(m.id in self._held or m.id in self._gone for m in page):
            return False
        first_load = newest and not self.loaded
        self._quiet = first_load
        try:
            self._drop_what_the_page_lacks(page, asked_at, newest=newest, complete=complete)
            for message in page:
                if message.id in self._held:
                    self._merge(message, asked_at)
                elif message.id not in self._gone:
                    self._insert(message, asked_at)
                for early, stamp in self._early.pop(message.id, ()):
                    self._merge(early, stamp)
        finally:
            self._quiet = False
        self.loaded = self.loaded or newest
        if complete:
            self.has_earlier = False
        elif page and (not self._order or self._order[0] >= (page[0].created_at, page[0].id)):
            self.has_earlier = True
        if first_load:
            self._changed(Reset())
        return True

    def keep_newest(self, count: int) -> None:
        """Drop all but the newest `count` confirmed rows; they can be fetched again."""
        dropped = self._order[: max(len(self._order) - count, 0)]
        for _, id_ in dropped:
            self._remove(id_)
        if dropped:
            self.has_earlier = True

    def forget(self) -> None:
        """Drop all confirmed rows, as stale; pending and failed ones stay."""
        if not (self.loaded or self._order):
            return
        self._held.clear()
        self._order.clear()
        self._quoting.clear()
        self.loaded = False
        self.has_earlier = False
        self._changed(Reset())

    def _drop_what_the_page_lacks(
        self, page: list[Message], asked_at: int, *, newest: bool, complete: bool
    ) -> None:
        ids = {message.id for message in page}
        low = page[0].created_at if page else None
        high = page[-1].created_at if page else None
        # Strictly between the ends: rows of the very moment of an end may lie on either side of it.
        start = 0 if complete else bisect_right(self._order, low, key=_moment) if low is not None else None
        end = (
            len(self._order)
            if newest
            else bisect_left(self._order, high, key=_moment)
            if high is not None
            else None
        )
        if start is None or end is None:
            return
        lacking = [
            id_ for _, id_ in self._order[start:end] if id_ not in ids and self._held[id_].heard <= asked_at
        ]
        for id_ in lacking:
            self._remember_gone(id_)
            self._remove(id_)
            self._requote(id_, None)
        if newest and not complete and page and page[0].id not in self._held:
            # More was missed than fits into the page: between the older rows and the page is a hole.
            for _, id_ in self._order[: bisect_left(self._order, (page[0].created_at, page[0].id))]:
                self._remove(id_)

    # Rows of our own that the server has not confirmed

    def add_pending(self, temp_id: str, message: Message) -> Row:
        """Show a message that is being sent, after all others."""
        row = Row(temp_id, message, "pending", None, temp_id)
        self._pending[temp_id] = row
        self._changed(Inserted(row, None))
        return row

    def set_pending(
        self, temp_id: str, state: Literal["pending", "failed"], error: str | None = None
    ) -> None:
        """Mark a row as failed, or as pending again."""
        row = self._pending.get(temp_id)
        if row is not None and (row.state, row.error) != (state, error):
            row = self._pending[temp_id] = replace(row, state=state, error=error)
            self._changed(Replaced(temp_id, row))

    def confirm(self, temp_id: str, message: Message, stamp: int, *, asked_at: int | None = None) -> None:
        """Take the server's account of a row of ours, from the answer or from the event, whichever comes
        first.

        `stamp` is the number of its arrival. An answer says what was so when it was asked for, `asked_at`.
        """
        as_of = stamp if asked_at is None else asked_at
        pending = self._pending.get(temp_id)
        if pending is None:
            self._take_new(plain(message), as_of, stamp)
            return
        message = plain(message)
        if message.id in self._gone or message.id in self._held:
            self.drop_pending(temp_id)
            if message.id in self._held:
                self._merge(message, as_of, stamp)
            return
        # The answer of a post names no user and no counters; the pending row does.
        missing = {
            name: getattr(pending.message, name)
            for name in pending.message.model_fields_set - message.model_fields_set - {"id"}
        }
        if message.user is None and pending.message.user is not None:
            missing["user"] = pending.message.user
        message = message.model_copy(update=missing) if missing else message
        in_place = next(iter(self._pending)) == temp_id and (
            not self._order or self._order[-1] < (message.created_at, message.id)
        )
        del self._pending[temp_id]
        if in_place:
            row = self._hold(message, as_of, stamp, key=temp_id)
            self._changed(Replaced(temp_id, row))
        else:
            self._changed(Removed(temp_id))
            self._insert(message, as_of, stamp, key=temp_id)

    def drop_pending(self, temp_id: str) -> Row | None:
        """Take a row of ours away: discarded, or confirmed elsewhere."""
        row = self._pending.pop(temp_id, None)
        if row is not None:
            self._changed(Removed(temp_id))
        return row

    # Inside

    def _within(self, message: Message) -> bool:
        return not (self.has_earlier and self._order and (message.created_at, message.id) < self._order[0])

    def _hold(self, message: Message, stamp: int, heard: int, key: str | None = None) -> Row:
        row = Row(key or message.id, self._with_fresh_quote(message), temp_id=key)
        self._held[message.id] = _Held(row, stamp, heard)
        insort(self._order, (message.created_at, message.id))
        if message.reply_to_id:
            self._quoting.setdefault(message.reply_to_id, set()).add(message.id)
        return row

    def _insert(self, message: Message, stamp: int, heard: int | None = None, key: str | None = None) -> None:
        row = self._hold(message, stamp, stamp if heard is None else heard, key)
        self._changed(Inserted(row, self._key_after(message)))

    def _merge(self, message: Message, stamp: int, heard: int | None = None) -> None:
        held = self._held.get(message.id)
        if held is None:
            return
        later = stamp >= held.stamp
        result = self._with_fresh_quote(merged(held.row.message, message, later=later))
        held.stamp = max(held.stamp, stamp)
        held.heard = max(held.heard, stamp if heard is None else heard)
        if result is not held.row.message:
            held.row = replace(held.row, message=result)
            self._changed(Replaced(held.row.key, held.row))

    def _remove(self, message_id: str) -> None:
        held = self._held.pop(message_id)
        message = held.row.message
        index = bisect_left(self._order, (message.created_at, message_id))
        del self._order[index]
        if message.reply_to_id and (quoting := self._quoting.get(message.reply_to_id)):
            quoting.discard(message_id)
            if not quoting:
                del self._quoting[message.reply_to_id]
        self._changed(Removed(held.row.key))

    def _requote(self, quoted_id: str, quoted: Message | None) -> None:
        """Bring the quotes of a message up to date; a deleted message is no longer quoted."""
        for id_ in tuple(self._quoting.get(quoted_id, ())):
            held = self._held[id_]
            quote = held.row.message.reply_to_message
            if quote is None or (quoted is not None and quoted.updated_at <= quote.updated_at):
                continue
            new = None if quoted is None else merged(quote, quoted, later=False)
            held.row = replace(
                held.row, message=held.row.message.model_copy(update={"reply_to_message": new})
            )
            self._changed(Replaced(held.row.key, held.row))

    def _with_fresh_quote(self, message: Message) -> Message:
        """Give a message whose quote is no older than what is known of the message it quotes."""
        quote, id_ = message.reply_to_message, message.reply_to_id
        if quote is None or id_ is None:
            return message
        fresh: Message | None = quote
        if id_ in self._gone:
            fresh = None
        elif id_ in self._held:
            fresh = merged(quote, self._held[id_].row.message, later=False)
        for early, _ in self._early.get(id_, ()):
            fresh = merged(fresh, early, later=False) if fresh is not None else None
        return message if fresh is quote else message.model_copy(update={"reply_to_message": fresh})

    def _remember_gone(self, message_id: str) -> None:
        self._gone[message_id] = None
        if len(self._gone) > REMEMBERED_DELETIONS:
            del self._gone[next(iter(self._gone))]

    def _key_after(self, message: Message) -> str | None:
        index = bisect_right(self._order, (message.created_at, message.id))
        if index < len(self._order):
            return self._held[self._order[index][1]].row.key
        return next(iter(self._pending), None)

    def _changed(self, change: Change) -> None:
        self._rows = None
        if not self._quiet:
            self._listeners.tell(change)


def _moment(place: _Place) -> int:
    return place[0]
