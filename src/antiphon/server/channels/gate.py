"""Letting people into channels: found, allowed, or refused in the protocol's words."""

from __future__ import annotations

from antiphon.server.channels.directory import Channel
from antiphon.server.errors import Problem
from antiphon.server.permissions import may_use_channels
from antiphon.server.security.principals import Principal
from antiphon.server.state import ServerState


def require_channels(state: ServerState, person: Principal) -> None:
    """403 if channels are switched off, or this person may not use them."""
    if not may_use_channels(state.config, person):
        raise Problem.no_access()


async def existing(state: ServerState, channel_id: str, person: Principal) -> Channel:
    """The channel, or 404."""
    require_channels(state, person)
    channel = await state.channels.get(channel_id)
    if channel is None:
        raise Problem.not_found()
    return channel


async def readable(state: ServerState, channel_id: str, person: Principal) -> Channel:
    """The channel if this person may see it."""
    channel = await existing(state, channel_id, person)
    if not channel.may_read(person):
        raise Problem.no_access()
    return channel


async def writable(state: ServerState, channel_id: str, person: Principal) -> Channel:
    """The channel if this person may post in it."""
    channel = await existing(state, channel_id, person)
    if not channel.may_write(person):
        raise Problem.no_access()
    return channel


async def manageable(state: ServerState, channel_id: str, person: Principal) -> Channel:
    """The channel if this person may change it."""
    channel = await existing(state, channel_id, person)
    if not channel.may_manage(person):
        raise Problem.no_access()
    return channel


async def still_writable(state: ServerState, channel: Channel, person: Principal) -> Channel:
    """For use inside a write: the channel as it is now, which may have changed while the lock was waited for.

    Every change of a channel is made as the writer too, so nothing can change any more until the write ends.
    """
    return channel if state.channels.is_current(channel) else await writable(state, channel.id, person)


async def still_readable(state: ServerState, channel: Channel, person: Principal) -> Channel:
    """The same for whoever only needs to see the channel."""
    return channel if state.channels.is_current(channel) else await readable(state, channel.id, person)
