"""Drafts: what a person has begun to write in a conversation and not sent, kept across restarts (W-93).

One text for each place; whoever writes last wins, also between processes of one person.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from antiphon.client.clock import Cancel
from antiphon.client.context import Context
from antiphon.client.errors import AntiphonError, OutboxFull
from antiphon.client.kept.account_file import AccountFile, FileUnusable
from antiphon.client.kept.storage import Storage
from antiphon.client.store import Store

Place: TypeAlias = tuple[str, str]
"""Where a draft belongs: ("channel", id), ("thread", id of its first message), ("chat", id) …"""

MOST_DRAFTS = 500
"""Drafts of a person; the one untouched longest goes when there are more."""
MOST_TEXT = 2**18
"""Bytes of a draft."""
NAME = "drafts"
SCHEMA = ("CREATE TABLE drafts (place TEXT PRIMARY KEY, text TEXT NOT NULL, written_at REAL NOT NULL)",)


class Drafts:
    """The drafts of a person. Reading is at once; writing is told at once and on the disk a moment later."""

    def __init__(
        self, context: Context, storage: Storage, store: Store[Mapping[Place, str]] | None = None
    ) -> None:
        self._context = context
        self._storage = storage
        self.store: Store[Mapping[Place, str]] = store if store is not None else Store(MappingProxyType({}))
        """All drafts, by place; the one written last at the end."""
        self._unwritten: dict[Place, tuple[str, float]] = {}
        self._writing = False
        self._timer: Cancel | None = None
        self._read: tuple[AccountFile | None, int] = (None, 0)  # which file was read, and its generation
        storage.add(self)

    def get(self, place: Place) -> str:
        """Give the draft of a place; "" without one."""
        return self.store.value.get(place, "")

    def set(self, place: Place, text: str) -> None:
        """Keep a draft; "" forgets it. Call it on every key. Raises `OutboxFull` when it is too long."""
        size = len(text.encode())
        if size > MOST_TEXT:
            raise OutboxFull(
                f"This draft is too long to be kept ({size:,} bytes, the most is {MOST_TEXT:,}):"
                " make it shorter."
            )
        if text == self.get(place):
            return
        self._unwritten.pop(place, None)
        self._unwritten[place] = (text, self._context.clock.now())
        drafts = {key: one for key, one in self.store.value.items() if key != place}
        if text:
            drafts[place] = text
        for oldest in list(drafts)[: max(len(drafts) - MOST_DRAFTS, 0)]:
            del drafts[oldest]
            self._unwritten.pop(oldest, None)
            self._unwritten[oldest] = ("", self._context.clock.now())
        self.store.set(MappingProxyType(drafts))
        self._write_soon()

    async def close(self) -> None:
        """Write what is not written yet."""
        if self._timer is not None:
            self._timer()
            self._timer = None
        file = self._storage.file
        if file is not None and self._unwritten:
            await self._write(file)

    # The file, as the storage tells of it

    @property
    def tables(self) -> tuple[str, Sequence[str]]:
        """The drafts' table."""
        return NAME, SCHEMA

    async def opened(self, file: AccountFile) -> None:
        """Take what the file holds, and write there what is newer here."""
        read, self._read = self._read, (file, file.generation)
        if read[0] is file and read[1] != file.generation:
            # A fresh file has taken the place of a lost one: everything known goes there.
            now = self._context.clock.now()
            for place, text in self.store.value.items():
                self._unwritten.setdefault(place, (text, now))
        await self._take(file)
        if self._unwritten:
            self._write_soon()

    async def changed(self) -> None:
        """Another process has changed the file."""
        file = self._storage.file
        if file is not None:
            await self._take(file)

    async def leave(self, file: AccountFile) -> None:
        """It was another person's file."""
        # What was written there stays: it cannot be told from that person's own.
        self._unwritten.clear()
        self.store.set(MappingProxyType({}))

    async def _take(self, file: AccountFile) -> None:
        rows = await file.read(
            lambda db: db.execute("SELECT place, text FROM drafts ORDER BY written_at").fetchall()
        )
        drafts = {
            place: row["text"] for row in rows if (place := _place(row["place"])) not in self._unwritten
        }
        for place, (text, _) in self._unwritten.items():
            if text:
                drafts[place] = text
        if drafts != self.store.value:
            self.store.set(MappingProxyType(drafts))

    def _write_soon(self) -> None:
        if self._timer is None and not self._writing and self._storage.file is not None:
            self._timer = self._context.clock.call_later(self._context.delays.draft, self._begin)

    def _begin(self) -> None:
        self._timer = None
        file = self._storage.file
        if file is None:
            return
        self._writing = True
        try:
            self._context.background().spawn(self._write(file), "drafts")
        except AntiphonError:
            self._writing = False  # The client ends, and writes it then.

    async def _write(self, file: AccountFile) -> None:
        some = dict(self._unwritten)
        try:
            await file.run(lambda db: _keep(db, some), lasting=False)
        except FileUnusable as error:
            self._storage.failed(error)
            return
        finally:
            self._writing = False
        for place, written in some.items():
            if self._unwritten.get(place) == written:
                del self._unwritten[place]
        if self._unwritten:
            self._write_soon()


def _keep(db: sqlite3.Connection, drafts: Mapping[Place, tuple[str, float]]) -> None:
    for place, (text, at) in drafts.items():
        newer = "SELECT 1 FROM drafts WHERE place = ? AND written_at > ? AND written_at <= ?"
        # A time that lies ahead was written before a clock was set back.
        if db.execute(newer, (_key(place), at, at + 86_400)).fetchone() is not None:
            continue
        if text:
            db.execute("INSERT OR REPLACE INTO drafts VALUES (?, ?, ?)", (_key(place), text, at))
        else:
            db.execute("DELETE FROM drafts WHERE place = ?", (_key(place),))
    db.execute(
        "DELETE FROM drafts WHERE place NOT IN (SELECT place FROM drafts ORDER BY written_at DESC LIMIT ?)",
        (MOST_DRAFTS,),
    )


def _key(place: Place) -> str:
    return json.dumps(place)


def _place(key: str) -> Place:
    kind, id_ = json.loads(key)
    return (str(kind), str(id_))
