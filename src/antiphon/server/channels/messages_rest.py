"""`/api/v1/channels/{id}/messages`, writing: posting, editing, deleting, reacting, pinning."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Row, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from antiphon.server.channels import messages as read
from antiphon.server.channels.answers import answer, whole_lists
from antiphon.server.channels.directory import Channel, Membership
from antiphon.server.channels.envelopes import EVENT, about_message, announce_created
from antiphon.server.channels.first import member_row
from antiphon.server.channels.gate import still_writable, writable
from antiphon.server.channels.replies import Reply, add_places, called_in
from antiphon.server.errors import Problem, refusals
from antiphon.server.files.store import share
from antiphon.server.routing import Router
from antiphon.server.security.principals import Principal, User
from antiphon.server.state import ServerState, State
from antiphon.server.storage.tables.channels import channel_members, messages, reactions
from antiphon.wire.channels import Message, MessageEdit, MessageForm, PinForm, ReactionForm

router = Router(prefix="/api/v1/channels/{channel_id}/messages", tags=["messages"])

MAX_CHARACTERS = 100_000
"""The longest message."""
MAX_DATA_BYTES = 256 * 1024
"""What a message may carry beside its text (names of files and the like)."""


@router.post("/post", response_model=Message, responses=refusals(410))
async def post(channel_id: str, form: MessageForm, state: State, user: User) -> Response:
    """Post a message. `temp_id` is an idempotency key: the same one again answers with the first message."""
    channel = await writable(state, channel_id, user)
    check_content(form.content, form.data)
    if form.temp_id is not None and not 0 < len(form.temp_id) <= 128:
        raise Problem(400, "temp_id must have 1 to 128 characters.")
    temp_id = form.temp_id
    parent: dict[str, Any] | None = None
    quoted: dict[str, Any] | None = None
    places: list[Reply] = []
    answers: list[dict[str, Any]] = []
    async with state.database.write() as connection:
        channel = await still_writable(state, channel, user)
        woken = channel.hidden_from()
        # The time is taken as the only writer, so that rows are stored in the order of their times.
        now = state.database.clock.nanoseconds()
        if form.parent_id is not None or form.reply_to_id is not None:
            repeated = await _repeated(connection, channel_id, user.id, temp_id)
            if repeated is not None:
                return answer(repeated)
        if form.parent_id is not None:
            root = await read.find(connection, channel_id, form.parent_id)
            if root is None or root.parent_id is not None:
                raise Problem(400, "The message that this belongs under is not there.")
        if form.reply_to_id is not None:
            quoted = await read.quote(connection, form.reply_to_id, whole=whole_lists(state))
            if quoted is None or quoted["channel_id"] != channel_id:
                raise Problem(400, "The message that this answers is not there.")
        message_id = str(uuid.uuid4())
        values = {
            "id": message_id,
            "channel_id": channel_id,
            "user_id": user.id,
            "temp_id": temp_id,
            "parent_id": form.parent_id,
            "reply_to_id": form.reply_to_id,
            "content": form.content,
            "data": form.data,
            "meta": None,
            "is_pinned": False,
            "created_at": now,
            "updated_at": now,
        }
        insert = state.database.insert(messages).on_conflict_do_nothing()
        if not (await connection.execute(insert, values)).rowcount:
            return answer(await _repeated(connection, channel_id, user.id, temp_id))
        if called := called_in(form.content, quoted, state.providers.name_of):
            state.runs.require_room(user)
            places = await add_places(connection, state.database.clock, called, values)
        await share(state.database, connection, form.data, channel_id, user)
        if user.id not in channel.members:
            joins = state.database.insert(channel_members).on_conflict_do_nothing()
            await connection.execute(joins, member_row(channel_id, user.id, now))
        if woken:
            await connection.execute(
                update(channel_members)
                .where(channel_members.c.channel_id == channel_id)
                .values(is_active=True)
            )
        if places:
            rows = await connection.execute(
                read.living()
                .where(messages.c.id.in_([place.message_id for place in places]))
                .order_by(messages.c.created_at)
            )
            answers = await read.full(connection, rows.all())
        if form.parent_id is not None or places:
            parent = await read.one(connection, channel_id, form.parent_id or message_id)
    # Nothing is awaited between the commit and the emit, so events leave in the order of the rows.
    stored = read.finished(
        {key: value for key, value in values.items() if key != "temp_id"}
        | {"pinned_by": None, "pinned_at": None}
    )
    if form.parent_id is None:
        channel.last_message_at = max(now, channel.last_message_at or 0)
    channel.members.setdefault(user.id, Membership(True, False, now))
    for member in woken:
        channel.members[member].is_active = True
        await announce_created(state.live, member)
    message = {
        "temp_id": temp_id,
        **stored,
        "user": user.as_author(),
        "reply_to_message": quoted,
        "latest_reply_at": None,
        "reply_count": 0,
        "reactions": [],
    }
    await state.live.emit(EVENT, about_message(channel, message, "message", user), channel.room)
    for empty in answers:
        await state.live.emit(
            EVENT, about_message(channel, {"temp_id": None, **empty}, "message", user), channel.room
        )
    if parent is not None:
        await state.live.emit(EVENT, about_message(channel, parent, "message:reply", user), channel.room)
    for place in places:
        state.runs.reply(place)
    return answer(stored)


@router.post("/{message_id}/update", response_model=Message)
async def edit(channel_id: str, message_id: str, form: MessageEdit, state: State, user: User) -> Response:
    """Edit one's own message (an administrator: any in a standard channel); data and meta are merged."""
    async with _one(state, channel_id, message_id, user) as (connection, channel, row):
        now = state.database.clock.nanoseconds()
        if row.user_id != user.id and (channel.is_closed or not user.is_admin):
            raise Problem(403, "Only whoever wrote a message may edit it.")
        if state.runs.is_written(channel_id, message_id):
            raise Problem(409, "This answer is still being written. Stop it, or wait for its end.")
        merged = {**(row.data or {}), **(form.data or {})}
        meta = {**(row.meta or {}), **(form.meta or {})}
        check_content(form.content, merged, meta)
        await share(state.database, connection, form.data, channel_id, user)
        await connection.execute(
            update(messages)
            .where(messages.c.id == message_id)
            .values(
                content=form.content,
                data=merged if row.data is not None or form.data is not None else None,
                meta=meta,
                updated_at=now,
            )
        )
        changed = await read.find(connection, channel_id, message_id)
        assert changed is not None  # noqa: S101 - read in the transaction that just changed it; tells mypy so
        message = (await read.full(connection, [changed]))[0]
    await state.live.emit(EVENT, about_message(channel, message, "message:update", user), channel.room)
    return answer(read.stored(changed))


@router.post("/{message_id}/pin", response_model=Message)
async def pin(channel_id: str, message_id: str, form: PinForm, state: State, user: User) -> Response:
    """Pin a message or take the pin off; everyone hears of it with the message whole."""
    async with _one(state, channel_id, message_id, user) as (connection, channel, _row):
        now = state.database.clock.nanoseconds()
        await connection.execute(
            update(messages)
            .where(messages.c.id == message_id)
            .values(
                is_pinned=form.is_pinned,
                pinned_by=user.id if form.is_pinned else None,
                pinned_at=now if form.is_pinned else None,
            )
        )
        message = await read.one(connection, channel_id, message_id)
        assert message is not None  # noqa: S101 - found by `_one` in this transaction; tells mypy so
    await state.live.emit(EVENT, about_message(channel, message, "message:update", user), channel.room)
    return answer(read.short(message, whole=whole_lists(state)))


@router.post("/{message_id}/reactions/add", response_model=bool)
async def react(channel_id: str, message_id: str, form: ReactionForm, state: State, user: User) -> bool:
    """React with an emoji's name; a second time changes nothing."""
    _check_reaction(form.name)
    async with _one(state, channel_id, message_id, user) as (connection, channel, row):
        now = state.database.clock.nanoseconds()
        insert = state.database.insert(reactions).on_conflict_do_nothing()
        values = {"message_id": message_id, "user_id": user.id, "name": form.name, "created_at": now}
        if not (await connection.execute(insert, values)).rowcount:
            return True
        message = (await read.full(connection, [row]))[0]
    message["name"] = form.name
    await state.live.emit(EVENT, about_message(channel, message, "message:reaction:add", user), channel.room)
    return True


@router.post("/{message_id}/reactions/remove", response_model=bool)
async def unreact(channel_id: str, message_id: str, form: ReactionForm, state: State, user: User) -> bool:
    """Take a reaction back."""
    _check_reaction(form.name)
    async with _one(state, channel_id, message_id, user) as (connection, channel, row):
        gone = await connection.execute(
            delete(reactions).where(
                reactions.c.message_id == message_id,
                reactions.c.user_id == user.id,
                reactions.c.name == form.name,
            )
        )
        if not gone.rowcount:
            return True
        message = (await read.full(connection, [row]))[0]
    message["name"] = form.name
    await state.live.emit(
        EVENT, about_message(channel, message, "message:reaction:remove", user), channel.room
    )
    return True


@router.delete("/{message_id}/delete", response_model=bool)
async def remove(channel_id: str, message_id: str, state: State, user: User) -> bool:
    """Delete one's own message (whoever manages the channel: any), with the thread under it."""
    parent: dict[str, Any] | None = None
    async with _one(state, channel_id, message_id, user) as (connection, channel, row):
        now = state.database.clock.nanoseconds()
        if row.user_id != user.id and not channel.may_manage(user):
            raise Problem(403, "Only whoever wrote a message, or manages the channel, may delete it.")
        message = (await read.full(connection, [row]))[0]
        family = select(messages.c.id).where(
            or_(messages.c.id == message_id, messages.c.parent_id == message_id)
        )
        await connection.execute(delete(reactions).where(reactions.c.message_id.in_(family)))
        await connection.execute(
            update(messages)
            .where(or_(messages.c.id == message_id, messages.c.parent_id == message_id))
            .values(deleted_at=now, content="", data=None, meta=None, is_pinned=False)
        )
        if row.parent_id is not None:
            parent = await read.one(connection, channel_id, row.parent_id)
    state.runs.drop_replies(channel_id, message_id)
    await state.live.emit(EVENT, about_message(channel, message, "message:delete", user), channel.room)
    if parent is not None:
        await state.live.emit(EVENT, about_message(channel, parent, "message:reply", user), channel.room)
    return True


@asynccontextmanager
async def _one(
    state: ServerState, channel_id: str, message_id: str, user: Principal
) -> AsyncIterator[tuple[AsyncConnection, Channel, Row[Any]]]:
    """A write about one message, of whoever may post in its channel; 404 if it is not there."""
    channel = await writable(state, channel_id, user)
    async with state.database.write() as connection:
        channel = await still_writable(state, channel, user)
        row = await read.find(connection, channel_id, message_id)
        if row is None:
            raise Problem.not_found()
        yield connection, channel, row


def check_content(content: str, extra: dict[str, Any] | None, meta: dict[str, Any] | None = None) -> None:
    """400 for an empty message without files, 413 for one that is too long."""
    if not content.strip() and not (extra or {}).get("files"):
        raise Problem(400, "The message is empty.")
    if len(content) > MAX_CHARACTERS:
        has, most = f"{len(content):,}", f"{MAX_CHARACTERS:,}"
        raise Problem(413, f"The message is too long: it has {has} characters, and at most {most} are taken.")
    if (extra or meta) and len(to_json([extra, meta])) > MAX_DATA_BYTES:
        raise Problem(
            413, f"The message carries too much data: at most {MAX_DATA_BYTES // 1024} KiB are taken."
        )


def _check_reaction(name: str) -> None:
    if not 0 < len(name) <= 64:
        raise Problem(400, "A reaction's name has 1 to 64 characters.")


async def _repeated(
    connection: Any, channel_id: str, user_id: str, temp_id: str | None
) -> dict[str, Any] | None:
    """The message that was stored with this key before."""
    if temp_id is None:
        return None
    found = await connection.execute(
        select(messages).where(
            messages.c.user_id == user_id,
            messages.c.channel_id == channel_id,
            messages.c.temp_id == temp_id,
        )
    )
    row = found.first()
    if row is None:
        return None
    if row.deleted_at is not None:
        raise Problem(410, "This message was posted before, and deleted since.")
    return read.stored(row)
