"""The database: its schema, its one writer, and that it outlives the process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, func, insert, select
from tests.server.serving import Person, serving

import antiphon.server.storage.tables.chats  # noqa: F401 - so that its tables are compared too
from antiphon.server.storage.clock import Clock
from antiphon.server.storage.database import Database, asynchronous
from antiphon.server.storage.tables import accounts, channels
from antiphon.server.storage.tables.base import metadata


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / "a.db"


@pytest.fixture
def database(file: Path) -> Database:
    """An empty database."""
    return Database(f"sqlite:///{file}")


@pytest.fixture
def other(file: Path) -> Database:
    """The same database, as another process has it open."""
    return Database(f"sqlite:///{file}")


async def test_the_migrations_make_what_the_tables_say(file: Path, database: Database) -> None:
    """The schema has one definition, and a history that ends there."""
    await database.migrate()
    await database.migrate()
    await database.close()

    def differences() -> list[object]:
        engine = create_engine(f"sqlite:///{file}")
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            found = compare_metadata(context, metadata)
        engine.dispose()
        return list(found)

    assert metadata.tables.keys() >= {accounts.users.name, channels.messages.name, "chats"}
    assert await asyncio.to_thread(differences) == []


async def test_what_was_said_outlives_the_server(tmp_path: Path) -> None:
    """A restart keeps accounts, sessions, channels and messages."""
    async with serving(tmp_path / "data") as server:
        bob = await server.sign_up("Bob")
        general = await bob.general()
        await bob.say(general, "before", temp_id="t")
        await bob.post("/api/v1/auths/admin/config", {"ENABLE_SIGNUP": False})
        gone = await server.nobody.post(
            "/api/v1/auths/signin", {"email": "bob@example.com", "password": "a-good-password"}
        )
        await Person(server.url, server.http, gone).post("/api/v1/auths/signout")
    async with serving(tmp_path / "data") as server:
        bob = Person(server.url, server.http, bob.session)
        await bob.say(general, "once more", temp_id="t")
        assert [one["content"] for one in await bob.get(f"/api/v1/channels/{general}/messages")] == ["before"]
        assert (await bob.get("/api/v1/auths/admin/config"))["ENABLE_SIGNUP"] is False
        assert (await Person(server.url, server.http, gone).ask("GET", "/api/v1/auths/")).status == 401


async def test_a_write_that_fails_leaves_nothing(database: Database) -> None:
    """All of a transaction, or none; and the next writer is not kept waiting."""
    await database.migrate()
    row = {"jti": "a", "expires_at": 1}

    async def broken() -> None:
        async with database.write() as connection:
            await connection.execute(insert(accounts.revoked_tokens), row)
            raise LookupError

    with pytest.raises(LookupError):
        await broken()
    async with database.read() as connection:
        counted = await connection.execute(select(func.count()).select_from(accounts.revoked_tokens))
        assert counted.scalar() == 0
    async with database.write() as connection:
        await connection.execute(insert(accounts.revoked_tokens), row)
    await database.close()


async def test_writers_wait_for_one_another_and_readers_do_not(database: Database, other: Database) -> None:
    """Many at once, in one process and from another connection: nothing is lost to a lock."""
    await database.migrate()

    async def write(one: Database, name: str) -> None:
        async with one.write() as connection:
            await connection.execute(insert(accounts.revoked_tokens), {"jti": name, "expires_at": 1})

    async def read() -> int:
        async with database.read() as connection:
            counted = await connection.execute(select(func.count()).select_from(accounts.revoked_tokens))
            return int(counted.scalar_one())

    await asyncio.gather(
        *(write(database, f"a{n}") for n in range(20)),
        *(write(other, f"b{n}") for n in range(20)),
        *(read() for _ in range(20)),
    )
    assert await read() == 40
    await database.close()
    await other.close()


def test_the_clock_never_repeats_itself() -> None:
    """Times order what is stored, so two are never the same."""
    clock = Clock()
    times = [clock.nanoseconds() for _ in range(2_000)]
    assert times == sorted(set(times))


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:////tmp/a.db", "sqlite+aiosqlite:////tmp/a.db"),
        ("postgresql://u:p%40@h:5/n", "postgresql+asyncpg://u:p%40@h:5/n"),
        ("postgres://u@h/n", "postgresql+asyncpg://u@h/n"),
    ],
)
def test_addresses_get_the_driver_that_awaits(url: str, driver: str) -> None:
    """As people write them, and as Open WebUI takes them; a password stays whole."""
    assert asynchronous(url) == driver
