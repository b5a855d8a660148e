"""`/api/v1/channels/{id}/messages`, reading: pages, threads, pinned messages, single ones."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from antiphon.server.channels import messages as read
from antiphon.server.channels.answers import answer, whole_lists
from antiphon.server.channels.gate import readable
from antiphon.server.channels.membership import ensure_member
from antiphon.server.errors import Problem
from antiphon.server.routing import Page, Router, Skip
from antiphon.server.security.principals import User
from antiphon.server.state import State
from antiphon.server.storage.tables.channels import messages
from antiphon.wire.channels import Message

router = Router(prefix="/api/v1/channels/{channel_id}/messages", tags=["messages"])

PINNED_PAGE = 20

Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("", response_model=list[Message])
async def newest(
    channel_id: str,
    state: State,
    user: User,
    skip: Skip = 0,
    limit: Limit = 50,
    before: str | None = None,
) -> Response:
    """Top-level messages, newest first. `before` (ours): those older than this message, whatever came
    since.
    """
    channel = await readable(state, channel_id, user)
    async with state.database.read() as connection:
        start = await _start(connection, channel_id, before)
        rows = await read.page(connection, channel_id, parent_id=None, limit=limit, skip=skip, before=start)
        found = await read.full(connection, rows, whole=whole_lists(state), quotes_whole=whole_lists(state))
    await ensure_member(state, channel, user)
    return answer(found)


@router.get("/pinned", response_model=list[Message])
async def pinned(channel_id: str, state: State, user: User, page: Page = 1) -> Response:
    """A page of 20 pinned messages, the last pinned first."""
    await readable(state, channel_id, user)
    async with state.database.read() as connection:
        rows = await connection.execute(
            read.living()
            .where(messages.c.channel_id == channel_id, messages.c.is_pinned)
            .order_by(messages.c.pinned_at.desc())
            .limit(PINNED_PAGE)
            .offset((page - 1) * PINNED_PAGE)
        )
        found = await read.full(connection, rows.all(), whole=whole_lists(state))
    for message in found:
        for key in ("reply_to_message", "latest_reply_at", "reply_count"):
            del message[key]
    return answer(found)


@router.get("/{message_id}", response_model=Message)
async def one(channel_id: str, message_id: str, state: State, user: User) -> Response:
    """One message."""
    await readable(state, channel_id, user)
    async with state.database.read() as connection:
        message = await read.one(connection, channel_id, message_id)
    if message is None:
        raise Problem.not_found()
    return answer(message)


@router.get("/{message_id}/data")
async def data(channel_id: str, message_id: str, state: State, user: User) -> Response:
    """What a message carries beside its text, where a list said only that there is something."""
    await readable(state, channel_id, user)
    async with state.database.read() as connection:
        row = await read.find(connection, channel_id, message_id)
    if row is None:
        raise Problem.not_found()
    return answer(row.data)


@router.get("/{message_id}/thread", response_model=list[Message])
async def thread(
    channel_id: str,
    message_id: str,
    state: State,
    user: User,
    skip: Skip = 0,
    limit: Limit = 50,
    before: str | None = None,
) -> Response:
    """A thread's messages, newest first, and the message it hangs from as the last, once, when all are
    given.
    """
    await readable(state, channel_id, user)
    async with state.database.read() as connection:
        root = await read.find(connection, channel_id, message_id)
        if root is None:
            raise Problem.not_found()
        start = await _start(connection, channel_id, before)
        over = start is not None and start[1] == message_id
        rows = list(
            []
            if over
            else await read.page(
                connection, channel_id, parent_id=message_id, limit=limit, skip=skip, before=start
            )
        )
        if len(rows) < limit and not over:
            counters = (await read.full(connection, [root]))[0]["reply_count"]
            # A page that begins past the replies had the root on the page before it.
            if start is not None or skip <= counters:
                rows.append(root)
        found = await read.full(connection, rows, whole=whole_lists(state), quotes_whole=whole_lists(state))
    return answer(found)


async def _start(connection: AsyncConnection, channel_id: str, before: str | None) -> tuple[int, str] | None:
    if before is None:
        return None
    start = await read.place(connection, channel_id, before)
    if start is None:
        raise Problem(404, "The message to read on from is not in this channel.")
    return start
