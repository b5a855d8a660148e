"""The messages of one channel or thread: a window of the server's list that ends with the newest message.

Laws (any mix of live events, pages, answers and catching up ends in the server's state):

- The confirmed rows are a run of the server's list without holes, up to its newest message.
- Merging is idempotent; content is versioned by `updated_at`, the rest goes by arrival (see `message_merge`).
- A page is authoritative for the range between its ends: a held row in that range that it lacks is gone,
  unless the row was heard of after the page's request began.
- A deleted message does not come back. Pending rows stand last until confirmed.
- Own changes that are not settled lie over the server's state and never change it (see `optimistic`).

The cost of an event does not grow with the history (W-62): one binary search and one row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from antiphon.client.channels.early import Deletions, Early
from antiphon.client.channels.held import Held, HeldMessages, Place, place_of
from antiphon.client.channels.message_merge import completed, plain, requoted
from antiphon.client.channels.optimistic import OwnChanges
from antiphon.client.channels.rows import Change, Inserted, Removed, Replaced, Reset, Row, alike
from antiphon.client.channels.unconfirmed import Unconfirmed
from antiphon.client.store import Listeners, Unsubscribe
from antiphon.wire import Message

__all__ = ["Change", "Inserted", "Removed", "Replaced", "Reset", "Row", "Timeline"]

MOST_ROWS = 10_000
"""Confirmed rows that live messages may make of a timeline; then the oldest goes with each, and can be
fetched again.
"""


class Timeline:
    """The rows of a channel (`parent_id` None) or of the thread under a message."""

    def __init__(self, parent_id: str | None = None, own: OwnChanges | None = None) -> None:
        self.parent_id = parent_id
        self.loaded = False
        self.has_earlier = False
        self.refreshed_at = 0
        """When the newest page was last asked for."""
        self.cuts = 0
        """How often rows were dropped at the older end, so that a page on its way may no longer touch it."""
        self._own = own if own is not None else OwnChanges()
        self._held = HeldMessages()
        self._pending = Unconfirmed()
        self._gone = Deletions()
        self._early = Early()
        self._rows: tuple[Row, ...] | None = None
        self._listeners: Listeners[Change] = Listeners()
        self._quiet = False

    # Reading

    def rows(self) -> tuple[Row, ...]:
        """Give all rows, oldest first, pending and failed ones last."""
        if self._rows is None:
            shown = (held.row for held in self._held if held.row is not None)
            self._rows = (*shown, *self._pending)
        return self._rows

    def row(self, id_: str) -> Row | None:
        """Give the row of a message id, or of the `temp_id` of a row that is not confirmed yet."""
        held = self._held.get(id_)
        return held.row if held else self._pending.get(id_)

    def known(self, message_id: str) -> Message | None:
        """Give a message as the server has it, without own changes."""
        held = self._held.get(message_id)
        return held.message if held else None

    def as_of(self, message_id: str) -> int:
        """Give the arrival number of the latest account of a message; 0 when it is not held."""
        held = self._held.get(message_id)
        return held.stamp if held else 0

    def confirmed(self) -> int:
        """Count the messages that the server has confirmed."""
        return len(self._held)

    @property
    def unconfirmed(self) -> int:
        """Count the rows that are being sent or have failed."""
        return len(self._pending)

    def oldest(self) -> Message | None:
        """Give the oldest confirmed message that is held."""
        return self._held.at(0).message if len(self._held) else None

    def newest(self) -> Message | None:
        """Give the newest confirmed message that is held."""
        return self._held.at(-1).message if len(self._held) else None

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
        if len(self._held) > MOST_ROWS:
            self.keep_newest(MOST_ROWS)

    def _take_new(self, message: Message, as_of: int, heard: int) -> None:
        held = self._held.get(message.id)
        if held is not None:
            self._merge(held, message, as_of, heard)
        elif message.id not in self._gone and self._within(message):
            self._insert(message, as_of, heard)

    def changed(self, message: Message, stamp: int) -> None:
        """Take a newer account of a message: edited, reacted to, pinned, replied to."""
        message = plain(message)
        held = self._held.get(message.id)
        if held is not None:
            self._merge(held, message, stamp)
        elif message.id not in self._gone:
            # The page that brings this row may be on its way, and older than this event (W-16).
            self._early.keep(message, stamp)
        self._requote(message.id, message)

    def deleted(self, message_id: str) -> None:
        """Take a deletion; whatever still comes of this message is ignored from now on."""
        self._gone.add(message_id)
        self._early.take(message_id)
        if message_id in self._held:
            self._remove(message_id)
        self._requote(message_id, None)

    def data_fetched(self, message_id: str, data: object, updated_at: int) -> None:
        """Take what a message carries, where a page said only that there is something (0.12.4)."""
        held = self._held.get(message_id)
        if held is not None and held.message.updated_at == updated_at and held.message.data is True:
            held.message = held.message.model_copy(update={"data": data})
            self._show(held)

    def redraw(self, message_id: str) -> None:
        """Show a message anew: an own change of it came or went."""
        held = self._held.get(message_id)
        if held is not None:
            self._show(held)

    # Pages

    def page_requested(self, asked_at: int, *, newest: bool) -> None:
        """Say that a page is on its way, so that events about its rows are kept until it comes."""
        if newest:
            self.refreshed_at = asked_at
        self._early.requested()

    def page_answered(self) -> None:
        """Say that the request is over, with or without a page."""
        self._early.answered()

    def merge_page(
        self,
        messages: Sequence[Message],
        *,
        asked_at: int,
        newest: bool,
        complete: bool,
        adjoins: bool = False,
    ) -> bool:
        """Merge a fetched page (any order) whose request began after arrival number `asked_at`.

        `newest`: the page ends with the newest message. `complete`: it begins with the oldest one.
        `adjoins`: it ends where what is held begins, as a page does that was asked for so. Gives False, and
        changes nothing, when the page does not touch the rows held: there may be a hole between them.
        """
        page = sorted((plain(m) for m in messages if m.parent_id == self.parent_id), key=place_of)
        touches = newest or adjoins or not len(self._held)
        if not touches and not any(m.id in self._held or m.id in self._gone for m in page):
            return False
        first_load = newest and not self.loaded
        self._quiet = first_load
        try:
            self._drop_what_the_page_lacks(page, asked_at, newest=newest, complete=complete)
            for message in page:
                self._own.fetched(message.id, asked_at)
                held = self._held.get(message.id)
                if held is not None:
                    self._merge(held, message, asked_at)
                elif message.id not in self._gone:
                    held = self._insert(message, asked_at, asked_at)
                for early, stamp in self._early.take(message.id):
                    if held is not None:
                        self._merge(held, early, stamp)
        finally:
            self._quiet = False
        self.loaded = self.loaded or newest
        if complete:
            self.has_earlier = False
        elif page and (self._start is None or self._start >= place_of(page[0])):
            self.has_earlier = True
        if first_load:
            self._changed(Reset())
        return True

    def keep_newest(self, count: int) -> None:
        """Drop all but the newest `count` confirmed rows; they can be fetched again."""
        dropped = self._held.oldest(len(self._held) - count)
        self._drop_older_end(dropped)
        if dropped:
            self.has_earlier = True

    def forget(self) -> None:
        """Drop all confirmed rows, as stale; pending and failed ones stay."""
        if not (self.loaded or len(self._held)):
            return
        self.cuts += 1
        self._held.clear()
        self.loaded = False
        self.has_earlier = False
        self._changed(Reset())

    def _drop_what_the_page_lacks(
        self, page: list[Message], asked_at: int, *, newest: bool, complete: bool
    ) -> None:
        if not page and not (newest and complete):
            return
        low = None if complete else page[0].created_at
        high = None if newest else page[-1].created_at
        ids = {message.id for message in page}
        for held in self._held.strictly_between(low, high):
            id_ = held.message.id
            if id_ not in ids and held.heard <= asked_at:
                self._gone.add(id_)
                self._remove(id_)
                self._requote(id_, None)
        if newest and not complete and page[0].id not in self._held:
            # More was missed than fits into the page: between the older rows and the page is a hole.
            self._drop_older_end(self._held.older_than(place_of(page[0])))

    def _drop_older_end(self, ids: Sequence[str]) -> None:
        if ids:
            self.cuts += 1
        for id_ in ids:
            self._remove(id_)

    # Rows of our own that the server has not confirmed

    def add_pending(self, temp_id: str, message: Message) -> Row:
        """Show a message that is being sent, after all others."""
        row = self._pending.add(temp_id, message)
        self._changed(Inserted(row, None))
        return row

    def set_pending(
        self, temp_id: str, state: Literal["pending", "failed"], error: str | None = None
    ) -> None:
        """Mark a row as failed, or as pending again."""
        row = self._pending.mark(temp_id, state, error)
        if row is not None:
            self._changed(Replaced(temp_id, row))

    def drop_pending(self, temp_id: str) -> Row | None:
        """Take a row of ours away: discarded, or confirmed elsewhere."""
        row = self._pending.drop(temp_id)
        if row is not None:
            self._changed(Removed(temp_id))
        return row

    def confirm(self, temp_id: str, message: Message, stamp: int, *, asked_at: int | None = None) -> None:
        """Take the server's account of a row of ours, from the answer or from the event, whichever comes
        first.

        `stamp` is the number of its arrival. An answer says what was so when it was asked for, `asked_at`.
        """
        as_of = stamp if asked_at is None else asked_at
        message = plain(message)
        pending = self._pending.get(temp_id)
        if pending is None or message.id in self._gone or message.id in self._held:
            self.drop_pending(temp_id)
            self._take_new(message, as_of, stamp)
            return
        message = completed(message, pending.message)
        in_place = self._pending.first == temp_id and self._held.last_before(message)
        self._pending.drop(temp_id)
        if not in_place:
            self._changed(Removed(temp_id))
            self._insert(message, as_of, stamp, temp_id)
        elif (row := self._hold(message, as_of, stamp, temp_id).row) is not None:
            self._changed(Replaced(temp_id, row))
        else:
            self._changed(Removed(temp_id))  # It is being deleted already.

    # Inside

    @property
    def _start(self) -> Place | None:
        return place_of(self._held.at(0).message) if len(self._held) else None

    def _within(self, message: Message) -> bool:
        return not (self.has_earlier and self._start is not None and place_of(message) < self._start)

    def _hold(self, message: Message, as_of: int, heard: int, temp_id: str | None = None) -> Held:
        held = Held(self._with_fresh_quote(message), as_of, heard, temp_id or message.id, temp_id)
        held.row = self._drawn(held)
        self._held.put(held)
        return held

    def _insert(self, message: Message, as_of: int, heard: int, temp_id: str | None = None) -> Held:
        held = self._hold(message, as_of, heard, temp_id)
        if held.row is not None:
            self._changed(Inserted(held.row, self._key_after(message)))
        return held

    def _merge(self, held: Held, message: Message, stamp: int, heard: int | None = None) -> None:
        before = held.message
        held.take(message, stamp, heard)
        held.message = self._with_fresh_quote(held.message)
        if held.message is not before or held.row is None or held.row.changing:
            self._show(held)

    def _remove(self, message_id: str) -> None:
        held = self._held.drop(message_id)
        self._own.gone(message_id)
        if held.row is not None:
            self._changed(Removed(held.key))

    def _drawn(self, held: Held) -> Row | None:
        if held.message.id not in self._own:
            return Row(held.key, held.message, temp_id=held.temp_id)
        message = self._own.shown(held.message)
        return None if message is None else Row(held.key, message, temp_id=held.temp_id, changing=True)

    def _show(self, held: Held) -> None:
        """Tell what the row of a message is now, if it is another than before."""
        before, after = held.row, self._drawn(held)
        if alike(before, after):
            return
        held.row = after
        if after is None:
            self._changed(Removed(held.key))
        elif before is None:
            self._changed(Inserted(after, self._key_after(held.message)))
        else:
            self._changed(Replaced(held.key, after))

    def _requote(self, quoted_id: str, quoted: Message | None) -> None:
        """Bring the quotes of a message up to date; a deleted message is no longer quoted."""
        for held in self._held.quoting(quoted_id):
            message = requoted(held.message, quoted)
            if message is not held.message:
                held.message = message
                self._show(held)
        for row in self._pending.requote(quoted_id, quoted):
            self._changed(Replaced(row.key, row))

    def _with_fresh_quote(self, message: Message) -> Message:
        """Give a message whose quote is no older than what is known of the message it quotes."""
        id_ = message.reply_to_id
        if message.reply_to_message is None or id_ is None:
            return message
        if id_ in self._gone:
            return requoted(message, None)
        held = self._held.get(id_)
        if held is not None:
            message = requoted(message, held.message)
        for early, _ in self._early.of(id_):
            message = requoted(message, early)
        return message

    def _key_after(self, message: Message) -> str | None:
        """Give the key of the row before which a message stands; what an own deletion hides is no row."""
        if self._held.at(-1).message.id == message.id:
            return self._pending.first  # The newest, as nearly always.
        following = next((held for held in self._held.after(message) if held.row is not None), None)
        return following.key if following is not None else self._pending.first

    def _changed(self, change: Change) -> None:
        self._rows = None
        if not self._quiet:
            self._listeners.tell(change)
