"""Chats as they travel: the whole row with its document, and the entry of a list; and documents taken in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.server.chats import rows as stored
from antiphon.server.chats.documents import BadDocument, Incoming, document_of, read
from antiphon.server.errors import Problem
from antiphon.server.security.principals import Principal

if TYPE_CHECKING:
    from antiphon.server.runs.registry import Runs


async def record_of(connection: AsyncConnection, chat_id: str, user: Principal) -> stored.ChatRecord:
    """A person's chat, or 404."""
    record = await stored.chat_of(connection, chat_id, user.id)
    if record is None:
        raise Problem.not_found()
    return record


async def whole(
    connection: AsyncConnection,
    chat_id: str,
    user: Principal,
    runs: Runs,
    now: dict[str, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """A chat with its document; `now` holds the answers that are being written (see `Runs.snapshots`)."""
    record = await record_of(connection, chat_id, user)
    rows = await stored.rows_of(connection, chat_id)
    document = document_of(record.title, record.current_id, record.document, rows.values())
    for message_id, written in (now or {}).items():
        message = document["history"]["messages"].get(message_id)
        if message is not None and message.get("done") is not True:
            message |= written
    return {
        "id": record.id,
        "user_id": record.user_id,
        "title": record.title,
        "chat": document,
        "updated_at": record.updated_at,
        "created_at": record.created_at,
        "share_id": record.share_id,
        "archived": record.archived,
        "pinned": record.pinned,
        "meta": record.meta,
        "variables": {},
        "folder_id": record.folder_id,
        "tasks": None,
        "summary": None,
        "current_message_id": record.current_id,
        "context_usage": None,
        "last_read_at": record.last_read_at,
        "active": runs.is_active(chat_id),
    }


def entry(row: stored.ChatRecord, runs: Runs) -> dict[str, Any]:
    """A chat as lists name it."""
    return {
        "id": row.id,
        "title": row.title,
        "updated_at": row.updated_at,
        "created_at": row.created_at,
        "last_read_at": row.last_read_at,
        "active": runs.is_active(row.id),
        "archived": row.archived,
        "pinned": row.pinned,
        "folder_id": row.folder_id,
    }


def incoming_of(form: dict[str, Any]) -> Incoming:
    """The document in `{chat: document}`, or 400."""
    try:
        return read(form.get("chat"))
    except BadDocument as error:
        raise Problem(400, str(error)) from None


def kept(incoming: Incoming) -> dict[str, Any]:
    """Return the keys of the document that are stored as they are: the short list of messages is not."""
    return {key: value for key, value in incoming.extras.items() if key != "messages"}
