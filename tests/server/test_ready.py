"""`/ready`: whether requests can be carried out now."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.postgres import PostgresServer
from tests.server.serving import Server, serving


async def test_a_server_is_ready_until_it_ends(server: Server) -> None:
    """Nobody has to sign in to ask; what balances load sees the end before connections are cut."""
    assert await server.nobody.get("/ready") == {"status": True}
    await server.app.drain()
    refused = await server.nobody.ask("GET", "/ready")
    assert (refused.status, "going down" in refused.detail) == (503, True)
    assert (await server.nobody.ask("GET", "/health")).status == 200


async def test_a_server_without_its_database_is_not_ready(tmp_path: Path, postgres: PostgresServer) -> None:
    """And is ready again with it, without a restart."""
    with postgres.database() as url:
        name = url.rpartition("/")[2]
        async with serving(tmp_path / "data", database_url=url) as server:
            assert (await server.nobody.ask("GET", "/ready")).status == 200
            await asyncio.to_thread(postgres.sql, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await asyncio.to_thread(postgres.end_connections, name)
            try:
                refused = await server.nobody.ask("GET", "/ready")
                assert (refused.status, "database" in refused.detail) == (503, True)
                assert (await server.nobody.ask("GET", "/health")).status == 200
            finally:
                await asyncio.to_thread(postgres.sql, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            assert (await server.nobody.ask("GET", "/ready")).status == 200
