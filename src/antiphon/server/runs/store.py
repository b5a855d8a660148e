"""What a run stores on its way: the text so far, and its end."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.server.chats.rows import now, set_tags
from antiphon.server.runs import states
from antiphon.server.runs.turns import Turn
from antiphon.server.storage.database import Database
from antiphon.server.storage.tables.chats import chat_messages, chats, runs


async def store_running(database: Database, turn: Turn) -> None:
    """Note that a run has left the line."""
    async with database.write() as connection:
        await _set_state(connection, turn.run_id, states.RUNNING, None)
        await _change_message(connection, turn.chat_id, turn.message_id, None, {}, states.RUNNING)


async def store_progress(database: Database, turn: Turn, content: str, output: list[dict[str, Any]]) -> None:
    """Keep the text so far, so that not even a killed process loses more than the last moments of it."""
    async with database.write() as connection:
        await _change_message(connection, turn.chat_id, turn.message_id, content, {"output": output}, None)


async def store_end(
    database: Database, turn: Turn, state: str, content: str, body: dict[str, Any], reason: str | None
) -> str | None:
    """Keep a run's end; returns the chat's title, None if the chat is gone."""
    async with database.write() as connection:
        await _set_state(connection, turn.run_id, state, reason)
        await _change_message(
            connection, turn.chat_id, turn.message_id, content, {"done": True, **body}, state
        )
        touch = (
            update(chats).where(chats.c.id == turn.chat_id).values(updated_at=now()).returning(chats.c.title)
        )
        title: str | None = (await connection.execute(touch)).scalar()
        return title


async def store_title(database: Database, turn: Turn, title: str) -> bool:
    """Give the chat the model's title; not if a person has named it since."""
    async with database.write() as connection:
        where = (chats.c.id == turn.chat_id, chats.c.title == turn.new_title)
        result = await connection.execute(update(chats).where(*where).values(title=title))
        return result.rowcount == 1


async def store_follow_ups(database: Database, turn: Turn, questions: list[str]) -> None:
    """Keep what a person could ask next."""
    async with database.write() as connection:
        await _change_message(connection, turn.chat_id, turn.message_id, None, {"followUps": questions}, None)


async def store_tags(database: Database, turn: Turn, names: list[str]) -> bool:
    """Give the chat its tags, unless it is gone."""
    async with database.write() as connection:
        chat = (await connection.execute(select(chats).where(chats.c.id == turn.chat_id))).first()
        if chat is None:
            return False
        await set_tags(connection, chat, names)
        return True


async def interrupt_open_runs(database: Database) -> int:
    """End every run that an earlier process did not end; returns how many there were."""
    query = select(runs.c.id, runs.c.chat_id, runs.c.message_id).where(runs.c.state.in_(states.OPEN))
    async with database.write() as connection:
        cut = list(await connection.execute(query))
        for run in cut:
            await _set_state(connection, run.id, states.INTERRUPTED, states.INTERRUPTED_TEXT)
            body = {"done": True, "error": {"content": states.INTERRUPTED_TEXT}}
            await _change_message(connection, run.chat_id, run.message_id, None, body, states.INTERRUPTED)
    return len(cut)


async def _set_state(connection: AsyncConnection, run_id: str, state: str, reason: str | None) -> None:
    ended_at = now() if state in states.ENDS else None
    values = {"state": state, "reason": reason, "ended_at": ended_at}
    await connection.execute(update(runs).where(runs.c.id == run_id).values(**values))


async def _change_message(
    connection: AsyncConnection,
    chat_id: str,
    message_id: str,
    content: str | None,
    body: dict[str, Any],
    state: str | None,
) -> None:
    where = (chat_messages.c.chat_id == chat_id, chat_messages.c.id == message_id)
    row = (await connection.execute(select(chat_messages.c.body).where(*where))).first()
    if row is None:
        return
    kept = {**row.body, **body}
    if state is not None:
        meta = kept.get("meta")
        kept["meta"] = {**(meta if isinstance(meta, dict) else {}), "state": state}
    if state in states.ENDS and isinstance(kept.get("output"), list):
        kept["output"] = [
            {**item, "status": "incomplete"} if item.get("status") == "in_progress" else item
            for item in kept["output"]
        ]
    values: dict[str, Any] = {"body": kept}
    if content is not None:
        values["content"] = content
    await connection.execute(update(chat_messages).where(*where).values(**values))
