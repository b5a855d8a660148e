"""Searching one's own chats: words in a title or in a message, and what is said of a chat."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from antiphon.server.chats import rows as stored
from antiphon.server.storage.tables.chats import chat_messages, chat_tags, chats

MOST_WORDS: Final = 10
SNIPPET: Final = 160
"""Characters of a message that a finding shows."""

_SAID: Final = re.compile(r"(tag|pinned|archived):(\S+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; archived chats only where they are asked for."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    pinned: bool | None
    archived: bool


def wanted(text: str) -> Wanted:
    """Read a search as 0.12.4's page writes it: words, `tag:name`, `pinned:true`, `archived:true`."""
    words, tags = [], []
    said: dict[str, bool] = {}
    for part in text.split():
        found = _SAID.fullmatch(part)
        if found is None:
            words.append(part)
        elif found[1].lower() == "tag":
            tags.append(stored.tag_id(found[2]))
        else:
            said[found[1].lower()] = found[2].lower() == "true"
    return Wanted(
        tuple(words[:MOST_WORDS]), tuple(tags), said.get("pinned"), archived=said.get("archived", False)
    )


async def search(
    connection: AsyncConnection, user_id: str, looked_for: Wanted, page: int
) -> list[tuple[stored.ChatRecord, str | None]]:
    """A person's chats, newest first, each with a piece of the first message that holds all words; None where
    only the title does. `page` counts from 1.
    """
    conditions = [_tagged(tag) for tag in looked_for.tags]
    if looked_for.words:
        in_text = exists().where(
            chat_messages.c.chat_id == chats.c.id, _holds(chat_messages.c.content, looked_for.words)
        )
        conditions.append(or_(_holds(chats.c.title, looked_for.words), in_text))
    rows = await stored.chat_list(
        connection,
        user_id,
        page=page,
        pinned=looked_for.pinned,
        archived=looked_for.archived,
        where=and_(*conditions) if conditions else None,
    )
    pieces: dict[str, str] = {}
    if looked_for.words:
        query = (
            select(chat_messages.c.chat_id, chat_messages.c.content)
            .where(
                chat_messages.c.chat_id.in_([row.id for row in rows]),
                _holds(chat_messages.c.content, looked_for.words),
            )
            .order_by(chat_messages.c.position)
        )
        for chat_id, content in await connection.execute(query):
            pieces.setdefault(chat_id, snippet(content, looked_for.words))
    return [(row, pieces.get(row.id)) for row in rows]


def snippet(content: str, words: tuple[str, ...]) -> str:
    """A piece of a text in one line, from a little before the first of the words."""
    line = " ".join(content.split())
    found = re.search("|".join(map(re.escape, words)), line, re.IGNORECASE)
    begin = max(0, found.start() - SNIPPET // 4) if found else 0
    piece = line[begin : begin + SNIPPET]
    return ("…" if begin else "") + piece + ("…" if begin + SNIPPET < len(line) else "")


def _holds(column: ColumnElement[str], words: tuple[str, ...]) -> ColumnElement[bool]:
    return and_(*(func.lower(column).contains(word.lower(), autoescape=True) for word in words))


def _tagged(tag: str) -> ColumnElement[bool]:
    return exists().where(chat_tags.c.chat_id == chats.c.id, chat_tags.c.id == tag)
