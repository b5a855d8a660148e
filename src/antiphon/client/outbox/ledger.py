"""The outbox's word to the account's file: each step of an entry is written there, and taken in memory too.

While there is no file, or it does not work, what was written in this client goes on in memory and is written
down later; what another client has written waits for the file, because somebody else may be sending it.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from antiphon.client.context import Context
from antiphon.client.kept.account_file import AccountFile, FileUnusable
from antiphon.client.kept.storage import Storage, look_into
from antiphon.client.outbox import file as outbox_file
from antiphon.client.outbox.entries import Entry

T = TypeVar("T")


class Ledger:
    """One client's hand in the file."""

    def __init__(self, context: Context, storage: Storage) -> None:
        self._context = context
        self._storage = storage
        self.owner = outbox_file.new_owner()
        self._unwritten: OrderedDict[str, Entry] = OrderedDict()  # settled while there was no file

    @property
    def durable(self) -> bool:
        """Whether what is written now is in the file at once."""
        return self._storage.file is not None

    async def put(self, entries: Sequence[Entry]) -> list[Entry]:
        """Keep new entries; give what the file has under their ids then, which may be settled already."""

        lacking = [replace(entry) for entry in entries]

        def work(db: sqlite3.Connection) -> list[Entry]:
            self._store(db, lacking)
            return outbox_file.some(db, [entry.temp_id for entry in lacking])

        return await self._write(work, entries) or []

    async def claim(self, channel_id: str, waiting: Iterable[Entry]) -> Entry | float | None:
        """Take the next entry of a channel: give it, or when (unix seconds) to ask again, or None.

        `waiting`: what this client knows to wait there, in order.
        """
        context = self._context
        now, delays = context.clock.now(), context.delays
        if self._storage.file is not None and self._storage.user_id != context.user_id:
            return now + delays.storage_watch  # The file of whom the token named; it is being changed.
        exact = context.ours

        def work(db: sqlite3.Connection) -> Entry | float | None:
            return outbox_file.claim(
                db,
                channel_id,
                self.owner,
                now=context.clock.now(),
                lease=delays.lease,
                longest_wait=delays.retry_most,
                exact=exact,
            )

        file = self._storage.file
        if file is not None:
            try:
                return await file.run(work, lasting=exact)
            except FileUnusable as error:
                self._storage.failed(error)
        first = next(iter(waiting), None)
        if first is None:
            return None
        if not first.own:
            return now + delays.storage_again
        if now < first.not_before <= now + outbox_file.FAR * delays.retry_most:
            return first.not_before
        first.state, first.filed = "sending", False
        if exact and first.posted is None:
            first.posted = first.text
        return first

    async def renew(self, entry: Entry) -> bool:
        """Keep the lease of an entry alive; False when it is another's by now."""
        file = self._storage.file
        if file is None:
            return True
        now, lease = self._context.clock.now(), self._context.delays.lease
        try:
            return await file.run(
                lambda db: outbox_file.renew(db, entry.temp_id, self.owner, now=now, lease=lease),
                lasting=False,
            )
        except FileUnusable as error:
            self._storage.failed(error)
            return True

    async def begin(self, entry: Entry, after: int) -> bool:
        """Write down that the text goes out now; False when the entry is another's by now."""
        entry.posted, entry.after = entry.text, after
        file = self._storage.file
        now, lease, posted = self._context.clock.now(), self._context.delays.lease, entry.text
        if file is not None:
            try:
                return await file.run(
                    lambda db: outbox_file.begin(
                        db, entry.temp_id, self.owner, posted=posted, after=after, now=now, lease=lease
                    )
                )
            except FileUnusable as error:
                self._storage.failed(error)
        entry.filed = False
        return entry.waits

    async def release(self, entry: Entry, posted: str | None, not_before: float) -> None:
        """Let an entry wait again."""
        entry.state, entry.posted, entry.not_before = "pending", posted, not_before
        await self._write(
            lambda db: outbox_file.release(
                db, entry.temp_id, self.owner, posted=posted, not_before=not_before
            ),
            [entry],
            lasting=False,
        )

    async def fail(self, entry: Entry, error: str, posted: str | None) -> None:
        """An entry was refused."""
        entry.posted = posted
        await self._write(lambda db: outbox_file.fail(db, entry.temp_id, self.owner, error, posted), [entry])

    async def settle(self, entry: Entry) -> None:
        """The server has an entry. A power cut may undo it: then it is found there once more."""
        message = entry.message
        if message is not None:
            lasting = not self._context.ours
            await self._write(
                lambda db: outbox_file.settle(db, entry.temp_id, message), [entry], lasting=lasting
            )

    async def discard(self, entry: Entry) -> None:
        """The author gives an entry up."""
        await self._write(lambda db: outbox_file.discard(db, entry.temp_id), [entry])

    async def retry(self, entry: Entry) -> None:
        """A failed entry waits again."""
        await self._write(lambda db: outbox_file.retry(db, entry.temp_id), [entry])

    async def edit(self, entry: Entry, text: str) -> bool:
        """Give an entry another text; False when it is under way somewhere."""
        file = self._storage.file
        if file is not None:
            try:
                now = self._context.clock.now()
                return await file.run(lambda db: outbox_file.edit(db, entry.temp_id, text, now=now))
            except FileUnusable as error:
                self._storage.failed(error)
        entry.filed = False
        return entry.own and entry.state != "sending"

    async def disown(self) -> None:
        """This client ends: what it had under way is free for the next one."""
        file = self._storage.file
        if file is not None:
            try:
                await file.run(lambda db: outbox_file.disown(db, self.owner))
            except FileUnusable as error:
                self._storage.failed(error)
        outbox_file.give_up(self.owner)

    async def _write(
        self, work: Callable[[sqlite3.Connection], T], entries: Iterable[Entry], *, lasting: bool = True
    ) -> T | None:
        file = self._storage.file
        for entry in entries:
            entry.filed = False  # What is read meanwhile is older.
        if file is None:
            self._remember(entries)
            return None
        try:
            result = await file.run(work, lasting=lasting)
        except FileUnusable as error:
            self._remember(entries)
            self._storage.failed(error)
            return None
        for entry in entries:
            entry.filed = True
        return result

    def _remember(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if not entry.open:
                self._unwritten[entry.temp_id] = entry
        while len(self._unwritten) > outbox_file.MOST_SETTLED:
            self._unwritten.popitem(last=False)

    def _store(self, db: sqlite3.Connection, entries: Sequence[Entry]) -> None:
        context = self._context
        outbox_file.store(db, entries, self.owner, now=context.clock.now(), lease=context.delays.lease)

    # After the file was opened, or lost, or works again

    async def resume(self, file: AccountFile, unfiled: Sequence[Entry]) -> tuple[int, list[Entry], list[str]]:
        """Write down what the file lacks and give what it holds. Raises `FileUnusable`."""
        # As they are now: what becomes of them meanwhile is written after this.
        lacking = [replace(entry) for entry in (*unfiled, *self._unwritten.values())]
        settled = dict(self._unwritten)

        def work(db: sqlite3.Connection) -> tuple[int, list[Entry], list[str]]:
            self._store(db, lacking)
            return outbox_file.load(db)

        for entry in unfiled:
            entry.filed = True
        try:
            found = await file.run(work)
        except FileUnusable:
            for entry in unfiled:
                entry.filed = False
            raise
        for temp_id, entry in settled.items():
            if self._unwritten.get(temp_id) is entry:
                del self._unwritten[temp_id]
        return found

    async def take_back(self, file: AccountFile, entries: Sequence[Entry]) -> None:
        """Strike out what was put into a file that is another person's. Raises `FileUnusable`."""

        def work(db: sqlite3.Connection) -> None:
            for entry in entries:
                outbox_file.discard(db, entry.temp_id)

        await file.run(work)

    async def news(self, version: int) -> tuple[int, list[Entry]]:
        """Give what has changed after a version, and the newest one. Raises `FileUnusable`."""
        file = self._storage.file
        if file is None:
            return version, []
        return await file.read(lambda db: outbox_file.since(db, version))


async def unsent_in(data_dir: Path | None, url: str, user_id: str) -> int:
    """Count what waits to be sent in an account's file, without a client and without making a file."""
    return await look_into(data_dir, url, user_id, outbox_file.waiting) or 0
