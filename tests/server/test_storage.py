"""The database: its schema, its one writer, and that it outlives the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, insert, select
from sqlalchemy.engine import Connection
from tests.postgres import on_both_databases
from tests.server.serving import Person, serving

import antiphon.server.storage.tables.chats  # noqa: F401 - so that its tables are compared too
from antiphon.server.storage.database import Database
from antiphon.server.storage.tables import accounts, channels
from antiphon.server.storage.tables.base import metadata

pytestmark = on_both_databases


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An empty database."""
    opened = await asyncio.to_thread(Database, database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[Database]:
    """The same database, as another process has it open."""
    opened = await asyncio.to_thread(Database, database_url)
    yield opened
    await opened.close()


async def test_the_migrations_make_what_the_tables_say(database: Database) -> None:
    """The schema has one definition, and a history that ends there; once there it stays."""

    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "include_object": _is_no_index_of_words}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))

    await database.migrate()
    await database.migrate()
    async with database.read() as connection:
        assert await connection.run_sync(differences) == []
    assert metadata.tables.keys() >= {accounts.users.name, channels.messages.name, "chats"}


def _is_no_index_of_words(_thing: object, name: str | None, *_more: object) -> bool:
    """Each database has its own way of indexing words; see the migration."""
    return not str(name).startswith(("message_index", "message_words", "ix_messages_words"))


async def test_two_that_migrate_at_once_do_it_once(database: Database, other: Database) -> None:
    """Two processes that start on one empty database take turns, and both find it ready."""
    await asyncio.gather(database.migrate(), other.migrate())
    for one in (database, other):
        async with one.read() as connection:
            assert (await connection.execute(select(func.count()).select_from(accounts.users))).scalar() == 0


async def test_what_was_said_outlives_the_server(tmp_path: Path, database_url: str) -> None:
    """A restart keeps accounts, sessions, channels and messages."""
    async with serving(tmp_path / "data", database_url=database_url) as server:
        bob = await server.sign_up("Bob")
        general = await bob.general()
        await bob.say(general, "before", temp_id="t")
        await bob.post("/api/v1/auths/admin/config", {"ENABLE_SIGNUP": False})
        gone = await server.nobody.post(
            "/api/v1/auths/signin", {"email": "bob@example.com", "password": "a-good-password"}
        )
        await Person(server.url, server.http, gone).post("/api/v1/auths/signout")
    async with serving(tmp_path / "data", database_url=database_url) as server:
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


async def test_a_reader_sees_one_state_throughout(database: Database, other: Database) -> None:
    """What others store meanwhile is for the next transaction."""
    await database.migrate()
    counted = select(func.count()).select_from(accounts.revoked_tokens)
    async with database.read() as connection:
        assert (await connection.execute(counted)).scalar() == 0
        async with other.write() as writer:
            await writer.execute(insert(accounts.revoked_tokens), {"jti": "a", "expires_at": 1})
        assert (await connection.execute(counted)).scalar() == 0
    async with database.read() as connection:
        assert (await connection.execute(counted)).scalar() == 1
