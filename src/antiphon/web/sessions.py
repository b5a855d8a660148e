"""Who is signed in: an opaque cookie in the browser, the server's token only here (W-83).

The store is one SQLite file of mode 600. The cookie's value is kept hashed: the file alone signs nobody in.
"""

from __future__ import annotations

import hashlib
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


class Sessions:
    """The signed-in browsers, kept in memory and in `path`.

    Reading never touches the disk; starting and ending a session are written before they are answered.
    `lifetime` is in seconds and counts from the last visit.
    """

    def __init__(self, path: Path, *, lifetime: float, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._lifetime = lifetime
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=DELETE")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS sessions (key TEXT PRIMARY KEY, token TEXT NOT NULL,"
            " user_id TEXT NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, role TEXT NOT NULL,"
            " seen_at INTEGER NOT NULL)"
        )
        self._database.execute("DELETE FROM sessions WHERE seen_at < ?", (int(now() - lifetime),))
        self._held: dict[str, tuple[Session, float]] = {
            row[0]: (Session(*row[:6]), float(row[6]))
            for row in self._database.execute(
                "SELECT key, token, user_id, name, email, role, seen_at FROM sessions"
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
            "INSERT INTO sessions (key, token, user_id, name, email, role, seen_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (session.key, token, user_id, name, email, role, int(seen)),
        )
        self._held[session.key] = (session, seen)
        return value, session

    async def find(self, value: str | None) -> Session | None:
        """Return the session of a cookie's value, if it is known and not too old."""
        if not value:
            return None
        held = self._held.get(_hashed(value))
        if held is None:
            return None
        session, seen = held
        now = self._now()
        if now - seen > self._lifetime:
            await self.end(session)
            return None
        if now - seen > _TOUCH_EVERY:
            self._held[session.key] = (session, now)
            await self._write("UPDATE sessions SET seen_at = ? WHERE key = ?", (int(now), session.key))
        return session

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
