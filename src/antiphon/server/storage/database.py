"""One database: reading as often as one likes, writing one transaction at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Table
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon.server.storage.address import shown
from antiphon.server.storage.clock import Clock
from antiphon.server.storage.engines import open_engines
from antiphon.server.storage.migrations import newest_revision

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert as PostgresInsert


class DatabaseUnusable(OSError):
    """The database does not let us in, or is none; the text is one line that names it and says why."""


class Database:
    """The engine, its one writer lock and its clock. `url` is `sqlite:///file` or a PostgreSQL address.

    `read()` and `write()` are transactions: `async with database.write() as connection: …`. A write begins as
    a writer (`BEGIN IMMEDIATE`, or PostgreSQL's advisory lock), so it never fails half-way for want of the
    lock, and writes follow one another, also those of other processes, so that `clock.nanoseconds()` taken
    inside one orders rows as they became visible. What follows the block runs before the next writer's own
    end, as long as nothing is awaited in between: emit there, and events leave in the stored order.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = Clock()
        self._writing = asyncio.Lock()
        self._engines = open_engines(url)

    @property
    def engine(self) -> AsyncEngine:
        """The pool of connections."""
        return self._engines.pool

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that sees one state of the database throughout, and changes nothing."""
        async with self._engines.readers.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that is stored when the block ends, or not at all if it raises."""
        async with self._writing, self._engines.writers.begin() as connection:
            await self._engines.become_writer(connection)
            yield connection

    def insert(self, table: Table) -> SqliteInsert | PostgresInsert:
        """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update` in this database's
        words.
        """
        return self._engines.insert(table)

    async def migrate(self) -> None:
        """Bring the schema to the newest revision; costs one query when it is there already.

        Raises `DatabaseUnusable`.
        """
        try:
            async with self._engines.readers.connect() as connection:
                stored = await connection.run_sync(_stored_revision)
        except (OSError, DBAPIError) as error:
            raise DatabaseUnusable(
                f"the database {shown(self.url)} cannot be used: {_reason(error)}"
            ) from error
        if stored == await asyncio.to_thread(newest_revision):
            return
        # Alembic reads files and takes a good part of a start's time to import, and most starts have nothing
        # to migrate: so only now, and in a thread.
        await asyncio.to_thread(_migrate, self.url)

    async def close(self) -> None:
        """Give back every connection and its thread."""
        await self.engine.dispose()


def _migrate(url: str) -> None:
    """Migrate in a thread and a loop of its own, which Alembic may hold up with its files."""
    from antiphon.server.storage.migrations.upgrade import upgrade  # noqa: PLC0415 - see `Database.migrate`

    database = Database(url)

    async def migrate() -> None:
        try:
            async with database.write() as connection:
                await connection.run_sync(upgrade)
        finally:
            await database.close()

    asyncio.run(migrate())


def _stored_revision(connection: Connection) -> str | None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _reason(error: OSError | DBAPIError) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return " ".join(str(cause).split()) or type(cause).__name__
