"""Chats in the database."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from antiphon.server.chats.documents import MessageRow
from antiphon.server.storage.tables.chats import chat_messages, chat_tags, chats, runs

PAGE = 60
"""Chats per page of the list, as in the original."""

ChatRecord = Row[Any]


def now() -> int:
    """Return Unix seconds."""
    return int(time.time())


async def chat_of(connection: AsyncConnection, chat_id: str, user_id: str) -> ChatRecord | None:
    """Return a person's chat; None if it is not there or another person's."""
    query = select(chats).where(chats.c.id == chat_id, chats.c.user_id == user_id)
    return (await connection.execute(query)).first()


async def rows_of(connection: AsyncConnection, chat_id: str) -> dict[str, MessageRow]:
    """Return the messages of a chat, in the order in which they came."""
    table = chat_messages.c
    query = (
        select(table.id, table.parent_id, table.position, table.role, table.content, table.body)
        .where(table.chat_id == chat_id)
        .order_by(table.position)
    )
    return {row.id: MessageRow(*row) for row in await connection.execute(query)}


async def add_chat(
    connection: AsyncConnection,
    chat_id: str,
    user_id: str,
    title: str,
    document: dict[str, Any],
    *,
    current_id: str | None = None,
    folder_id: str | None = None,
    **values: Any,
) -> None:
    """Make a chat without messages; `values` are further columns, where they differ from a new chat's."""
    at = now()
    await connection.execute(
        insert(chats).values(
            {
                "id": chat_id,
                "user_id": user_id,
                "title": title,
                "current_id": current_id,
                "document": document,
                "meta": {},
                "pinned": False,
                "archived": False,
                "folder_id": folder_id,
                "created_at": at,
                "updated_at": at,
                **values,
            }
        )
    )


async def put_messages(
    connection: AsyncConnection, chat_id: str, changed: Iterable[MessageRow], known: Iterable[str]
) -> None:
    """Store messages; those in `known` have a row already."""
    have = set(known)
    fresh = []
    for row in changed:
        values = {"parent_id": row.parent_id, "role": row.role, "content": row.content, "body": row.body}
        if row.id in have:
            where = (chat_messages.c.chat_id == chat_id, chat_messages.c.id == row.id)
            await connection.execute(update(chat_messages).where(*where).values(**values))
        else:
            fresh.append({"chat_id": chat_id, "id": row.id, "position": row.position, **values})
    if fresh:
        await connection.execute(insert(chat_messages), fresh)


async def remove_messages(connection: AsyncConnection, chat_id: str, ids: Iterable[str]) -> None:
    """Take messages away."""
    for message_id in ids:
        where = (chat_messages.c.chat_id == chat_id, chat_messages.c.id == message_id)
        await connection.execute(delete(chat_messages).where(*where))


async def change_chat(connection: AsyncConnection, chat_id: str, **values: Any) -> None:
    """Change columns of a chat; its time of change is now unless `values` say otherwise."""
    values.setdefault("updated_at", now())
    await connection.execute(update(chats).where(chats.c.id == chat_id).values(**values))


async def delete_chat(connection: AsyncConnection, chat_id: str) -> None:
    """Take a chat away with all that belongs to it."""
    for table in (runs, chat_tags, chat_messages):
        await connection.execute(delete(table).where(table.c.chat_id == chat_id))
    await connection.execute(delete(chats).where(chats.c.id == chat_id))


async def chat_list(
    connection: AsyncConnection,
    user_id: str,
    *,
    page: int | None = None,
    pinned: bool | None = None,
    archived: bool | None = False,
    where: ColumnElement[bool] | None = None,
) -> list[ChatRecord]:
    """Return a person's chats, newest first; `page` counts from 1, None is all of them."""
    table = chats.c
    query = (
        select(
            table.id,
            table.title,
            table.updated_at,
            table.created_at,
            table.last_read_at,
            table.archived,
            table.pinned,
            table.folder_id,
        )
        .where(table.user_id == user_id)
        .order_by(table.updated_at.desc(), table.created_at.desc(), table.id)
    )
    if archived is not None:
        query = query.where(table.archived.is_(archived))
    if where is not None:
        query = query.where(where)
    if pinned is not None:
        query = query.where(table.pinned.is_(pinned))
    if page is not None:
        query = query.limit(PAGE).offset(PAGE * (page - 1))
    return list(await connection.execute(query))


async def tags_of(connection: AsyncConnection, chat_id: str) -> list[ChatRecord]:
    """Return a chat's tags in their order."""
    query = select(chat_tags).where(chat_tags.c.chat_id == chat_id).order_by(chat_tags.c.position)
    return list(await connection.execute(query))


async def tags_of_user(connection: AsyncConnection, user_id: str) -> list[ChatRecord]:
    """Return all tags of a person's chats, each once."""
    query = (
        select(chat_tags)
        .where(chat_tags.c.user_id == user_id)
        .order_by(chat_tags.c.name, chat_tags.c.chat_id)
    )
    return list({row.id: row for row in await connection.execute(query)}.values())


async def chats_with_tag(connection: AsyncConnection, user_id: str, tag_id: str) -> set[str]:
    """Return the ids of a person's chats that have a tag."""
    query = select(chat_tags.c.chat_id).where(chat_tags.c.user_id == user_id, chat_tags.c.id == tag_id)
    return {row.chat_id for row in await connection.execute(query)}


async def set_tags(connection: AsyncConnection, chat: ChatRecord, names: Iterable[str]) -> list[str]:
    """Give a chat these tags and no others; returns their ids."""
    wanted = {tag_id(name): " ".join(name.split()) for name in names if name.strip()}
    await connection.execute(delete(chat_tags).where(chat_tags.c.chat_id == chat.id))
    if wanted:
        rows = [
            {"chat_id": chat.id, "id": key, "user_id": chat.user_id, "name": name, "position": position}
            for position, (key, name) in enumerate(wanted.items())
        ]
        await connection.execute(insert(chat_tags), rows)
    meta = {key: value for key, value in chat.meta.items() if key != "tags"}
    if wanted:
        meta["tags"] = list(wanted)
    await connection.execute(update(chats).where(chats.c.id == chat.id).values(meta=meta))
    return list(wanted)


def tag_id(name: str) -> str:
    """Return the id that the original makes of a tag's name."""
    return "_".join(name.lower().split())
