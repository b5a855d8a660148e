"""Servers for the tests of the server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.postgres import PostgresServer, running_postgres
from tests.server.serving import Person, Server, serving


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL."""
    with running_postgres() as running:
        yield running


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database: SQLite, or what `on_both_databases` asks for."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield f"sqlite:///{tmp_path / 'a.db'}"
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    with postgres.database() as url:
        yield url


@pytest.fixture
async def server(tmp_path: Path, database_url: str) -> AsyncIterator[Server]:
    """An empty server."""
    async with serving(tmp_path / "data", database_url=database_url) as running:
        yield running


@pytest.fixture
async def admin(server: Server) -> Person:
    """The first account, an administrator."""
    return await server.sign_up("Ada")


@pytest.fixture
async def bob(server: Server, admin: Person) -> Person:
    """An ordinary person."""
    return await server.sign_up("Bob")


@pytest.fixture
async def cleo(server: Server, bob: Person) -> Person:
    """Another one."""
    return await server.sign_up("Cleo")
