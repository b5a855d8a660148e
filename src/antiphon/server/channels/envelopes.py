"""What channel events carry, exactly as 0.12.4 sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from antiphon.server.security.principals import Principal

if TYPE_CHECKING:
    from antiphon.server.channels.directory import Channel
    from antiphon.server.live.live import Live

EVENT = "events:channel"


def about_message(channel: Channel, message: dict[str, Any], type_: str, author: Principal) -> dict[str, Any]:
    """An event about a message: `author` is whoever caused it."""
    return {
        "channel_id": channel.record["id"],
        "message_id": message["id"],
        "data": {"type": type_, "data": message},
        "user": author.as_author(),
        "channel": channel.record,
    }


def about_channel(record: dict[str, Any], type_: str, author: Principal) -> dict[str, Any]:
    """Our `channel:updated` and `channel:deleted`: the record as it is, or last was."""
    return {
        "channel_id": record["id"],
        "data": {"type": type_},
        "user": author.as_author(),
        "channel": record,
    }


async def announce_created(live: Live, user_id: str) -> None:
    """Tell a person that there is a channel they did not see before."""
    await live.emit(EVENT, {"data": {"type": "channel:created"}}, f"user:{user_id}")


async def announce_gone(live: Live, channel_id: str, user_id: str) -> None:
    """Tell a person that a channel is no longer theirs to see."""
    payload = {"channel_id": channel_id, "data": {"type": "channel:deleted"}}
    await live.emit(EVENT, payload, f"user:{user_id}")
