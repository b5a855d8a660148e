"""`/api/v1/channels/{id}/members`: who is in a channel, and what it is to oneself (muted, hidden)."""

from __future__ import annotations

import re
from typing import Any, Literal

from sqlalchemy import delete, func, or_, select, update
from starlette.responses import Response

from antiphon.server.accounts.people import PAGE
from antiphon.server.accounts.users import entry
from antiphon.server.channels.answers import answer
from antiphon.server.channels.directory import Channel
from antiphon.server.channels.envelopes import EVENT, about_channel
from antiphon.server.channels.first import member_row
from antiphon.server.channels.gate import existing, readable, still_readable
from antiphon.server.channels.lists import readers_of
from antiphon.server.channels.membership import ensure_member
from antiphon.server.channels.rest import let_in, require_people, shut_out
from antiphon.server.errors import Problem
from antiphon.server.routing import Page, Router, Search
from antiphon.server.security.principals import Principal, User
from antiphon.server.state import ServerState, State
from antiphon.server.storage.tables.accounts import users
from antiphon.server.storage.tables.channels import channel_members
from antiphon.wire.channels import ChannelMute, MemberActive, MemberPage, MembersForm

router = Router(prefix="/api/v1/channels/{channel_id}", tags=["channels"])


_ORDERS = {
    "name": func.lower(users.c.name),
    "email": users.c.email,
    "role": users.c.role,
    "created_at": users.c.created_at,
    "last_active_at": users.c.last_active_at,
}


@router.get("/members", response_model=MemberPage)
async def members(
    channel_id: str,
    state: State,
    user: User,
    page: Page = 1,
    query: Search = "",
    order_by: str = "created_at",
    direction: Literal["asc", "desc"] = "asc",
) -> Response:
    """A page of 30 of those who may see the channel."""
    channel = await readable(state, channel_id, user)
    condition = [readers_of(channel)]
    if query.strip():
        escaped = re.sub(r"([\\%_])", r"\\\1", query.strip().lower())
        name = func.lower(users.c.name).like(f"%{escaped}%", escape="\\")
        condition.append(or_(name, users.c.email.like(f"%{escaped}%", escape="\\")))
    order = _ORDERS.get(order_by, users.c.created_at)
    chosen = select(users).where(*condition)
    chosen = chosen.order_by(
        order.desc() if direction == "desc" else order.asc(), func.lower(users.c.name), users.c.id
    )
    async with state.database.read() as connection:
        rows = (await connection.execute(chosen.limit(PAGE).offset((page - 1) * PAGE))).all()
        total = await connection.execute(select(func.count()).select_from(users).where(*condition))
        count = total.scalar_one()
    return answer({"users": [entry(state, row) for row in rows], "total": count})


@router.post("/members/active", response_model=bool)
async def set_active(channel_id: str, form: MemberActive, state: State, user: User) -> bool:
    """Hide a conversation from one's list, or show it again."""
    channel = await readable(state, channel_id, user)
    channel = await ensure_member(state, channel, user)
    channel = await _change(state, channel, user, is_active=form.is_active)
    channel.members[user.id].is_active = form.is_active
    return True


@router.post("/members/mute", response_model=ChannelMute)
async def set_muted(channel_id: str, form: ChannelMute, state: State, user: User) -> Response:
    """Mute a channel for oneself; one's other windows hear of it."""
    channel = await readable(state, channel_id, user)
    channel = await ensure_member(state, channel, user)
    channel = await _change(state, channel, user, is_channel_muted=form.is_channel_muted)
    channel.members[user.id].is_channel_muted = form.is_channel_muted
    muted = {"is_channel_muted": form.is_channel_muted}
    payload = {"channel_id": channel_id, "data": {"type": "channel:mute", "data": muted}}
    await state.live.emit(EVENT, payload, f"user:{user.id}")
    return answer(muted)


@router.post("/update/members/add")
async def add(channel_id: str, form: MembersForm, state: State, user: User) -> Response:
    """Add people to a group; they hear from it from the next event on. Answers with the new memberships."""
    channel = await _group(state, channel_id, user)
    new = [one for one in dict.fromkeys(form.user_ids) if one not in channel.members]
    async with state.database.write() as connection:
        await require_people(connection, new)
        now = state.database.clock.nanoseconds()
        rows = [member_row(channel_id, one, now, invited_by=user.id) for one in new]
        if rows:
            joins = state.database.insert(channel_members).on_conflict_do_nothing()
            await connection.execute(joins, rows)
        after = await state.channels.read(connection, channel_id)
    state.channels.forget(channel_id)
    if after is not None and new:
        await let_in(state, after, new)
        await state.live.emit(EVENT, about_channel(after.record, "channel:updated", user), after.room)
    return answer(rows)


@router.post("/update/members/remove", response_model=int)
async def remove(channel_id: str, form: MembersForm, state: State, user: User) -> int:
    """Take people out of a group; they are out of the room before the next event. Anyone may take themselves
    out.
    """
    channel = await _group(state, channel_id, user, leaving=set(form.user_ids) == {user.id})
    gone = [one for one in dict.fromkeys(form.user_ids) if one in channel.members]
    async with state.database.write() as connection:
        await connection.execute(
            delete(channel_members).where(
                channel_members.c.channel_id == channel_id, channel_members.c.user_id.in_(gone)
            )
        )
        after = await state.channels.read(connection, channel_id)
    state.channels.forget(channel_id)
    if gone:
        await shut_out(state, channel_id, gone)
    if after is not None and gone:
        await state.live.emit(EVENT, about_channel(after.record, "channel:updated", user), after.room)
    return len(gone)


async def _group(state: ServerState, channel_id: str, user: Principal, *, leaving: bool = False) -> Channel:
    channel = await existing(state, channel_id, user)
    if not channel.may_manage(user) and not (leaving and user.id in channel.members):
        raise Problem.no_access()
    if channel.record["type"] != "group":
        raise Problem(400, "Only a group has members to add or remove.")
    return channel


async def _change(state: ServerState, channel: Channel, user: Principal, **values: Any) -> Channel:
    async with state.database.write() as connection:
        channel = await still_readable(state, channel, user)
        await connection.execute(
            update(channel_members)
            .where(channel_members.c.channel_id == channel.id, channel_members.c.user_id == user.id)
            .values(**values)
        )
    return channel
