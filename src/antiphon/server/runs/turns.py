"""A turn: one question and the place of its answer, stored before anything is asked of a provider."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.server.chats import rows as stored
from antiphon.server.chats.documents import (
    MAX_ID,
    BadDocument,
    Incoming,
    MessageRow,
    branch,
    merge,
    messages_of,
)
from antiphon.server.chats.titles import UNTITLED, first_words
from antiphon.server.errors import Problem
from antiphon.server.providers.content import text_of
from antiphon.server.providers.source import Model
from antiphon.server.runs import requests, states
from antiphon.server.security.principals import Principal
from antiphon.server.storage.database import Database
from antiphon.server.storage.tables.chats import runs
from antiphon.wire.completions import CompletionForm

TEMPORARY = ("local:", "temporary:")
"""Chats with such ids are never stored."""
BACKGROUND = {"title_generation": "title", "follow_up_generation": "follow_ups", "tags_generation": "tags"}


@dataclass(frozen=True, slots=True)
class Turn:
    """What a run needs to know of the turn that it answers."""

    run_id: str
    user_id: str
    chat_id: str
    message_id: str
    question_id: str | None
    question: str
    model: Model
    body: dict[str, Any]
    """What the provider is asked."""
    streamed: bool
    stored: bool
    waiting: bool = False
    """Whether it stood in line when it was stored."""
    folder_id: str | None = None
    new_title: str | None = None
    """The title that this turn has given its chat."""
    background: frozenset[str] = frozenset()
    """Of `title`, `follow_ups` and `tags` those that are asked for."""


@dataclass(frozen=True, slots=True)
class Known:
    """The run that answers, or has answered, a turn that was asked before."""

    run_id: str
    chat_id: str


def is_temporary(chat_id: str | None) -> bool:
    """Whether a chat with this id is never stored."""
    return chat_id is not None and chat_id.startswith(TEMPORARY)


async def known_turn(connection: AsyncConnection, user_id: str, message_id: str) -> Known | None:
    """Return the run of a turn; the message id is the idempotency key."""
    query = select(runs.c.id, runs.c.chat_id).where(
        runs.c.user_id == user_id, runs.c.message_id == message_id
    )
    row = (await connection.execute(query)).first()
    return None if row is None else Known(row.id, row.chat_id)


def temporary_turn(principal: Principal, form: CompletionForm, model: Model, *, waiting: bool) -> Turn:
    """Return the turn of a chat that is not stored."""
    return Turn(
        run_id=str(uuid4()),
        user_id=principal.id,
        chat_id=form.chat_id or "",
        message_id=_id(form.id),
        question_id=None,
        question=_last_question(form),
        model=model,
        body=requests.provider_body(form.dump(), model.upstream_id, form.messages),
        streamed=form.stream is not False,
        stored=False,
        waiting=waiting,
        background=_background(form) - {"title", "tags"},
    )


async def store_turn(
    database: Database, principal: Principal, form: CompletionForm, model: Model, *, waiting: bool
) -> Turn | Known:
    """Store the question, the place of its answer and its run; makes the chat if there is none.

    A turn that was asked before is left alone and told. Raises `Problem` with nothing stored.
    """
    async with database.write() as connection:
        if known := await known_turn(connection, principal.id, _id(form.id)):
            return known
        return await _store(connection, principal, form, model, waiting=waiting)


async def _store(
    connection: AsyncConnection, principal: Principal, form: CompletionForm, model: Model, *, waiting: bool
) -> Turn:
    message_id = _id(form.id)
    at = stored.now()
    if form.chat_id:
        chat = await stored.chat_of(connection, form.chat_id, principal.id)
        if chat is None:
            raise Problem.not_found()
        chat_id, title, folder_id, extras = chat.id, chat.title, chat.folder_id, chat.document
        rows = await stored.rows_of(connection, chat_id)
    else:
        chat_id, title, folder_id, rows, extras = str(uuid4()), UNTITLED, None, {}, _new_document(form)
        extras["id"] = chat_id
    question = _question(principal, form, rows)
    place = rows.get(message_id)
    if place is not None and (place.role != "assistant" or place.content):
        raise Problem(409, "This message id has an answer already. Ask again with a new id.")
    if question is None and not form.chat_id:
        raise Problem(400, "A new chat begins with a question: send user_message, or a message of the user.")
    parent_id = question["id"] if question else (place.parent_id if place else form.parent_id)
    if question is None and (parent_id is None or parent_id not in rows):
        raise Problem(400, "parent_id names no message of this chat. It takes the id of the question.")
    run_id = str(uuid4())
    answer = {
        "parentId": parent_id,
        "role": "assistant",
        "content": "",
        "done": False,
        "model": form.model,
        "timestamp": at,
        "meta": {"task_id": run_id, "state": states.QUEUED if waiting else states.RUNNING},
    }
    messages: dict[str, dict[str, Any] | None] = {message_id: answer}
    if question:
        messages = {question["id"]: question, **messages}
    try:
        merged = merge(rows, Incoming(None, None, {}, messages), lambda _id, _done: True)
    except BadDocument as error:
        raise Problem(400, str(error)) from None
    path = branch(messages_of(merged.rows.values()), parent_id)
    asked = str(path[-1].get("content") or "") if path else ""
    new_title = first_words(asked) if title in {UNTITLED, ""} else None
    if form.chat_id:
        changes: dict[str, Any] = {"current_id": message_id, "title": new_title or title}
        known = extras.get("models")
        if not isinstance(known, list) or form.model not in known:
            changes["document"] = {**extras, "models": [form.model]}
        await stored.change_chat(connection, chat_id, **changes)
    else:
        title = new_title or title
        await stored.add_chat(connection, chat_id, principal.id, title, extras, current_id=message_id)
    await stored.put_messages(connection, chat_id, merged.changed, rows)
    await connection.execute(
        insert(runs).values(
            id=run_id,
            user_id=principal.id,
            chat_id=chat_id,
            message_id=message_id,
            model=form.model,
            state=states.QUEUED if waiting else states.RUNNING,
            created_at=at,
        )
    )
    # 0.12.4 knows the branch better than its client; a 0.6 client prepares messages and sends no question.
    sent = requests.of_branch(path, form.messages) if question or not form.messages else form.messages
    return Turn(
        run_id=run_id,
        user_id=principal.id,
        chat_id=chat_id,
        message_id=message_id,
        question_id=parent_id,
        question=asked,
        model=model,
        body=requests.provider_body(form.dump(), model.upstream_id, sent),
        streamed=form.stream is not False,
        stored=True,
        waiting=waiting,
        folder_id=folder_id,
        new_title=new_title,
        background=_background(form),
    )


def _question(
    principal: Principal, form: CompletionForm, rows: Mapping[str, MessageRow]
) -> dict[str, Any] | None:
    """Return the user's message to store, if the form brings one."""
    author = {"user_id": principal.id, "user": {"id": principal.id, "name": principal.name}}
    if form.user_message is not None:
        message = form.user_message.dump()
        if _id(message["id"]) == form.id:
            raise Problem(400, "The question and its answer cannot have the same id.")
        if message["id"] not in rows:  # a question that is asked again stays where it is
            message.setdefault("parentId", form.parent_id)
            message.setdefault("role", "user")
            message.setdefault("timestamp", stored.now())
        return {**message, **author}
    if form.chat_id:
        return None
    text = _last_question(form)
    if not text:
        return None
    message = {
        "id": str(uuid4()),
        "parentId": None,
        "role": "user",
        "content": text,
        "timestamp": stored.now(),
    }
    return {**message, "models": [form.model], **author}


def _new_document(form: CompletionForm) -> dict[str, Any]:
    models = form.user_message.models if form.user_message else None
    return {
        "models": models or [form.model],
        "params": form.params or {},
        "files": form.files or [],
        "tags": [],
        "timestamp": time.time_ns() // 1_000_000,
        "share_mode": "continue",
    }


def _last_question(form: CompletionForm) -> str:
    for message in reversed(form.messages):
        if message.get("role") == "user":
            return text_of(message.get("content"))
    return ""


def _background(form: CompletionForm) -> frozenset[str]:
    asked = form.background_tasks or {}
    return frozenset(name for key, name in BACKGROUND.items() if asked.get(key))


def _id(value: str | None) -> str:
    if not value or len(value) > MAX_ID:
        raise Problem(400, f"The id of a message has between 1 and {MAX_ID} characters.")
    return value
