"""Who is there: heartbeats, last active times, and which models are being used."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from sqlalchemy import update

from antiphon.server.storage.database import Database
from antiphon.server.storage.tables.accounts import users
from antiphon.wire.outbound import Usage

if TYPE_CHECKING:
    from antiphon.server.live.live import Live, Session

ACTIVE_SECONDS = 180
"""How long a person counts as there after their last sign of life."""
_WRITE_EVERY = 60.0
_USAGE_SECONDS = 3.0
_MODELS_PER_SOCKET = 8
_LONGEST_MODEL = 256


class Presence:
    """Writes a person's last active time at most once a minute, however many windows send heartbeats."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live
        self._written: dict[str, float] = {}
        self._in_use: dict[str, dict[str, float]] = {}
        live.on("heartbeat", self._heartbeat)
        live.on("usage", self._usage)
        live.on_arrival(self._seen)
        live.on_departure(self._gone)

    def is_active(self, user_id: str, last_active_at: int | None) -> bool:
        """Whether a person is there: by a socket, or seen within the last three minutes."""
        if self._live.sessions_of(user_id):
            return True
        return last_active_at is not None and time.time() - last_active_at <= ACTIVE_SECONDS

    def models_in_use(self) -> list[str]:
        """The models that sockets said within the last three seconds to be using."""
        since = time.monotonic() - _USAGE_SECONDS
        return sorted({model for use in self._in_use.values() for model, at in use.items() if at >= since})

    async def touch(self, user_id: str) -> None:
        """Note that a person is there now."""
        now = time.monotonic()
        if now - self._written.get(user_id, -_WRITE_EVERY) < _WRITE_EVERY:
            return
        self._written[user_id] = now
        async with self._database.write() as connection:
            await connection.execute(
                update(users).where(users.c.id == user_id).values(last_active_at=int(time.time()))
            )

    async def _heartbeat(self, session: Session, _payload: dict[str, Any]) -> None:
        assert session.principal is not None  # noqa: S101 - handlers are for signed-in sockets; tells mypy so
        await self.touch(session.principal.id)

    async def _seen(self, session: Session) -> None:
        await self._heartbeat(session, {})

    async def _gone(self, session: Session) -> None:
        self._in_use.pop(session.sid, None)
        if session.principal is not None and self._live.sessions_of(session.principal.id) == (session.sid,):
            # The last window: what is remembered of a person ends with it.
            await self.touch(session.principal.id)
            self._written.pop(session.principal.id, None)

    async def _usage(self, session: Session, payload: dict[str, Any]) -> None:
        try:
            usage = Usage.load(payload)
        except ValidationError:
            usage = None
        if usage is None or len(usage.model) > _LONGEST_MODEL:
            self._live.ignored["usage"] += 1
            return
        use = self._in_use.setdefault(session.sid, {})
        if usage.model in use or len(use) < _MODELS_PER_SOCKET:
            use[usage.model] = time.monotonic()
