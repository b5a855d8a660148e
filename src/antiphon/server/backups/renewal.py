"""Beginning anew when the database was restored under a running server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from antiphon.server.backups.mark import GENERATION
from antiphon.server.storage.database import Database
from antiphon.server.storage.tables.accounts import stored_config

logger = logging.getLogger("antiphon.server")

LOOK_SECONDS = 2.0


class Renewal:
    """Watches the mark that each restore sets. `renew` drops what is kept in memory."""

    def __init__(
        self, database: Database, renew: Callable[[], Awaitable[None]], *, every: float = LOOK_SECONDS
    ) -> None:
        self._database = database
        self._renew = renew
        self._every = every
        self._known: str | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Note the mark of now and begin to watch it."""
        self._known = await self._mark()
        self._task = asyncio.create_task(self._watch(), name="watch for a restored database")

    async def close(self) -> None:
        """Watch no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                mark = await self._mark()
                if mark == self._known:
                    continue
                logger.warning("the database was restored; everybody is told to come back")
                await self._renew()
                self._known = mark
            except (SQLAlchemyError, OSError):
                # The database is away: its users say so already, and this looks again.
                logger.debug("the database could not be asked whether it was restored", exc_info=True)

    async def _mark(self) -> str | None:
        statement = select(stored_config.c.value).where(stored_config.c.key == GENERATION)
        async with self._database.read() as connection:
            return (await connection.execute(statement)).scalar()
