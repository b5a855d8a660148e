"""What the file says of entries, brought together with what this client holds of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from antiphon.client.context import Context
from antiphon.client.outbox.books import KEPT, OutboxBooks
from antiphon.client.outbox.delivery import Delivery
from antiphon.client.outbox.entries import Entry
from antiphon.client.outbox.views import Views
from antiphon.client.outbox.worker import Workers
from antiphon.wire import Message


class Confirm(Protocol):
    """Settles an entry as sent."""

    def __call__(self, entry: Entry, message: Message, stamp: int, asked_at: int | None = None) -> None:
        """Take the stored message."""


class Meeting:
    """Takes the rows that another process wrote, or that were there before this client began."""

    def __init__(
        self,
        context: Context,
        books: OutboxBooks,
        views: Views,
        delivery: Delivery,
        workers: Workers,
        begin_again: Callable[[Entry], None],
        confirm: Confirm,
    ) -> None:
        self._context = context
        self._books = books
        self._views = views
        self._delivery = delivery
        self._workers = workers
        self._begin_again = begin_again
        self._confirm = confirm
        self.over: str | None = None
        """Why nothing more is sent by this client, once that is so."""

    def merge(self, row: Entry) -> None:
        """Take what the file says of an entry; what is being written there at this moment is newer."""
        held = self._books.entries.get(row.temp_id)
        if held is None:
            self.meet(row)
        elif row.state == "sent":
            self._settled_elsewhere(held, row)
        elif row.state == "discarded":
            if held.filed:
                self._books.entries.pop(held.temp_id)
                held.state = "discarded"
                self._views.drop(held)
                self._books.sending(held.temp_id).end("discarded", "the message was discarded")
        elif held.filed and held.temp_id not in self._workers.under_way:
            failed_before, text_before = held.state == "failed", held.text
            held.text, held.state, held.error = row.text, row.state, row.error
            held.posted, held.after, held.not_before = row.posted, row.after, row.not_before
            held.position = row.position
            if held.state == "failed" and not failed_before:
                self._books.sending(held.temp_id).end("failed", held.error or "")
            elif failed_before and held.waits:
                self._begin_again(held)
            if held.text != text_before:
                self._views.redraw(held)
            self._views.update(held)
            self._workers.wake(held.channel_id)
        self._books.tell()

    def meet(self, row: Entry) -> None:
        """Take an entry that another client has written, or that was there before this one began."""
        known = self._books.sendings.get(row.temp_id)
        if row.state == "sent" and row.message is not None:
            self._delivery.claimed([row.message.id])
        if not row.open or (known is not None and known.state in {"confirmed", "discarded"}):
            return
        self._books.entries[row.temp_id] = row
        sending = self._books.sending(row.temp_id)
        self._views.show(row)
        if row.state == "failed":
            sending.end("failed", row.error or "")
        elif self.over is not None:
            sending.keep(f"{self.over}; {KEPT}")
        self._workers.wake(row.channel_id)

    def _settled_elsewhere(self, held: Entry, row: Entry) -> None:
        """Another process has sent it, or the file knew it as sent from before."""
        if row.message is not None:
            self._confirm(held, row.message, self._context.arrivals.next(), asked_at=0)
        else:
            self._books.entries.pop(held.temp_id, None)
            self._views.drop(held)
            self._books.sending(held.temp_id).end("discarded", "the message was sent before")
        self._views.look_again(held)
