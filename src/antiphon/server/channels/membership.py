"""Becoming a member of a standard channel: by opening it."""

from __future__ import annotations

from antiphon.server.channels.directory import Channel, Membership
from antiphon.server.channels.first import member_row
from antiphon.server.channels.gate import still_readable
from antiphon.server.security.principals import Principal
from antiphon.server.state import ServerState
from antiphon.server.storage.tables.channels import channel_members


async def ensure_member(state: ServerState, channel: Channel, user: Principal) -> Channel:
    """Give whoever opens a standard channel a read mark; what was said before counts as read."""
    if user.id in channel.members or channel.is_closed:
        return channel
    async with state.database.write() as connection:
        channel = await still_readable(state, channel, user)
        now = state.database.clock.nanoseconds()
        joins = state.database.insert(channel_members).on_conflict_do_nothing()
        await connection.execute(joins, member_row(channel.id, user.id, now))
    channel.members.setdefault(user.id, Membership(True, False, now))
    return channel
