"""Taking a backup while the server runs: one state of the database, read in one transaction."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.server.backups.archive import BackupWriter
from antiphon.server.files.shelf import Shelf
from antiphon.server.storage.database import Database
from antiphon.server.storage.migrations import newest_revision
from antiphon.server.storage.tables.files import files
from antiphon.server.storage.tables.schema import all_tables

BATCH = 500
"""Rows that are held in memory at a time."""

Progress = Callable[[str, int, int], None]
"""Is told a table's name, how many of all rows are done, and how many there are."""


async def take_backup(
    database: Database, shelf: Shelf, path: Path, *, version: str, progress: Progress
) -> dict[str, int]:
    """Write everything the server keeps into a file; gives the number of rows by table.

    The schema must be the newest one (`Database.migrate`). When anything goes wrong there is no file.
    """
    writer = await asyncio.to_thread(_writer, path, version)
    done = False
    try:
        async with database.read() as connection:
            counts = await _counts(connection)
            await _write_tables(connection, writer, counts, progress)
            await _add_files(connection, shelf, writer, counts, progress)
        await asyncio.to_thread(writer.finish)
        done = True
    finally:
        if not done:
            await asyncio.to_thread(writer.abandon)
    return counts


def _writer(path: Path, version: str) -> BackupWriter:
    return BackupWriter(path, version=version, revision=newest_revision(), made_at=int(time.time()))


async def _counts(connection: AsyncConnection) -> dict[str, int]:
    counts = {}
    for table in all_tables():
        counts[table.name] = (await connection.execute(select(func.count()).select_from(table))).scalar_one()
    return counts


async def _write_tables(
    connection: AsyncConnection, writer: BackupWriter, counts: dict[str, int], progress: Progress
) -> None:
    done, total = 0, sum(counts.values())
    for table in all_tables():
        progress(table.name, done, total)
        await asyncio.to_thread(writer.begin_table, table.name, [column.name for column in table.columns])
        rows = await connection.stream(select(table))
        async for some in rows.partitions(BATCH):
            await asyncio.to_thread(writer.write, some)
            done += len(some)
            progress(table.name, done, total)


async def _add_files(
    connection: AsyncConnection,
    shelf: Shelf,
    writer: BackupWriter,
    counts: dict[str, int],
    progress: Progress,
) -> None:
    total = counts[files.name]
    ids = (await connection.execute(select(files.c.id))).scalars().all()
    for done, file_id in enumerate(ids):
        progress("uploads", done, total)
        await asyncio.to_thread(_add_file, shelf, writer, file_id)


def _add_file(shelf: Shelf, writer: BackupWriter, file_id: str) -> None:
    for place in (shelf.path(file_id), shelf.thumbnail(file_id)):
        # A file may be deleted while the backup is taken; its record then leads nowhere, as it does there.
        with contextlib.suppress(FileNotFoundError):
            writer.add_file(place.name, place)
