"""How each of the two databases is opened, read and written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

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
    is_sqlite: bool

    async def become_writer(self, connection: AsyncConnection) -> None:
        """Wait, inside a writer's transaction, for writers of other processes; SQLite began with that."""
        if not self.is_sqlite:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITER_KEY})


def open_engines(url: str) -> Engines:
    """The engines for an address; connects to nothing yet."""
    return _sqlite(url) if url.startswith("sqlite:") else _postgresql(url)


def _sqlite(url: str) -> Engines:
    path = url.removeprefix("sqlite:///")
    pool = create_async_engine(f"sqlite+aiosqlite:///{path}", pool_size=_CONNECTIONS, max_overflow=0)
    event.listen(pool.sync_engine, "connect", _set_up_sqlite)
    event.listen(pool.sync_engine, "begin", _begin_sqlite)
    return Engines(pool, pool, pool.execution_options(antiphon_writes=True), is_sqlite=True)


def _postgresql(url: str) -> Engines:
    dsn = url.replace("postgresql+asyncpg:", "postgresql:", 1)

    async def connect(**_: object) -> Any:
        # asyncpg reads the whole address itself, so that `?sslmode=require` means what libpq means by it.
        import asyncpg  # type: ignore[import-untyped]  # noqa: PLC0415 - untyped; SQLite does without it

        return await asyncpg.connect(dsn, timeout=_CONNECT_SECONDS)

    pool = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, pool_size=_CONNECTIONS, max_overflow=0
    )
    event.listen(pool.sync_engine, "checkout", _replace_lost)
    readers = pool.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Engines(pool, readers, pool, is_sqlite=False)


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
