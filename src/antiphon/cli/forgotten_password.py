"""A new password for an account whose owner forgot theirs, set by whoever runs the server."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from sqlalchemy import make_url, update

from antiphon.cli.failures import StartFailed
from antiphon.server.accounts.people import now_in_ms
from antiphon.server.security.passwords import hash_now, weakness_of
from antiphon.server.settings import ServerSettings
from antiphon.server.storage.address import shown
from antiphon.server.storage.database import Database
from antiphon.server.storage.tables.accounts import users


def set_password(settings: ServerSettings, email: str, password: str) -> None:
    """Store the password's hash and void the account's tokens; the server may be running meanwhile.

    A running server honours a token that it knows already for up to 15 s more.
    """
    if weakness := weakness_of(password):
        raise StartFailed(weakness)
    address = make_url(settings.database_address)
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").is_file():
        # A folder named wrongly must not become a new, empty server's.
        raise StartFailed(f"there is no account {email!r}, for there is no {address.database}")
    asyncio.run(_store(settings.database_address, email.strip().lower(), hash_now(password)))


async def _store(database_address: str, email: str, password_hash: str) -> None:
    now = int(time.time())
    statement = (
        update(users)
        .where(users.c.email == email)
        .values(password_hash=password_hash, tokens_from=now_in_ms(), kept_token=None, updated_at=now)
    )
    database = Database(database_address)
    try:
        await database.migrate()
        async with database.write() as connection:
            changed = (await connection.execute(statement)).rowcount
    finally:
        await database.close()
    if changed == 0:
        raise StartFailed(f"there is no account {email!r} in {shown(database_address)}")
