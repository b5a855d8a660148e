"""Bringing the folder and the database together again after a crash between the two."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy import select

from antiphon.server.files.shelf import Shelf
from antiphon.server.storage.database import Database
from antiphon.server.storage.tables.files import files

logger = logging.getLogger("antiphon.server.files")

BATCH = 500


class Upkeep:
    """Once after each start: bytes that no row knows are thrown away, in the background."""

    def __init__(self, database: Database, shelf: Shelf) -> None:
        self._database = database
        self._shelf = shelf
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Make the folder, and begin."""
        await asyncio.to_thread(self._shelf.open)
        # Looked at before anything can be uploaded: what comes later is not on this list.
        there = await asyncio.to_thread(lambda: list(self._shelf.ids()))
        if there:
            self._task = asyncio.create_task(self._tidy(there), name="tidy the files")

    async def close(self) -> None:
        """Leave the rest for the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _tidy(self, there: list[str]) -> None:
        gone = 0
        for begin in range(0, len(there), BATCH):
            some = there[begin : begin + BATCH]
            async with self._database.read() as connection:
                rows = await connection.execute(select(files.c.id).where(files.c.id.in_(some)))
                known = set(rows.scalars())
            for file_id in set(some) - known:
                await asyncio.to_thread(self._shelf.remove, file_id)
                gone += 1
        if gone:
            logger.warning("%d uploads of the last time were never finished; they are thrown away", gone)
