"""Storing a new channel, and the one that a new server begins with."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.server.channels.access import OPEN, Grant, grant_rows
from antiphon.server.storage.clock import Clock
from antiphon.server.storage.tables.channels import access_grants, channel_members, channels


async def add_general(connection: AsyncConnection, owner: str, clock: Clock) -> str:
    """Make the channel `general`, open to everyone."""
    return await add_channel(
        connection, clock, owner, name="general", description="For everyone", grants=OPEN, members=()
    )


async def add_channel(
    connection: AsyncConnection,
    clock: Clock,
    owner: str,
    *,
    grants: Iterable[Grant],
    members: Iterable[str],
    **values: Any,
) -> str:
    """Store a channel with its grants and members; returns its id."""
    channel_id, now = str(uuid.uuid4()), clock.nanoseconds()
    row = {"id": channel_id, "user_id": owner, "created_at": now, "updated_at": now, **values}
    await connection.execute(insert(channels).values(row))
    rows = grant_rows(channel_id, grants, clock.seconds())
    if rows:
        await connection.execute(insert(access_grants), rows)
    memberships = [member_row(channel_id, member, now, invited_by=owner) for member in members]
    if memberships:
        await connection.execute(insert(channel_members), memberships)
    return channel_id


def member_row(channel_id: str, user_id: str, now: int, *, invited_by: str | None = None) -> dict[str, Any]:
    """A new membership; what was said before it counts as read."""
    return {
        "channel_id": channel_id,
        "user_id": user_id,
        "id": str(uuid.uuid4()),
        "is_active": True,
        "is_channel_muted": False,
        "last_read_at": now,
        "joined_at": now,
        "invited_by": invited_by,
    }
