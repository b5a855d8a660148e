"""What a conversation is called, for the person who looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from antiphon.wire import ChannelDetail, ChannelEntry, UserEntry


def partner(channel: ChannelDetail | ChannelEntry, my_id: str) -> UserEntry | None:
    """The other person of a direct conversation; oneself in a conversation with oneself, None in other
    channels."""
    if channel.type != "dm" or not channel.users:
        return None
    return next((user for user in channel.users if user.id != my_id), channel.users[0])


def channel_title(channel: ChannelDetail | ChannelEntry, my_id: str) -> str:
    """`#name` for a channel, the others' names for a group without one, the partner's name for two people."""
    if channel.type == "dm":
        other = partner(channel, my_id)
        return other.name if other else channel.name or "Direct conversation"
    if channel.type == "group":
        others = [user.name for user in channel.users or () if user.id != my_id]
        return channel.name or ", ".join(others) or "Group"
    return f"#{channel.name}"
