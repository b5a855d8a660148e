"""Servers for the tests of the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.server.serving import Person, Server, serving


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """An empty server."""
    async with serving(tmp_path / "data") as running:
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
