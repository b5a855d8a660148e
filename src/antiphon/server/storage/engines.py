"""How each of the two databases is opened, read and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, event, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert as PostgresInsert

# SQLite's readers each hold a thread; four keep two cores busy. One more connection is for the writer.
_CONNECTIONS = 5
_BUSY_TIMEOUT_MS = 5_000
_CONNECT_SECONDS = 10
# One number for all of ours in a PostgreSQL database, "antiphon" in bytes: whoever holds it may write.
_WRITER_KEY = int.from_bytes(b"antiphon")


@dataclass(frozen=True, slots=True)
class Engines:
    """One pool of connections, as readers and as writers take from it."""

    pool: AsyncEngine
    readers: AsyncEngine
    writers: AsyncEngine
    insert: Callable[[Table], sqlite.Insert | PostgresInsert]
    """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update` in this database's words."""
    writer_key: int | None = None
    """The advisory lock to wait for in a writer's transaction, where that does not begin as a writer's."""

    async def become_writer(self, connection: AsyncConnection) -> None:
        """Wait, at the begin of a writer's transaction, for the writers of other processes."""
        if self.writer_key is not None:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": self.writer_key})


def open_engines(url: str) -> Engines:
    """The engines for an address; connects to nothing yet."""
    return _sqlite(url) if url.startswith("sqlite:") else _postgresql(url)


def _sqlite(url: str) -> Engines:
    path = url.removeprefix("sqlite:///")
    pool = create_async_engine(
        f"sqlite+aiosqlite:///{path}", pool_size=_CONNECTIONS, max_overflow=0, hide_parameters=True
    )
    event.listen(pool.sync_engine, "connect", _set_up_sqlite)
    event.listen(pool.sync_engine, "begin", _begin_sqlite)
    return Engines(pool, pool, pool.execution_options(antiphon_writes=True), sqlite.insert)


def _postgresql(url: str) -> Engines:
    # Who keeps the data in SQLite starts without the dialect and the driver.
    from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415 - see above

    async def connect(**_: object) -> Any:
        # asyncpg reads the whole address itself, so that `?sslmode=require` means what libpq means by it.
        import asyncpg  # type: ignore[import-untyped]  # noqa: PLC0415 - untyped; see above

        return await asyncpg.connect(url, timeout=_CONNECT_SECONDS)

    pool = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=_CONNECTIONS,
        max_overflow=0,
        # A failed statement is logged, and what people write is in its parameters.
        hide_parameters=True,
    )
    event.listen(pool.sync_engine, "checkout", _replace_lost)
    readers = pool.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Engines(pool, readers, pool, insert, _WRITER_KEY)


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


def _replace_lost(dbapi_connection: Any, _record: object, _proxy: object) -> None:
    # The driver knows when the server closed a connection (it was restarted, say): asking it costs nothing,
    # where a ping costs a round trip for each transaction.
    if dbapi_connection.driver_connection.is_closed():
        raise DisconnectionError
