"""Claims: of all processes of one person on one machine, one tells of an event (W-57, W-58, W-59).

A claim is an event's id with the process that tells it, or has it on screen. The process in which the person
looked at a window last claims at once; the others give it a moment, and one of them takes over when it stays
silent, because it is gone. Claims live in the account's file; without one they hold within this process.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from uuid import uuid4
from weakref import WeakValueDictionary

from antiphon.client.kept.account_file import AccountFile, FileUnusable

log = logging.getLogger(__name__)

Held = TypeVar("Held")

KEPT_FOR = 24 * 3600.0
"""Seconds for which a claim is kept. An event comes to all processes within moments."""
MOST_KEPT = 5_000
"""Claims that are kept, the newest ones."""
SOUND_GAP = 2.0
"""Seconds from one sound to the next: they must not play over one another (W-59)."""
AGAIN = 60.0
"""Seconds after which a file that could not be used is tried again."""
CLEARED_EVERY = 200
"""Claims after which old ones are looked for."""

SCHEMA = (
    "CREATE TABLE attention_claims (event TEXT PRIMARY KEY, at REAL NOT NULL, sound INTEGER NOT NULL)",
    "CREATE INDEX attention_claims_at ON attention_claims (at)",
    # The processes whose windows the person has looked at, and when last.
    "CREATE TABLE attention_owners (owner TEXT PRIMARY KEY, looked_at REAL NOT NULL) WITHOUT ROWID",
    # How far the messages of a channel (ns) have been told on this machine, or needed no telling.
    "CREATE TABLE attention_places (place TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID",
)


@dataclass(frozen=True, slots=True)
class Wish:
    """An event that this process would tell. `seen`: it is on screen here, nobody need tell it.

    `place` and `until` (ns) say how far a channel is known with it; without an `id` that is all it says.
    `beyond`: it is claimed only if nobody has come that far.
    """

    id: str
    sound: bool = False
    seen: bool = False
    place: str | None = None
    until: int = 0
    beyond: bool = False


@dataclass(slots=True)
class Granted:
    """What may be told, by id, and whether with a sound; and what waits for a process that comes first."""

    sounds: dict[str, bool] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)


class InProcess:
    """The claims of one account within this process."""

    def __init__(self) -> None:
        self.claimed: OrderedDict[str, None] = OrderedDict()
        self.places: OrderedDict[str, int] = OrderedDict()
        self.sounded_at = float("-inf")

    def free(self, wish: Wish) -> bool:
        """Whether nobody in this process has claimed it."""
        if wish.beyond and wish.place is not None and self.places.get(wish.place, 0) >= wish.until:
            return False
        return wish.id not in self.claimed

    def take(self, wish: Wish) -> None:
        """Claim it."""
        if wish.id:
            _keep(self.claimed, wish.id, None)
        if wish.place is not None:
            _keep(self.places, wish.place, max(wish.until, self.places.get(wish.place, 0)))

    def sound(self, wish: Wish, now: float) -> bool:
        """Whether it may sound; the next one may not for a moment."""
        if not wish.sound or 0 <= now - self.sounded_at < SOUND_GAP:
            return False
        self.sounded_at = now
        return True


_IN_PROCESS: WeakValueDictionary[tuple[str, str], InProcess] = WeakValueDictionary()


def in_process(url: str, user_id: str) -> InProcess:
    """Give the claims of an account that all clients of this process share."""
    found = _IN_PROCESS.get((url, user_id))
    if found is None:
        found = _IN_PROCESS[url, user_id] = InProcess()
    return found


class Claims:
    """One client's claims. `file` gives the account's file, or None where nothing is kept on disk.

    `now` gives unix seconds.
    """

    def __init__(
        self,
        here: InProcess,
        file: Callable[[], Awaitable[AccountFile | None]],
        now: Callable[[], float],
    ) -> None:
        self._here = here
        self._file = file
        self._now = now
        self._owner = uuid4().hex
        self._ready: AccountFile | None = None
        self._not_before = float("-inf")
        self._said = False
        self._since_cleared = CLEARED_EVERY  # the first claim of a process clears what others left

    async def claim(
        self, wishes: Sequence[Wish], looked_at: float = 0.0, *, last_call: bool = False
    ) -> Granted:
        """Claim some events; `looked_at` is when a window of this process was last looked at (0: never, or
        there is none, or nobody here tells the person anything).

        `last_call`: a process that comes first has had its moment.
        """
        free = [wish for wish in wishes if self._here.free(wish)]
        if not free:
            return Granted()
        file = await self._usable()
        if file is not None:
            work = partial(self._in_file, free, looked_at, last_call)
            try:
                granted = await file.run(work, lasting=False)
            except FileUnusable as error:
                self._unusable(error)
            else:
                for wish in free:
                    if wish.id not in granted.waiting:
                        self._here.take(wish)
                return granted
        return self._in_process(free)

    async def rank(self, looked_at: float) -> None:
        """Let other processes know when a window here was last looked at; 0: it comes before nobody."""
        file = await self._usable()
        if file is not None:
            try:
                await file.run(partial(self._rank, looked_at), lasting=False)
            except FileUnusable as error:
                self._unusable(error)

    async def _usable(self) -> AccountFile | None:
        now = self._now()
        if 0 <= now - self._not_before < AGAIN:
            return None
        file = await self._file()
        if file is not None and file is not self._ready:
            try:
                await file.schema("attention", SCHEMA)
            except FileUnusable as error:
                self._unusable(error)
                return None
            self._ready = file
        return file

    def _unusable(self, error: FileUnusable) -> None:
        self._ready = None
        self._not_before = self._now()
        if not self._said:
            self._said = True
            log.warning(
                "the account's file cannot be used (%s): another process may notify of the same events", error
            )

    def _in_process(self, wishes: Iterable[Wish]) -> Granted:
        granted = Granted()
        for wish in wishes:
            if self._here.free(wish):  # one batch may hold an event twice
                self._here.take(wish)
                if wish.id and not wish.seen:
                    granted.sounds[wish.id] = self._here.sound(wish, self._now())
        return granted

    # In the file's thread

    def _in_file(
        self, wishes: Sequence[Wish], looked_at: float, last_call: bool, db: sqlite3.Connection
    ) -> Granted:
        now, granted = self._now(), Granted()
        self._rank(looked_at, db)
        later = "SELECT 1 FROM attention_owners WHERE looked_at > ? LIMIT 1"
        first = db.execute(later, (looked_at,)).fetchone()
        for wish in wishes:
            if first is not None and not last_call and not wish.seen and wish.id:
                if _is_free(db, wish):
                    granted.waiting.add(wish.id)
                continue
            if wish.id and not _is_free(db, wish):
                continue
            if wish.place is not None:
                db.execute(
                    "INSERT INTO attention_places VALUES (?, ?)"
                    " ON CONFLICT (place) DO UPDATE SET until = max(until, excluded.until)",
                    (wish.place, wish.until),
                )
            if not wish.id:
                continue
            sound = wish.sound and not wish.seen and not _sounded(db, now)
            db.execute("INSERT INTO attention_claims VALUES (?, ?, ?)", (wish.id, now, sound))
            self._since_cleared += 1
            if not wish.seen:
                granted.sounds[wish.id] = sound
        if granted.sounds and first is not None:
            # It has left events untold: whoever it was is gone. If not, it comes back with its next claim.
            db.execute("DELETE FROM attention_owners WHERE looked_at > ?", (looked_at,))
        if self._since_cleared >= CLEARED_EVERY:
            self._since_cleared = 0
            _clear(db, now)
        return granted

    def _rank(self, looked_at: float, db: sqlite3.Connection) -> None:
        if looked_at:
            db.execute("INSERT OR REPLACE INTO attention_owners VALUES (?, ?)", (self._owner, looked_at))
        else:
            db.execute("DELETE FROM attention_owners WHERE owner = ?", (self._owner,))


def _is_free(db: sqlite3.Connection, wish: Wish) -> bool:
    if wish.beyond:
        row = db.execute("SELECT until FROM attention_places WHERE place = ?", (wish.place,)).fetchone()
        if row is not None and row[0] >= wish.until:
            return False
    return db.execute("SELECT 1 FROM attention_claims WHERE event = ?", (wish.id,)).fetchone() is None


def _sounded(db: sqlite3.Connection, now: float) -> bool:
    """Whether anybody on this machine sounds at this moment; a time ahead of us is a clock set back."""
    query = "SELECT 1 FROM attention_claims WHERE at > ? AND at <= ? AND sound LIMIT 1"
    return db.execute(query, (now - SOUND_GAP, now)).fetchone() is not None


def _clear(db: sqlite3.Connection, now: float) -> None:
    db.execute("DELETE FROM attention_claims WHERE at < ? OR at > ?", (now - KEPT_FOR, now + KEPT_FOR))
    oldest = db.execute(
        "SELECT at FROM attention_claims ORDER BY at DESC LIMIT 1 OFFSET ?", (MOST_KEPT,)
    ).fetchone()
    if oldest is not None:
        db.execute("DELETE FROM attention_claims WHERE at <= ?", (oldest[0],))


def _keep(kept: OrderedDict[str, Held], key: str, value: Held) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > MOST_KEPT:
        kept.popitem(last=False)
