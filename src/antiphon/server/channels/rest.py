"""`/api/v1/channels`: the list, one channel, making, changing and deleting them, direct conversations."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json
from sqlalchemy import delete, insert, select, update
from starlette.responses import Response

from antiphon.server.channels.access import grant_rows, grants_in
from antiphon.server.channels.answers import answer
from antiphon.server.channels.directory import CLOSED_TYPES, Channel
from antiphon.server.channels.envelopes import EVENT, about_channel, announce_created, announce_gone
from antiphon.server.channels.first import add_channel
from antiphon.server.channels.gate import manageable, readable, require_channels
from antiphon.server.channels.lists import direct_channel_of, entries, people_named, person_count, unread_in
from antiphon.server.errors import Problem
from antiphon.server.permissions import may_use_channels
from antiphon.server.routing import Router
from antiphon.server.security.principals import Admin, Principal, User
from antiphon.server.state import ServerState, State
from antiphon.server.storage.tables.accounts import users
from antiphon.server.storage.tables.channels import (
    access_grants,
    channel_members,
    channels,
    messages,
    reactions,
)
from antiphon.wire.channels import ChannelDetail, ChannelEntry, ChannelForm, ChannelRecord

router = Router(prefix="/api/v1/channels", tags=["channels"])


MAX_NAME = 100
MAX_DESCRIPTION = 2_000
MAX_MEMBERS = 1_000
MAX_GRANTS = 2_000
MAX_EXTRAS_BYTES = 64 * 1024
"""What a channel may carry in `data` and `meta`; it travels with each of its events."""


@router.get("/", response_model=list[ChannelEntry])
async def mine(state: State, user: User) -> Response:
    """The channels of this person's list: hidden conversations are not in it."""
    require_channels(state, user)
    async with state.database.read() as connection:
        return answer(await entries(connection, state, user))


@router.get("/list", response_model=list[ChannelRecord])
async def all_standard(state: State, _admin: Admin) -> Response:
    """All standard channels, for the administrator."""
    async with state.database.read() as connection:
        rows = (
            await connection.execute(
                select(channels)
                .where(channels.c.type.is_(None) | channels.c.type.not_in(CLOSED_TYPES))
                .order_by(channels.c.created_at)
            )
        ).all()
        grants = await state.channels.grants_of(connection, [row.id for row in rows])
    return answer([state.channels.record(row, grants.get(row.id, [])) for row in rows])


@router.post("/create", response_model=ChannelRecord)
async def create(form: ChannelForm, state: State, user: User) -> Response:
    """Make a channel: a standard one (administrators), a group, or a direct conversation."""
    require_channels(state, user)
    kind = form.type or None
    if kind not in {None, *CLOSED_TYPES}:
        raise Problem(400, "A channel's type is group, dm, or nothing for a standard channel.")
    if kind is None and not user.is_admin:
        raise Problem.no_access()
    members = list(dict.fromkeys([*(form.user_ids or []), user.id])) if kind else []
    if kind == "dm":
        if len(members) < 2:
            raise Problem(400, "A direct conversation needs somebody else.")
        return answer((await open_direct(state, user, members)).record)
    _check_sizes(form)
    values = {
        "name": _name(form.name, kind),
        "type": kind,
        "description": _description(form.description),
        "is_private": form.is_private,
        "data": form.data,
        "meta": form.meta,
    }
    grants = () if kind else grants_in(form, dialect=state.settings.dialect, new=True) or ()
    async with state.database.write() as connection:
        await require_people(connection, members)
        channel_id = await add_channel(
            connection, state.database.clock, user.id, grants=grants, members=members, **values
        )
        channel = await state.channels.read(connection, channel_id)
    assert channel is not None  # noqa: S101 - stored by the transaction above; tells mypy so
    await let_in(state, channel, members if kind else _online_readers(state, channel))
    return answer(channel.record)


@router.get("/users/{user_id}", response_model=ChannelRecord)
async def direct(user_id: str, state: State, user: User) -> Response:
    """The direct conversation with this person; made, or shown again, if need be."""
    require_channels(state, user)
    return answer((await open_direct(state, user, list(dict.fromkeys([user_id, user.id])))).record)


@router.get("/{channel_id}", response_model=ChannelDetail)
async def one(channel_id: str, state: State, user: User) -> Response:
    """A channel, and what this person may do in it."""
    channel = await readable(state, channel_id, user)
    membership = channel.members.get(user.id)
    async with state.database.read() as connection:
        unread = await unread_in(connection, channel_id, user, membership)
        people = await people_named(connection, state, list(channel.members)) if channel.is_closed else None
        count = await person_count(connection, channel)
    return answer(
        {
            **channel.record,
            "is_manager": channel.record["user_id"] == user.id and channel.record["type"] != "dm",
            "write_access": channel.may_write(user),
            "user_count": count,
            "is_channel_muted": membership is not None and membership.is_channel_muted,
            "user_ids": list(channel.members) if channel.is_closed else None,
            "users": people,
            "last_read_at": None if membership is None else membership.last_read_at,
            "unread_count": unread,
        }
    )


@router.post("/{channel_id}/update", response_model=ChannelRecord)
async def change(channel_id: str, form: ChannelForm, state: State, user: User) -> Response:
    """Rename a channel or change who may use it; what the form leaves out stays. Everyone hears of it."""
    before = await manageable(state, channel_id, user)
    if before.record["type"] == "dm":
        raise Problem(400, "A direct conversation cannot be changed.")
    _check_sizes(form)
    given = form.model_fields_set
    values: dict[str, Any] = {}
    if "name" in given:
        values["name"] = _name(form.name, before.record["type"])
    if "description" in given:
        values["description"] = _description(form.description)
    values |= {key: getattr(form, key) for key in ("is_private", "data", "meta") if key in given}
    grants = None if before.is_closed else grants_in(form, dialect=state.settings.dialect, new=False)
    async with state.database.write() as connection:
        # `updated_by` stays null, as in the original.
        values["updated_at"] = state.database.clock.nanoseconds()
        await connection.execute(update(channels).where(channels.c.id == channel_id).values(values))
        if grants is not None and set(grants) != set(before.grants):
            await connection.execute(_their(access_grants, channel_id))
            rows = grant_rows(channel_id, grants, state.database.clock.seconds())
            if rows:
                await connection.execute(insert(access_grants), rows)
        after = await state.channels.read(connection, channel_id)
        if after is None:  # deleted while the lock was waited for: nothing of this may stay
            raise Problem.not_found()
    state.channels.forget(channel_id)
    await _follow_access(state, after)
    await state.live.emit(EVENT, about_channel(after.record, "channel:updated", user), after.room)
    return answer(after.record)


@router.delete("/{channel_id}/delete", response_model=bool)
async def remove(channel_id: str, state: State, user: User) -> bool:
    """Delete a channel and everything said in it; whoever sees it hears of that."""
    channel = await manageable(state, channel_id, user)
    async with state.database.write() as connection:
        said = select(messages.c.id).where(messages.c.channel_id == channel_id)
        await connection.execute(delete(reactions).where(reactions.c.message_id.in_(said)))
        await connection.execute(delete(messages).where(messages.c.channel_id == channel_id))
        await connection.execute(delete(channel_members).where(channel_members.c.channel_id == channel_id))
        await connection.execute(_their(access_grants, channel_id))
        await connection.execute(delete(channels).where(channels.c.id == channel_id))
    state.channels.forget(channel_id)
    state.runs.drop_replies(channel_id)
    await state.live.emit(EVENT, about_channel(channel.record, "channel:deleted", user), channel.room)
    await state.live.close_room(channel.room)
    return True


async def open_direct(state: ServerState, user: Principal, members: list[str]) -> Channel:
    """Find or make the conversation of exactly these people, shown in the opener's list; tells all of
    them.
    """
    async with state.database.write() as connection:
        await require_people(connection, members)
        channel_id = await direct_channel_of(connection, members)
        if channel_id is None:
            channel_id = await add_channel(
                connection, state.database.clock, user.id, grants=(), members=members, name="", type="dm"
            )
        else:
            await connection.execute(
                update(channel_members)
                .where(channel_members.c.channel_id == channel_id, channel_members.c.user_id == user.id)
                .values(is_active=True)
            )
        channel = await state.channels.read(connection, channel_id)
    state.channels.forget(channel_id)
    assert channel is not None  # noqa: S101 - found or stored by the transaction above; tells mypy so
    await let_in(state, channel, members)
    return channel


async def let_in(state: ServerState, channel: Channel, people: list[str]) -> None:
    """Bring these people's sockets into the room, then tell them that there is a channel."""
    for member in people:
        await state.live.enter(member, channel.room)
        await announce_created(state.live, member)


async def shut_out(state: ServerState, channel_id: str, people: list[str]) -> None:
    """Take these people's sockets out of the room before anything more is said there, and tell them."""
    for member in people:
        await state.live.leave(member, f"channel:{channel_id}")
        await announce_gone(state.live, channel_id, member)


async def require_people(connection: Any, ids: list[str]) -> None:
    """400 unless every id is a person's."""
    if len(ids) > MAX_MEMBERS:
        raise Problem(400, f"A group has at most {MAX_MEMBERS:,} members.")
    rows = await connection.execute(
        select(users.c.id).where(users.c.id.in_(ids), users.c.role.in_(("admin", "user")))
    )
    if len(rows.all()) != len(set(ids)):
        raise Problem(400, "One of these people does not exist here.")


async def _follow_access(state: ServerState, channel: Channel) -> None:
    """After grants changed: whoever may see the channel now is in its room, and nobody else."""
    inside = {one.principal.id for one in state.live.members(channel.room) if one.principal is not None}
    allowed = set(_online_readers(state, channel))
    await shut_out(state, channel.id, sorted(inside - allowed))
    await let_in(state, channel, sorted(allowed - inside))


def _online_readers(state: ServerState, channel: Channel) -> list[str]:
    return [
        person.id
        for person in state.live.principals()
        if channel.may_read(person) and may_use_channels(state.config, person)
    ]


def _their(table: Any, channel_id: str) -> Any:
    return delete(table).where(table.c.resource_type == "channel", table.c.resource_id == channel_id)


def _name(name: str | None, kind: str | None) -> str:
    """A channel's name as it is stored: lower case for standard channels, as the original does."""
    text = " ".join((name or "").split())
    if not text:
        raise Problem(400, "Please give the channel a name.")
    if len(text) > MAX_NAME:
        raise Problem(400, f"The name is too long: it may have at most {MAX_NAME} characters.")
    return text if kind else text.lower()


def _check_sizes(form: ChannelForm) -> None:
    if form.access_grants is not None and len(form.access_grants) > MAX_GRANTS:
        raise Problem(400, f"A channel has at most {MAX_GRANTS:,} grants.")
    if len(to_json([form.data, form.meta, form.access_control])) > MAX_EXTRAS_BYTES:
        raise Problem(
            413, f"The channel carries too much data: at most {MAX_EXTRAS_BYTES // 1024} KiB are taken."
        )


def _description(text: str | None) -> str | None:
    if text is not None and len(text) > MAX_DESCRIPTION:
        raise Problem(
            400, f"The description is too long: it may have at most {MAX_DESCRIPTION:,} characters."
        )
    return text
