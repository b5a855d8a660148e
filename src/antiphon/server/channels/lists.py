"""Reading channels for lists: who is in them, when something was said last, how much is unread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, and_, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.server.channels.access import EVERYONE
from antiphon.server.channels.directory import CLOSED_TYPES, Channel, Membership, visible_to
from antiphon.server.security.principals import Principal
from antiphon.server.storage.tables.accounts import users
from antiphon.server.storage.tables.channels import channel_members, channels, messages

if TYPE_CHECKING:
    from antiphon.server.state import ServerState

_NANOSECONDS = 1_000_000_000


def joined_at(person: Principal) -> int:
    """From when on a channel that was never opened is unread: since the account is there. In ns."""
    return person.created_at * _NANOSECONDS


async def entries(connection: AsyncConnection, state: ServerState, person: Principal) -> list[dict[str, Any]]:
    """The rows of a person's channel list, in a fixed number of queries."""
    mine = channel_members.alias("mine")
    said = messages.alias("said")
    of_channel = and_(
        said.c.channel_id == channels.c.id, said.c.parent_id.is_(None), said.c.deleted_at.is_(None)
    )
    last = (
        select(said.c.created_at)
        .where(of_channel)
        .order_by(said.c.created_at.desc())
        .limit(1)
        .correlate(channels)
        .scalar_subquery()
    )
    read_to = func.coalesce(mine.c.last_read_at, joined_at(person))
    unread = (
        select(func.count())
        .select_from(said)
        .where(of_channel, said.c.user_id != person.id, said.c.created_at > read_to)
        .correlate(channels, mine)
        .scalar_subquery()
    )
    rows = (
        await connection.execute(
            select(
                channels,
                mine.c.is_channel_muted.label("muted"),
                last.label("last_message_at"),
                unread.label("unread_count"),
            )
            .select_from(
                channels.outerjoin(
                    mine, and_(mine.c.channel_id == channels.c.id, mine.c.user_id == person.id)
                )
            )
            .where(
                visible_to(person),
                or_(
                    channels.c.type.is_(None),
                    channels.c.type.not_in(CLOSED_TYPES),
                    func.coalesce(mine.c.is_active, false()),
                ),
            )
            .order_by(channels.c.created_at.desc())
        )
    ).all()
    grants = await state.channels.grants_of(connection, [row.id for row in rows])
    members = await _members_of(connection, [row.id for row in rows if row.type == "dm"])
    people = {
        one["id"]: one
        for one in await people_named(connection, state, list({m for of in members.values() for m in of}))
    }
    return [
        {
            **state.channels.record(row, grants.get(row.id, [])),
            "is_channel_muted": bool(row.muted),
            "user_ids": members.get(row.id) if row.type == "dm" else None,
            "users": [people[m] for m in members.get(row.id, []) if m in people]
            if row.type == "dm"
            else None,
            "last_message_at": row.last_message_at,
            "unread_count": row.unread_count,
        }
        for row in rows
    ]


async def unread_in(
    connection: AsyncConnection, channel_id: str, person: Principal, membership: Membership | None
) -> int:
    """How many top-level messages others wrote since this person read the channel."""
    since = joined_at(person) if membership is None else membership.last_read_at
    counted = await connection.execute(
        select(func.count())
        .select_from(messages)
        .where(
            messages.c.channel_id == channel_id,
            messages.c.parent_id.is_(None),
            messages.c.deleted_at.is_(None),
            messages.c.user_id != person.id,
            messages.c.created_at > since,
        )
    )
    return int(counted.scalar_one())


async def people_named(
    connection: AsyncConnection, state: ServerState, ids: list[str]
) -> list[dict[str, Any]]:
    """People as a conversation lists them."""
    if not ids:
        return []
    rows = await connection.execute(
        select(users.c.id, users.c.name, users.c.last_active_at)
        .where(users.c.id.in_(ids))
        .order_by(users.c.name)
    )
    return [
        {
            "status_emoji": None,
            "status_message": None,
            "status_expires_at": None,
            "id": row.id,
            "name": row.name,
            "is_active": state.presence.is_active(row.id, row.last_active_at),
        }
        for row in rows
    ]


async def person_count(connection: AsyncConnection, channel: Channel) -> int:
    """How many people may see a channel."""
    counted = await connection.execute(select(func.count()).select_from(users).where(readers_of(channel)))
    return int(counted.scalar_one())


def readers_of(channel: Channel) -> Any:
    """The condition on `users` that they may see a channel."""
    if channel.is_closed:
        return users.c.id.in_(list(channel.members))
    verified = users.c.role.in_(("admin", "user"))
    granted = {grant.principal_id for grant in channel.grants if grant.principal_type == "user"}
    if EVERYONE in granted:
        return verified
    named = users.c.id.in_([*granted, channel.record["user_id"]])
    return and_(verified, or_(users.c.role == "admin", named))


async def direct_channel_of(connection: AsyncConnection, people: list[str]) -> str | None:
    """The direct conversation whose members are exactly these people."""
    members = channel_members.alias("members")
    found = await connection.execute(
        select(channels.c.id)
        .join(members, members.c.channel_id == channels.c.id)
        .where(channels.c.type == "dm")
        .group_by(channels.c.id, channels.c.created_at)
        .having(
            func.count() == len(people),
            func.sum(members.c.user_id.in_(people).cast(Integer)) == len(people),
        )
        .order_by(channels.c.created_at)
        .limit(1)
    )
    return found.scalar()


async def _members_of(connection: AsyncConnection, ids: list[str]) -> dict[str, list[str]]:
    if not ids:
        return {}
    rows = await connection.execute(
        select(channel_members.c.channel_id, channel_members.c.user_id)
        .where(channel_members.c.channel_id.in_(ids))
        .order_by(channel_members.c.joined_at, channel_members.c.user_id)
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.channel_id, []).append(row.user_id)
    return found
