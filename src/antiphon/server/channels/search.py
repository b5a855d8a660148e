"""Searching the words of messages, alike with both databases, in what a person may read."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, and_, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement, TextClause

from antiphon.server.channels import messages as read
from antiphon.server.channels.directory import visible_to
from antiphon.server.channels.replies import readable
from antiphon.server.security.principals import Principal
from antiphon.server.storage.tables.channels import channels, messages

MOST_TERMS: Final = 10
SNIPPET: Final = 200
"""Characters of a message that a finding shows."""

_TERM: Final = re.compile(r'"([^"]*)"|([^\s"]+)')
_BLANKS: Final = str.maketrans(dict.fromkeys(string.punctuation, " "))


@dataclass(frozen=True, slots=True)
class Term:
    """Words that follow one another; unless `exact` the last one may go on (`deploy` finds `deployed`)."""

    words: tuple[str, ...]
    exact: bool


def terms_in(query: str) -> list[Term]:
    """What is looked for, all of which must be in a message: "words in quotes" exactly, others by their
    beginnings.
    """
    terms = []
    for quoted, bare in _TERM.findall(query):
        words = [
            word
            for word in (quoted or bare).translate(_BLANKS).split()
            if any(character.isalnum() for character in word)
        ]
        if words:
            terms.append(Term(tuple(words), exact=bool(quoted)))
    return terms[:MOST_TERMS]


async def search(
    connection: AsyncConnection,
    person: Principal,
    terms: Sequence[Term],
    *,
    channel_id: str | None,
    before: tuple[int, str] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Messages that hold all terms, newest first, of the channels that this person may read and no others;
    those older than `before` (time, id).
    """
    if not terms:
        return []
    allowed = select(channels.c.id).where(visible_to(person))
    chosen = read.living().where(
        _holds(connection, terms),
        messages.c.channel_id.in_(
            allowed if channel_id is None else allowed.where(channels.c.id == channel_id)
        ),
    )
    if before is not None:
        chosen = chosen.where(_older(*before))
    chosen = chosen.order_by(messages.c.created_at.desc(), messages.c.id.desc()).limit(limit)
    rows: Sequence[Row[Any]] = (await connection.execute(chosen)).all()
    return rows


async def place(connection: AsyncConnection, person: Principal, message_id: str) -> tuple[int, str] | None:
    """Where a finding stands, so that one can read on from there, even if it was deleted since."""
    found = await connection.execute(
        select(messages.c.created_at, messages.c.id).where(
            messages.c.id == message_id,
            messages.c.channel_id.in_(select(channels.c.id).where(visible_to(person))),
        )
    )
    row = found.first()
    return None if row is None else (row.created_at, row.id)


def snippet(content: str, terms: Sequence[Term]) -> tuple[str, list[tuple[int, int]]]:
    """A piece of a message around the first finding, in one line with mentions as people read them, and where
    in it the terms stand: (first character, the one after the last), in code points.
    """
    line = " ".join(readable(content).split())
    pattern = re.compile("|".join(map(_pattern, terms)), re.IGNORECASE)
    first = pattern.search(line)
    begin = max(0, first.start() - SNIPPET // 4) if first else 0
    begin = line.find(" ", begin, first.start()) + 1 if begin and first else begin
    piece = line[begin : begin + SNIPPET]
    piece = ("…" if begin else "") + piece + ("…" if begin + SNIPPET < len(line) else "")
    return piece, [found.span() for found in pattern.finditer(piece)]


def _pattern(term: Term) -> str:
    between = r"[\W_]+"
    words = between.join(map(re.escape, term.words))
    return rf"(?<![^\W_]){words}" + (r"(?![^\W_])" if term.exact else r"[^\W_]*")


def _older(at: int, message_id: str) -> ColumnElement[bool]:
    return or_(messages.c.created_at < at, and_(messages.c.created_at == at, messages.c.id < message_id))


def _holds(connection: AsyncConnection, terms: Sequence[Term]) -> TextClause:
    if connection.dialect.name == "sqlite":
        query = " AND ".join(f'"{" ".join(term.words)}"{"" if term.exact else " *"}' for term in terms)
        return text(
            "messages.id IN (SELECT message_id FROM message_index WHERE number IN "
            "(SELECT rowid FROM message_words WHERE message_words MATCH :query))"
        ).bindparams(query=query)
    return text(
        "antiphon_words(messages.content) @@ to_tsquery('pg_catalog.simple', CAST(:query AS text))"
    ).bindparams(query=" & ".join(map(_tsquery, terms)))


def _tsquery(term: Term) -> str:
    words = [f"'{word}'" for word in term.words]
    if not term.exact:
        words[-1] += ":*"
    return f"({' <-> '.join(words)})"
