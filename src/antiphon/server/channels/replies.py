"""Models that are called in a channel: who is meant, and the places of their answers in the database.

A model is called by a mention, `<@M:model id|label>`, or by an answer to one of its messages. Only what a
person posts calls anyone: a model's own words never pass here, so models cannot keep each other talking.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.server.channels import messages as read
from antiphon.server.storage.clock import Clock
from antiphon.server.storage.tables.channels import messages, model_replies

MOST_CALLED: Final = 5
"""Models that one message can call."""
HISTORY: Final = 50
"""Messages of a thread that a model is shown."""

_MENTION: Final = re.compile(r"<([@#])([A-Z]):([^|<>\s]{1,200})(?:\|([^<>\n]{0,200}))?>")


@dataclass(frozen=True, slots=True)
class Called:
    """A model that somebody wants an answer of."""

    model_id: str
    model_name: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The place of a model's answer, stored and told."""

    message_id: str
    channel_id: str
    thread_id: str
    """The message under which the thread hangs."""
    called_by: str
    """The message that called the model."""
    user_id: str
    model: Called


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a thread, as a model is shown it."""

    message_id: str
    author: str
    model_id: str | None
    text: str


def called_in(
    content: str, quoted: dict[str, Any] | None, name_of: Callable[[str], str | None]
) -> list[Called]:
    """The models that a message calls, each once: whose message it answers, then those it names."""
    found: dict[str, str] = {}
    meta = quoted.get("meta") if quoted else None
    if isinstance(meta, dict) and isinstance(meta.get("model_id"), str):
        found[meta["model_id"]] = str(meta.get("model_name") or meta["model_id"])
    for sign, kind, identity, label in _MENTION.findall(content):
        if (sign, kind) == ("@", "M"):
            found.setdefault(identity, label.lstrip("@") or identity)
    return [Called(one, name_of(one) or label) for one, label in list(found.items())[:MOST_CALLED]]


def readable(text: str) -> str:
    """A text with its mentions as people read them: `@Ada`, `#general`."""
    return _MENTION.sub(lambda found: found[1] + (found[4] or found[3]).lstrip("@#"), text)


async def add_places(
    connection: AsyncConnection, clock: Clock, called: Sequence[Called], asking: dict[str, Any]
) -> list[Reply]:
    """Store an empty message for each model, in the thread of the message that calls it (`asking`)."""
    replies = []
    for model in called:
        now = clock.nanoseconds()
        reply = Reply(
            message_id=str(uuid.uuid4()),
            channel_id=asking["channel_id"],
            thread_id=asking["parent_id"] or asking["id"],
            called_by=asking["id"],
            user_id=asking["user_id"],
            model=model,
        )
        row = {
            "id": reply.message_id,
            "channel_id": reply.channel_id,
            "user_id": reply.user_id,
            "parent_id": reply.thread_id,
            "content": "",
            "data": {},
            "meta": {"model_id": model.model_id, "model_name": model.model_name},
            "is_pinned": False,
            "created_at": now,
            "updated_at": now,
        }
        await connection.execute(insert(messages).values(row))
        await connection.execute(insert(model_replies).values(message_id=reply.message_id, created_at=now))
        replies.append(reply)
    return replies


async def write(
    connection: AsyncConnection,
    clock: Clock,
    message_id: str,
    content: str,
    data: dict[str, Any] | None,
    meta: dict[str, Any],
    *,
    over: bool,
) -> dict[str, Any] | None:
    """Store what a model has said so far; gives the message as an event has it, None if it was deleted."""
    if over:
        await connection.execute(delete(model_replies).where(model_replies.c.message_id == message_id))
    found = (await connection.execute(read.living().where(messages.c.id == message_id))).first()
    if found is None:
        return None
    values: dict[str, Any] = {
        "content": content,
        "meta": {**(found.meta or {}), **meta},
        "updated_at": clock.nanoseconds(),
    }
    if data is not None:
        values["data"] = {**(found.data or {}), **data}
    await connection.execute(update(messages).where(messages.c.id == message_id).values(values))
    return await read.one(connection, found.channel_id, message_id)


async def end_those_left(connection: AsyncConnection, clock: Clock, reason: str) -> int:
    """End the answers that an earlier process left open; returns how many there were."""
    query = select(model_replies.c.message_id, messages.c.content, messages.c.data).join(
        messages, messages.c.id == model_replies.c.message_id
    )
    left = (await connection.execute(query)).all()
    for one in left:
        output = (one.data or {}).get("output")
        data = {"output": _incomplete(output)} if isinstance(output, list) else None
        content, meta = ended(one.content, reason)
        await write(connection, clock, one.message_id, content, data, meta, over=True)
    await connection.execute(delete(model_replies))
    return len(left)


def ended(content: str, reason: str | None) -> tuple[str, dict[str, Any]]:
    """Text and meta of an answer that is over. Why it broke off stands in the text too, since that is all
    that the clients of Open WebUI show.
    """
    if reason is None:
        return content, {"done": True}
    quoted = "\n".join(f"> {line}" for line in reason.splitlines())
    return (f"{content.rstrip()}\n\n{quoted}" if content.strip() else quoted), {
        "done": True,
        "error": {"content": reason},
    }


async def thread_before(connection: AsyncConnection, reply: Reply) -> list[Said]:
    """What was said in the thread up to the message that called, the first first; a message that it answers
    elsewhere stands before it.
    """
    asking = await read.find(connection, reply.channel_id, reply.called_by)
    if asking is None:
        return []
    rows = [asking]
    if asking.parent_id is not None:
        at = (asking.created_at, asking.id)
        rows += await read.page(
            connection, reply.channel_id, parent_id=asking.parent_id, limit=HISTORY, before=at
        )
        root = await read.find(connection, reply.channel_id, asking.parent_id)
        if root is not None:
            rows.append(root)
    if asking.reply_to_id is not None and all(row.id != asking.reply_to_id for row in rows):
        quoted = await read.find(connection, reply.channel_id, asking.reply_to_id)
        if quoted is not None:
            rows.insert(1, quoted)
    return [_said(row) for row in reversed(rows)]


def conversation(said: Sequence[Said], model: Called) -> list[dict[str, str]]:
    """What a model is asked: the thread, its own messages as its own, the others' with their names."""
    others = ", ".join(dict.fromkeys(one.author for one in said if one.model_id != model.model_id))
    begin = (
        f"You are {model.model_name}, in a thread of a team's chat with {others}. Each message of the others "
        "begins with its author's name; yours do not. Answer the last one, shortly and to the point."
    )
    asked = [{"role": "system", "content": begin}]
    for one in said:
        if not one.text.strip():
            continue
        if one.model_id == model.model_id:
            asked.append({"role": "assistant", "content": one.text})
        else:
            asked.append({"role": "user", "content": f"{one.author}: {one.text}"})
    return asked


def _said(row: Any) -> Said:
    meta = row.meta if isinstance(row.meta, dict) else {}
    model_id = meta.get("model_id")
    if not isinstance(model_id, str):
        return Said(row.id, row.author_name or "Somebody", None, readable(row.content))
    # What broke off says why in its text; that is no word of the model's.
    text = "" if meta.get("error") else row.content
    return Said(row.id, str(meta.get("model_name") or model_id), model_id, text)


def _incomplete(output: list[Any]) -> list[Any]:
    return [
        {**item, "status": "incomplete"}
        if isinstance(item, dict) and item.get("status") == "in_progress"
        else item
        for item in output
    ]
