"""What is known about files: whose they are, who may fetch them, where they were shared."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, delete, exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.server.channels.directory import visible_to
from antiphon.server.errors import Problem
from antiphon.server.security.principals import Principal
from antiphon.server.storage.database import Database
from antiphon.server.storage.tables.channels import channels
from antiphon.server.storage.tables.files import file_shares, files

PAGE = 50
MOST_FILES = 20
"""Files that one message may carry."""


async def used_by(connection: AsyncConnection, user_id: str) -> int:
    """Give the bytes that a person's files take."""
    statement = select(func.coalesce(func.sum(files.c.size), 0)).where(files.c.user_id == user_id)
    return int((await connection.execute(statement)).scalar_one())


async def add(connection: AsyncConnection, **values: Any) -> None:
    """Store what is known of a new file."""
    now = int(time.time())
    await connection.execute(insert(files).values(created_at=now, updated_at=now, **values))


async def of_user(connection: AsyncConnection, user_id: str, page: int) -> list[Row[Any]]:
    """Give a page of a person's files, the newest first."""
    chosen = select(files).where(files.c.user_id == user_id).order_by(files.c.created_at.desc(), files.c.id)
    rows = await connection.execute(chosen.limit(PAGE).offset((page - 1) * PAGE))
    return list(rows.all())


async def fetchable(
    connection: AsyncConnection, file_id: str, person: Principal, *, channels_on: bool
) -> Row[Any]:
    """Give a file that this person may fetch: their own, or one shared where they may read. 404 otherwise."""
    row = (await connection.execute(select(files).where(files.c.id == file_id))).first()
    if row is None or not (
        row.user_id == person.id
        or person.is_admin
        or (channels_on and await _shared_with(connection, file_id, person))
    ):
        raise Problem.not_found()
    return row


async def remove(connection: AsyncConnection, file_id: str) -> None:
    """Forget a file."""
    await connection.execute(delete(files).where(files.c.id == file_id))


async def share(
    database: Database,
    connection: AsyncConnection,
    data: dict[str, Any] | None,
    channel_id: str,
    person: Principal,
) -> None:
    """Let whoever reads a channel fetch the files that a message in it carries.

    `data` is the message's: `{files: [{id, …}, …]}`. What is no file of ours stays as it came. Refuses a file
    that the author may not fetch: naming an id must not open it.
    """
    ids = set(named(data))
    if len(ids) > MOST_FILES:
        raise Problem(400, f"A message carries at most {MOST_FILES} files.")
    if not ids:
        return
    known = (await connection.execute(select(files.c.id, files.c.user_id).where(files.c.id.in_(ids)))).all()
    for row in known:
        if row.user_id != person.id and not await _shared_with(connection, row.id, person):
            raise Problem(403, "The message names a file that is not yours to share.")
        statement = database.insert(file_shares).values(file_id=row.id, channel_id=channel_id)
        await connection.execute(statement.on_conflict_do_nothing())


def named(data: dict[str, Any] | None) -> Iterable[str]:
    """Give the ids of the files that a message's data names."""
    listed = (data or {}).get("files")
    for entry in listed if isinstance(listed, list) else ():
        file_id = entry.get("id") if isinstance(entry, dict) else None
        if isinstance(file_id, str) and 0 < len(file_id) <= 64:
            yield file_id


async def _shared_with(connection: AsyncConnection, file_id: str, person: Principal) -> bool:
    readable = exists().where(
        file_shares.c.file_id == file_id, channels.c.id == file_shares.c.channel_id, visible_to(person)
    )
    return bool((await connection.execute(select(readable))).scalar_one())
