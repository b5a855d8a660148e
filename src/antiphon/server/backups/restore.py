"""Putting a backup back, whole or not at all, while the server runs."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import MetaData, Table, delete, func, insert, select
from sqlalchemy.engine import Connection, create_engine
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.server.backups.archive import BackupReader, BadBackup, Content
from antiphon.server.backups.mark import GENERATION
from antiphon.server.backups.take import BATCH, Progress
from antiphon.server.files.shelf import Shelf
from antiphon.server.storage.database import Database
from antiphon.server.storage.migrations import newest_revision, revisions
from antiphon.server.storage.tables.accounts import revoked_tokens, stored_config, users
from antiphon.server.storage.tables.schema import all_tables


class NotEmpty(Exception):
    """The database holds accounts already, and nobody said that they are to be replaced."""

    def __init__(self, accounts: int) -> None:
        super().__init__(
            f"the database holds {accounts} accounts already; --replace replaces everything in it"
        )


async def restore(
    database: Database, shelf: Shelf, path: Path, *, replace: bool, progress: Progress
) -> tuple[Content, dict[str, int]]:
    """Put a backup's rows in the place of all there are; gives what it was, and the rows by table.

    The schema must be the newest one (`Database.migrate`); an older backup is brought up to it on the way.
    It is one transaction: whoever reads meanwhile sees the old state, and an error leaves that as it is.
    Tokens that were taken back since the backup was made stay taken back. Raises `BadBackup` or `NotEmpty`.
    """
    reader = await asyncio.to_thread(BackupReader, path)
    source: _Source | None = None
    try:
        source = await asyncio.to_thread(_opened, reader)
        async with database.write() as connection:
            if not replace:
                await _must_be_empty(connection)
            counts = await _put(connection, source, progress)
            # Before the rows are seen by anyone. What stands here already under an id is the same bytes.
            await asyncio.to_thread(_put_files, reader, shelf, progress)
            return reader.content, counts
    finally:
        if source is not None:
            await asyncio.to_thread(source.close)
        await asyncio.to_thread(reader.close)


def _put_files(reader: BackupReader, shelf: Shelf, progress: Progress) -> None:
    shelf.open()
    names = reader.files()
    for done, name in enumerate(names):
        progress("uploads", done, len(names))
        try:
            place = shelf.path(name.removesuffix(".webp"))
        except ValueError:
            raise BadBackup(
                f"the backup is damaged (an upload called {name!r}); nothing was changed"
            ) from None
        place = place.with_name(name)
        if place.exists():
            continue
        try:
            with reader.open_file(name) as source:
                incoming = shelf.take(source)
        except zipfile.BadZipFile as error:
            raise BadBackup(f"the backup is damaged ({error}); nothing was changed") from None
        place.parent.mkdir(mode=0o700, exist_ok=True)
        incoming.path.replace(place)


class _Source(Protocol):
    """Rows in today's shape, by table."""

    def count(self, table: Table) -> int: ...

    def rows(self, table: Table) -> Iterator[list[dict[str, Any]]]: ...

    def close(self) -> None: ...


def _opened(reader: BackupReader) -> _Source:
    if reader.content.revision not in revisions():
        raise BadBackup(f"the backup was made by a newer Antiphon ({reader.content.version}); update first")
    return _Archive(reader) if reader.content.revision == newest_revision() else _Upgraded(reader)


class _Archive:
    """A backup whose schema is today's."""

    def __init__(self, reader: BackupReader) -> None:
        self._reader = reader

    def count(self, table: Table) -> int:
        return self._reader.content.rows.get(table.name, 0)

    def rows(self, table: Table) -> Iterator[list[dict[str, Any]]]:
        if table.name in self._reader.content.rows:
            yield from self._reader.rows(table.name, BATCH)

    def close(self) -> None:
        """Nothing was opened."""


class _Upgraded:
    """An older backup, brought up to today's schema in a database of its own."""

    def __init__(self, reader: BackupReader) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="antiphon-restore-")
        self._engine = create_engine(f"sqlite:///{Path(self._folder.name) / 'older.db'}")
        try:
            with self._engine.begin() as connection:
                _bring_up(connection, reader)
            self._connection = self._engine.connect()
        except BaseException:  # what was opened is closed, and the cause goes on
            self._engine.dispose()
            self._folder.cleanup()
            raise

    def count(self, table: Table) -> int:
        return int(self._connection.execute(select(func.count()).select_from(table)).scalar_one())

    def rows(self, table: Table) -> Iterator[list[dict[str, Any]]]:
        result = self._connection.execute(select(table))
        for some in result.mappings().partitions(BATCH):
            yield [dict(row) for row in some]

    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()
        self._folder.cleanup()


def _bring_up(connection: Connection, reader: BackupReader) -> None:
    from antiphon.server.storage.migrations.upgrade import upgrade  # noqa: PLC0415 - see `Database.migrate`

    upgrade(connection, reader.content.revision)
    older = MetaData()
    older.reflect(connection)
    for name in reader.content.rows:
        if name not in older.tables:
            raise BadBackup(f"the backup is damaged (there was never a table {name!r})")
        for some in reader.rows(name, BATCH):
            connection.execute(insert(older.tables[name]), some)
    upgrade(connection)


async def _must_be_empty(connection: AsyncConnection) -> None:
    accounts = (await connection.execute(select(func.count()).select_from(users))).scalar_one()
    if accounts:
        raise NotEmpty(accounts)


async def _put(connection: AsyncConnection, source: _Source, progress: Progress) -> dict[str, int]:
    tables = all_tables()
    counts = {table.name: await asyncio.to_thread(source.count, table) for table in tables}
    done, total = 0, sum(counts.values())
    taken_back = (await connection.execute(select(revoked_tokens))).mappings().all()
    for table in reversed(tables):
        await connection.execute(delete(table))
    for table in tables:
        progress(table.name, done, total)
        batches = source.rows(table)
        while some := await asyncio.to_thread(next, batches, None):
            await connection.execute(insert(table), some)
            done += len(some)
            progress(table.name, done, total)
    known = set((await connection.execute(select(revoked_tokens.c.jti))).scalars())
    if again := [dict(row) for row in taken_back if row["jti"] not in known]:
        await connection.execute(insert(revoked_tokens), again)
    await connection.execute(delete(stored_config).where(stored_config.c.key == GENERATION))
    await connection.execute(insert(stored_config).values(key=GENERATION, value=str(uuid.uuid4())))
    return counts
