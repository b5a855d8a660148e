"""Who is signed in: an opaque cookie in the browser, the server's token only here (W-83).

The store is one SQLite file of mode 600. The cookie's value is kept hashed: the file alone signs nobody in.
"""

from __future__ import annotations

import hashlib
import math
import os
import secrets
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COOKIE: Final = "antiphon_session"
_ID_BYTES: Final = 32
_TOUCH_EVERY: Final = 3600
"""A visit is written at most once an hour: the lifetime is counted in days."""


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in of one browser."""

    key: str
    """The hash of the cookie's value: names the session on this side without being the cookie."""
    token: str
    """The server's token."""
    user_id: str
    name: str
    email: str
    role: str


@dataclass(frozen=True, slots=True)
class Visit:
    """Who comes; `renew` is set about once an hour: the seconds for which the cookie is to be set anew."""

    session: Session
    renew: int | None = None


@dataclass(slots=True)
class _Held:
    session: Session
    seen_at: float
    began_at: float


class Sessions:
    """The signed-in browsers, kept in memory and in `path`.

    Reading never touches the disk; starting and ending a session are written before they are answered.
    `lifetime` is in seconds and counts from the last visit; `longest` counts from the sign-in, however often
    one comes.
    """

    def __init__(
        self,
        path: Path,
        *,
        lifetime: float,
        longest: float = math.inf,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._now = now
        self._lifetime = lifetime
        self._longest = longest
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=DELETE")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS sessions (key TEXT PRIMARY KEY, token TEXT NOT NULL,"
            " user_id TEXT NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, role TEXT NOT NULL,"
            " seen_at INTEGER NOT NULL, began_at INTEGER)"
        )
        if "began_at" not in {row[1] for row in self._database.execute("PRAGMA table_info(sessions)")}:
            self._database.execute("ALTER TABLE sessions ADD COLUMN began_at INTEGER")
        self._database.execute("DELETE FROM sessions WHERE seen_at < ?", (int(now() - lifetime),))
        # Of a sign-in from before `began_at` was kept, the last visit is the earliest moment that is known.
        self._database.execute("UPDATE sessions SET began_at = seen_at WHERE began_at IS NULL")
        self._held: dict[str, _Held] = {
            row[0]: _Held(Session(*row[:6]), float(row[6]), float(row[7]))
            for row in self._database.execute(
                "SELECT key, token, user_id, name, email, role, seen_at, began_at FROM sessions"
            )
        }
        self._lock = anyio.Lock()

    async def start(
        self, *, token: str, user_id: str, name: str, email: str, role: str
    ) -> tuple[str, Session]:
        """Keep a sign-in; return the cookie's value, which is stored nowhere, and the session."""
        value = secrets.token_urlsafe(_ID_BYTES)
        session = Session(_hashed(value), token, user_id, name, email, role)
        seen = self._now()
        await self._write(
            "INSERT INTO sessions (key, token, user_id, name, email, role, seen_at, began_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (session.key, token, user_id, name, email, role, int(seen), int(seen)),
        )
        self._held[session.key] = _Held(session, seen, seen)
        return value, session

    @property
    def first(self) -> int:
        """Seconds for which the browser keeps the cookie of a new session."""
        return int(min(self._lifetime, self._longest))

    async def visit(self, value: str | None) -> Visit | None:
        """Take note of a visit: whose it is, by a cookie's value, if the session is known and not too old."""
        if not value:
            return None
        held = self._held.get(_hashed(value))
        if held is None:
            return None
        session, now = held.session, self._now()
        left = held.began_at + self._longest - now
        if now - held.seen_at > self._lifetime or left <= 0:
            await self.end(session)
            return None
        if now - held.seen_at <= _TOUCH_EVERY:
            return Visit(session)
        held.seen_at = now
        await self._write("UPDATE sessions SET seen_at = ? WHERE key = ?", (int(now), session.key))
        return Visit(session, renew=int(min(self._lifetime, left)))

    def current(self) -> tuple[Session, ...]:
        """Give the sessions that are neither too old nor ended."""
        now = self._now()
        return tuple(
            held.session
            for held in self._held.values()
            if now - held.seen_at <= self._lifetime and held.began_at + self._longest > now
        )

    async def end(self, session: Session) -> None:
        """Forget a session; the cookie that names it is worth nothing from here on."""
        self._held.pop(session.key, None)
        await self._write("DELETE FROM sessions WHERE key = ?", (session.key,))

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    async def _write(self, statement: str, values: tuple[object, ...]) -> None:
        async with self._lock:
            await anyio.to_thread.run_sync(lambda: self._database.execute(statement, values))


def _hashed(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
