"""One database: reading as often as one likes, writing one transaction at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from antiphon.server.storage.clock import Clock
from antiphon.server.storage.migrations import newest_revision

# SQLite's readers each hold a thread; four keep two cores busy.
_READERS = 4
_BUSY_TIMEOUT_MS = 5_000


def asynchronous(url: str) -> str:
    """The same address with the driver that awaits: `sqlite:///x` becomes `sqlite+aiosqlite:///x`."""
    parsed = make_url(url)
    drivers = {
        "sqlite": "sqlite+aiosqlite",
        "postgres": "postgresql+asyncpg",
        "postgresql": "postgresql+asyncpg",
    }
    name = drivers.get(parsed.drivername, parsed.drivername)
    return parsed.set(drivername=name).render_as_string(hide_password=False)


class Database:
    """The engine, its one writer lock and its clock.

    `read()` and `write()` are transactions: `async with database.write() as connection: …`. A write begins as
    a writer (`BEGIN IMMEDIATE`), so it never fails half-way for want of the lock, and writes follow one
    another, so that `clock.nanoseconds()` taken inside one orders rows as they became visible. What follows
    the block runs before the next writer's own end, as long as nothing is awaited in between: emit there, and
    events leave in the stored order.
    """

    def __init__(self, url: str) -> None:
        self.url = asynchronous(url)
        self.clock = Clock()
        self._writing = asyncio.Lock()
        self._sqlite = make_url(self.url).get_backend_name() == "sqlite"
        options: dict[str, Any] = {"pool_size": _READERS + 1, "max_overflow": 0}
        self.engine: AsyncEngine = create_async_engine(self.url, **options)
        if self._sqlite:
            event.listen(self.engine.sync_engine, "connect", _set_up_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin_sqlite)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that sees one state of the database throughout, and changes nothing."""
        async with self.engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that is stored when the block ends, or not at all if it raises."""
        async with self._writing, self.engine.connect() as connection:
            if self._sqlite:
                await connection.execution_options(antiphon_writes=True)
            async with connection.begin():
                yield connection

    def insert(self, table: Table) -> SqliteInsert | PostgresInsert:
        """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update` in this database's
        words.
        """
        return sqlite.insert(table) if self._sqlite else postgresql.insert(table)

    async def migrate(self) -> None:
        """Bring the schema to the newest revision; costs one query when it is there already."""
        async with self.engine.connect() as connection:
            stored = await connection.run_sync(_stored_revision)
        if stored == await asyncio.to_thread(newest_revision):
            return
        # Alembic reads files and takes a good part of a start's time to import, and most starts have nothing
        # to migrate: so only now, and in a thread.
        async with self._writing:
            await asyncio.to_thread(_migrate, self.url)

    async def close(self) -> None:
        """Give back every connection and its thread."""
        await self.engine.dispose()


def _migrate(url: str) -> None:
    """Migrate in a thread of its own, where Alembic may wait for files."""
    from antiphon.server.storage.migrations.upgrade import upgrade  # noqa: PLC0415 - see `Database.migrate`

    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed.set(drivername="sqlite"), execution_options={"antiphon_writes": True})
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        with engine.begin() as connection:
            upgrade(connection)
        engine.dispose()
        return

    async def migrate() -> None:
        # asyncpg is the one driver for PostgreSQL that we need, and it only awaits.
        database = Database(url)
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


def _set_up_sqlite(dbapi_connection: Any, _record: object) -> None:
    # Without this the driver would decide itself when a transaction begins; see _begin_sqlite.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
        "cache_size=-4000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("antiphon_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
