"""Messages as they travel: read in a fixed number of queries, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.server.storage.tables.accounts import users
from antiphon.server.storage.tables.channels import messages, reactions

_STORED = (
    "id",
    "user_id",
    "channel_id",
    "reply_to_id",
    "parent_id",
    "is_pinned",
    "pinned_by",
    "pinned_at",
    "content",
    "data",
    "meta",
    "created_at",
    "updated_at",
)
_WITH_AUTHOR = select(
    messages, users.c.name.label("author_name"), users.c.role.label("author_role")
).select_from(messages.outerjoin(users, users.c.id == messages.c.user_id))


def living() -> Select[Any]:
    """Messages with their authors' names, without those that were deleted."""
    return _WITH_AUTHOR.where(messages.c.deleted_at.is_(None))


def stored(row: Row[Any]) -> dict[str, Any]:
    """A message as the answer of a post has it: no author, no counters."""
    message = {column: getattr(row, column) for column in _STORED}
    return finished(message)


def finished(message: dict[str, Any]) -> dict[str, Any]:
    """Add what 0.12.4 derives: no app wrote it, and the tag of this state of its content."""
    return {**message, "app_id": None, "etag": str(message["updated_at"])}


def author_of(row: Row[Any]) -> dict[str, Any]:
    """`{id, name, role}` of whoever wrote a message."""
    return {"id": row.user_id, "name": row.author_name or "", "role": row.author_role or "user"}


def short(message: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    """A message for a list: unless `whole`, its data is only whether there is any."""
    return message if whole else {**message, "data": bool(message["data"])}


async def find(connection: AsyncConnection, channel_id: str, message_id: str) -> Row[Any] | None:
    """A message of a channel, with its author's name."""
    chosen = living().where(messages.c.id == message_id, messages.c.channel_id == channel_id)
    row: Row[Any] | None = (await connection.execute(chosen)).first()
    return row


async def full(
    connection: AsyncConnection, rows: Sequence[Row[Any]], *, whole: bool = True, quotes_whole: bool = False
) -> list[dict[str, Any]]:
    """Messages as events and pages carry them: author, quoted message, reply counters, reactions.

    With `whole` their data is there, else only whether there is any; for quoted messages `quotes_whole` says
    the same.
    """
    ids = [row.id for row in rows]
    found_reactions = await reactions_of(connection, ids)
    counters = await _counters(connection, ids)
    quotes = await _quotes(
        connection, [row.reply_to_id for row in rows if row.reply_to_id], whole=quotes_whole
    )
    answer = []
    for row in rows:
        count, latest = counters.get(row.id, (0, None))
        message = stored(row) | {
            "user": author_of(row),
            "reply_to_message": quotes.get(row.reply_to_id) if row.reply_to_id else None,
            "latest_reply_at": latest,
            "reply_count": count,
            "reactions": found_reactions.get(row.id, []),
        }
        answer.append(short(message, whole=whole))
    return answer


async def one(connection: AsyncConnection, channel_id: str, message_id: str) -> dict[str, Any] | None:
    """One message as an event carries it."""
    row = await find(connection, channel_id, message_id)
    return None if row is None else (await full(connection, [row]))[0]


async def reactions_of(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Message id → reactions, the first used first."""
    if not ids:
        return {}
    rows = await connection.execute(
        select(reactions.c.message_id, reactions.c.name, reactions.c.user_id, users.c.name.label("user_name"))
        .select_from(reactions.outerjoin(users, users.c.id == reactions.c.user_id))
        .where(reactions.c.message_id.in_(ids))
        .order_by(reactions.c.created_at, reactions.c.user_id)
    )
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for row in rows:
        people = found.setdefault(row.message_id, {}).setdefault(row.name, [])
        people.append({"id": row.user_id, "name": row.user_name or ""})
    return {
        message_id: [{"name": name, "users": people, "count": len(people)} for name, people in named.items()]
        for message_id, named in found.items()
    }


async def quote(connection: AsyncConnection, message_id: str, *, whole: bool) -> dict[str, Any] | None:
    """A quoted message, without its own quote and counters."""
    return (await _quotes(connection, [message_id], whole=whole)).get(message_id)


async def page(
    connection: AsyncConnection,
    channel_id: str,
    *,
    parent_id: str | None,
    limit: int,
    skip: int = 0,
    before: tuple[int, str] | None = None,
) -> Sequence[Row[Any]]:
    """Messages of a channel or thread, newest first: after `skip` of them, or those older than (time, id)."""
    chosen = living().where(
        messages.c.channel_id == channel_id,
        messages.c.parent_id.is_(None) if parent_id is None else messages.c.parent_id == parent_id,
    )
    if before is not None:
        at, message_id = before
        chosen = chosen.where(
            or_(
                messages.c.created_at < at,
                and_(messages.c.created_at == at, messages.c.id < message_id),
            )
        )
    else:
        chosen = chosen.offset(skip)
    chosen = chosen.order_by(messages.c.created_at.desc(), messages.c.id.desc()).limit(limit)
    rows: Sequence[Row[Any]] = (await connection.execute(chosen)).all()
    return rows


async def place(connection: AsyncConnection, channel_id: str, message_id: str) -> tuple[int, str] | None:
    """Where a message stands in its channel, even if it was deleted since."""
    found = await connection.execute(
        select(messages.c.created_at, messages.c.id).where(
            messages.c.id == message_id, messages.c.channel_id == channel_id
        )
    )
    row = found.first()
    return None if row is None else (row.created_at, row.id)


async def _counters(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    if not ids:
        return {}
    rows = await connection.execute(
        select(messages.c.parent_id, func.count(), func.max(messages.c.created_at))
        .where(messages.c.parent_id.in_(ids), messages.c.deleted_at.is_(None))
        .group_by(messages.c.parent_id)
    )
    return {parent: (count, latest) for parent, count, latest in rows}


async def _quotes(
    connection: AsyncConnection, ids: Sequence[str], *, whole: bool
) -> dict[str, dict[str, Any]]:
    if not ids:
        return {}
    rows = await connection.execute(living().where(messages.c.id.in_(set(ids))))
    return {row.id: short(stored(row) | {"user": author_of(row)}, whole=whole) for row in rows}
