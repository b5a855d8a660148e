"""Messages on their way out: kept before they are shown, in order per channel, tried again until the server
has answered, never silently lost.

What waits or has failed is in the account's file, so that it outlives this process, and all processes of a
person work it off together: each entry is sent by one of them.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress

from antiphon.client.channels.timeline import Timeline
from antiphon.client.context import Context
from antiphon.client.errors import AntiphonError, UnderWay
from antiphon.client.kept.account_file import AccountFile, FileUnusable
from antiphon.client.kept.storage import Storage
from antiphon.client.outbox import file as outbox_file
from antiphon.client.outbox.books import REMEMBERED, OutboxBooks
from antiphon.client.outbox.delivery import Delivery
from antiphon.client.outbox.entries import Entry, Unsent
from antiphon.client.outbox.ledger import Ledger
from antiphon.client.outbox.meeting import Meeting
from antiphon.client.outbox.sending import Sending
from antiphon.client.outbox.views import LookAgain, Views
from antiphon.client.outbox.worker import Workers
from antiphon.client.store import Store
from antiphon.wire import Message

__all__ = ["REMEMBERED", "Outbox", "Sending"]


class Outbox:
    """All messages of a person that are not confirmed, as far as this client knows."""

    def __init__(
        self,
        context: Context,
        last_message_at: Callable[[str], int] = lambda _: 0,
        storage: Storage | None = None,
        store: Store[tuple[Unsent, ...]] | None = None,
    ) -> None:
        """`last_message_at`: when something last came to a channel, as far as its list knows (ns)."""
        self._context = context
        self._last_message_at = last_message_at
        self._books = OutboxBooks(store)
        self._storage = storage if storage is not None else Storage(context)
        self._storage.add(self)
        self._ledger = Ledger(context, self._storage)
        self._views = Views(context)
        self._delivery = Delivery(context, self._newest, self._ledger.begin)
        self._workers = Workers(context, self._ledger, self._delivery, self)
        self._meeting = Meeting(
            context, self._books, self._views, self._delivery, self._workers, self._begin_again, self._confirm
        )
        self._filing = False
        self._unwritten: dict[str, Entry] = {}  # changed by its author or by an event
        self._read: tuple[AccountFile | None, int] = (None, -1)  # which file was read, and its generation
        self._version = 0

    def __len__(self) -> int:
        """Count the messages that wait or are being sent; failed ones wait for a person and do not count."""
        return self._books.waits()

    @property
    def store(self) -> Store[tuple[Unsent, ...]]:
        """What waits or has failed, in the order it is sent in."""
        return self._books.store

    # What a person does

    def attach(self, channel_id: str, timeline: Timeline, look_again: LookAgain = lambda: None) -> None:
        """Show in a timeline what waits or has failed there, now and from now on."""
        self._views.attach(channel_id, timeline, look_again, self._books.shown)

    def send(
        self,
        channel_id: str,
        timeline: Timeline,
        text: str,
        *,
        look_again: LookAgain = lambda: None,
        temp_id: str | None = None,
        reply_to_id: str | None = None,
        parent_id: str | None = None,
    ) -> Sending:
        """Keep a message, show it as pending, and post it in its turn. Raises `OutboxFull`.

        `look_again` fetches the timeline anew: an answer that a page has overtaken may speak of a message
        that was deleted meanwhile.
        """
        temp_id = temp_id or str(uuid.uuid4())
        known = self._books.sendings.get(temp_id)
        if known is not None:
            return known
        self._context.background()  # Raises now, not later, when nobody would send it.
        self._books.check_room(text)
        self.attach(channel_id, timeline, look_again)
        entry = Entry(
            temp_id,
            channel_id,
            text,
            self._context.clock.now(),
            reply_to_id,
            parent_id,
            self._context.me,
            own=True,
        )
        self._books.entries[temp_id] = entry
        sending = self._books.sending(temp_id)
        if self._ledger.durable or self._books.fresh:
            self._books.fresh.append(entry)
            if not self._filing:
                self._filing = True
                self._context.background().spawn(self._file(), "outbox file")
        else:
            self._take_in(entry)
        return sending

    def sending(self, temp_id: str) -> Sending | None:
        """Give the `Sending` of a message that waits or has failed, also one from before a restart."""
        return self._books.sendings.get(temp_id)

    def retry(self, temp_id: str) -> None:
        """Send a failed message again, after those that wait."""
        entry = self._books.entries.get(temp_id)
        if entry is not None and entry.state == "failed":
            self._begin_again(entry)
            self._write(entry, self._ledger.retry)

    async def edit(self, temp_id: str, text: str) -> None:
        """Change the text of a message that waits or has failed; a failed one is sent again with it.

        Raises `UnderWay` when it is being sent at this moment, here or by another process, or stands already,
        and `OutboxFull` when the text is too long.
        """
        entry = self._books.entries.get(temp_id)
        if entry is None:
            raise UnderWay("This message is not in the outbox: it has been sent, or was discarded.")
        self._books.check_room(text, entry)
        if (entry.waits and temp_id in self._workers.under_way) or not await self._ledger.edit(entry, text):
            raise UnderWay("This message is being sent at this moment: edit it when it stands.")
        entry.text = text
        self._views.redraw(entry)
        if entry.state == "failed":
            self._begin_again(entry)
        self._workers.wake(entry.channel_id)
        self._books.tell()

    def discard(self, temp_id: str) -> None:
        """Give up a message; one that is under way may still arrive."""
        entry = self._books.entries.pop(temp_id, None)
        if entry is not None:
            entry.state = "discarded"
            self._views.drop(entry)
            self._books.sending(temp_id).end("discarded", "the message was discarded")
            self._write(entry, self._ledger.discard)
            self._books.tell()

    def confirmed(self, message: Message, temp_id: str, stamp: int) -> bool:
        """Take the event of a message of ours; False when it is none of those on their way."""
        entry = self._books.entries.get(temp_id)
        if entry is None or message.channel_id != entry.channel_id:
            return False
        self._confirm(entry, message, stamp)
        self._write(entry, self._ledger.settle)
        return True

    # Life

    def end(self, reason: str) -> None:
        """Nobody is signed in any more: what waits is kept for this person, or has failed without a file."""
        self._meeting.over = reason
        with suppress(AntiphonError):  # The client closes, and does it then.
            self._context.background().spawn(self._give_back(reason), "outbox file")

    async def _give_back(self, reason: str) -> None:
        await self._storage.settled()
        self._let_go(reason)
        await self._ledger.disown()

    async def finish(self) -> None:
        """Closing: let what is under way at this moment come to its end, for a little while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._context.delays.close_wait):
                await self._storage.settled()
                if self._context.link.value.state.joined:
                    await self._workers.idle.wait()

    async def close(self) -> None:
        """Write down what is not in the file yet, and tell whoever still waits how it stands."""
        reason = self._meeting.over or "the client was closed"
        file = self._storage.file
        if file is not None:
            fresh = self._read != (file, file.generation)
            await self._ledger.put([*self._books.unfiled(all_of_them=fresh), *self._unwritten.values()])
        await self._ledger.disown()
        for entry in self._books.fresh:
            self._views.show(entry)
        self._books.fresh.clear()
        self._let_go(reason)
        self._books.entries.clear()
        self._books.tell()

    def _let_go(self, reason: str) -> None:
        if not self._storage.opening:  # else it is known in a moment whether it is kept
            for entry in self._books.let_go(reason, durable=self._ledger.durable):
                self._views.update(entry)

    # The file, as the storage tells of it

    @property
    def tables(self) -> tuple[str, Sequence[str]]:
        """The outbox's tables."""
        return outbox_file.NAME, outbox_file.SCHEMA

    async def opened(self, file: AccountFile) -> None:
        """Take what the file holds, and keep there what it lacks."""
        fresh = self._read != (file, file.generation)
        unfiled = self._books.unfiled(all_of_them=fresh)
        self._version, entries, messages = await self._ledger.resume(file, unfiled)
        self._read = (file, file.generation)
        self._delivery.claimed(reversed(messages))
        for entry in entries:
            self._meeting.merge(entry)
        if not fresh:
            await self._catch_up()
        for channel_id in {entry.channel_id for entry in self._books.entries.values() if entry.waits}:
            self._workers.wake(channel_id)

    async def changed(self) -> None:
        """Another process has changed the file."""
        await self._catch_up()

    async def leave(self, file: AccountFile) -> None:
        """It was another person's: strike out there what was written here, and forget what was not."""
        own, others = self._books.part()
        for entry in others:
            self._views.drop(entry)
        await self._ledger.take_back(file, own)

    async def _catch_up(self) -> None:
        self._version, entries = await self._ledger.news(self._version)
        for entry in entries:
            self._meeting.merge(entry)

    # For the workers

    def waiting(self, channel_id: str) -> Iterable[Entry]:
        """Give what waits in a channel, in order."""
        return self._books.waiting(channel_id)

    def claimed(self, entry: Entry) -> Entry:
        """Take an entry as the file gave it, to be sent now, and give the one that is held."""
        if entry.temp_id not in self._books.entries:
            self._meeting.meet(entry)
        return self._books.under_way(entry)

    async def nothing_waits(self, channel_id: str) -> bool:
        """The file has nothing that waits in a channel: take what has become of it."""
        try:
            await self._catch_up()
            left = [entry for entry in self.waiting(channel_id) if entry.filed]
            if left:
                await self._ledger.put(left)
        except FileUnusable as error:
            self._storage.failed(error)
        return not self.waiting(channel_id)

    async def sent(self, entry: Entry, message: Message, stamp: int, asked_at: int, *, tried: bool) -> None:
        """The server has answered. `tried`: an earlier post, not answered, may be what it has stored."""
        already = entry.state == "sent"
        self._confirm(entry, message, stamp, asked_at=asked_at)
        if not already:
            await self._ledger.settle(entry)
        if tried or self._views.refreshed_after(entry, asked_at):
            self._views.look_again(entry)

    async def refused(self, entry: Entry, reason: str, posted: str | None) -> None:
        """The server does not take it: its author decides."""
        if entry.waits:
            await self._ledger.fail(entry, reason, posted)
        if not entry.waits:
            return  # Its event came, or its author gave it up, meanwhile.
        entry.state, entry.error = "failed", reason
        self._views.update(entry)
        self._books.sending(entry.temp_id).end("failed", reason)
        self._books.tell()

    # Inside

    async def _file(self) -> None:
        """Put what was just written into the file, and only then show and send it."""
        try:
            while self._books.fresh:
                batch = list(self._books.fresh)
                rows = {row.temp_id: row for row in await self._ledger.put([e for e in batch if e.open])}
                del self._books.fresh[: len(batch)]
                for entry in batch:
                    row = rows.get(entry.temp_id)
                    if entry.state == "discarded":
                        await self._ledger.discard(entry)
                    elif row is not None and row.state in {"sent", "discarded"}:
                        self._meeting.merge(row)  # The same `temp_id` was sent before this client began.
                    else:
                        self._take_in(entry)
        finally:
            self._filing = False

    def _take_in(self, entry: Entry) -> None:
        """Show an entry and send it."""
        if entry.temp_id not in self._books.entries:
            return
        self._views.show(entry)
        if self._context.over:
            self._let_go(self._meeting.over or "nobody is signed in")
        else:
            self._workers.wake(entry.channel_id)
        self._books.tell()

    def _begin_again(self, entry: Entry) -> None:
        entry.state, entry.error, entry.not_before = "pending", None, 0.0
        self._books.last(entry)
        self._books.sending(entry.temp_id).again()
        self._views.update(entry)
        self._books.tell()

    def _confirm(self, entry: Entry, message: Message, stamp: int, asked_at: int | None = None) -> None:
        self._books.entries.pop(entry.temp_id, None)
        self._delivery.claimed([message.id])
        self._views.confirm(entry, message, stamp, asked_at)
        if entry.state not in {"sent", "discarded"}:
            entry.state, entry.message = "sent", message
            self._books.sending(entry.temp_id).confirm(message)
        self._books.tell()

    def _newest(self, entry: Entry) -> int:
        return max(self._views.newest(entry), self._last_message_at(entry.channel_id))

    def _write(self, entry: Entry, write: Callable[[Entry], Awaitable[object]]) -> None:
        """Write in the background, or when the client closes; the work in the channel goes on after it."""

        async def work() -> None:
            await write(entry)
            if self._unwritten.get(entry.temp_id) is entry:
                del self._unwritten[entry.temp_id]
            self._workers.wake(entry.channel_id)

        self._unwritten[entry.temp_id] = entry
        with suppress(AntiphonError):
            self._context.background().spawn(work(), "outbox file")
