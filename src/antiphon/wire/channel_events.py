"""Events under the name `events:channel`, sent to room `channel:{id}` unless said otherwise."""

from __future__ import annotations

from typing import ClassVar, Generic

from .accounts import UserName
from .base import OURS, Envelope, L, Nothing, P, Since
from .channels import ChannelMute, ChannelRecord, Message, PostedMessage, ReactedMessage, ReadMark, TypingFlag


class ChannelEnvelope(Envelope[P], Generic[P]):
    """`{channel_id, message_id, data, user, channel}`; a model's edits (0.12.4) come without user and
    channel.
    """

    NAME: ClassVar[str] = "events:channel"

    channel_id: str
    message_id: str | None = None
    user: UserName | None = None
    channel: ChannelRecord | None = None


class MessageCreated(ChannelEnvelope[PostedMessage]):
    """A message was stored."""

    TYPES: ClassVar[tuple[str, ...]] = ("message",)


class MessageUpdated(ChannelEnvelope[Message]):
    """A message was edited; in 0.12.4 also pinned, unpinned, or written further by a model (at most each
    150 ms).
    """

    TYPES: ClassVar[tuple[str, ...]] = ("message:update",)


class MessageDeleted(ChannelEnvelope[Message]):
    """A message was deleted; the payload is the message as it was."""

    TYPES: ClassVar[tuple[str, ...]] = ("message:delete",)


class MessageReplied(ChannelEnvelope[Message]):
    """A thread reply came or went; the payload is the PARENT with fresh counters."""

    TYPES: ClassVar[tuple[str, ...]] = ("message:reply",)


class ReactionAdded(ChannelEnvelope[ReactedMessage]):
    """Somebody reacted; `user` of the envelope is that person."""

    TYPES: ClassVar[tuple[str, ...]] = ("message:reaction:add",)


class ReactionRemoved(ChannelEnvelope[ReactedMessage]):
    """Somebody took a reaction back; `user` of the envelope is that person."""

    TYPES: ClassVar[tuple[str, ...]] = ("message:reaction:remove",)


class ChannelTyping(ChannelEnvelope[TypingFlag]):
    """Somebody types; `message_id` is the thread's root, or null in the channel itself. The sender gets it
    too.
    """

    TYPES: ClassVar[tuple[str, ...]] = ("typing",)


class PersonalChannelEvent(Envelope[P], Generic[P]):
    """An `events:channel` that goes to one person's own room, and may come without a channel id."""

    NAME: ClassVar[str] = "events:channel"

    channel_id: str | None = None
    message_id: str | None = None
    user: UserName | None = None
    channel: ChannelRecord | None = None


class ChannelCreated(PersonalChannelEvent[Nothing]):
    """A group or direct conversation with this person was made or opened again: fetch the channel list."""

    TYPES: ClassVar[tuple[str, ...]] = ("channel:created",)


class ChannelMuted(ChannelEnvelope[ChannelMute]):
    """This person muted or unmuted a channel; goes to their own room. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("channel:mute",)
    SINCE: ClassVar[Since] = L


class ChannelUpdated(ChannelEnvelope[Nothing]):
    """A channel was renamed or its access changed; the envelope's `channel` is the new record. Ours."""

    TYPES: ClassVar[tuple[str, ...]] = ("channel:updated",)
    SINCE: ClassVar[Since] = OURS


class ChannelDeleted(ChannelEnvelope[Nothing]):
    """A channel is gone, or this person's access to it is. Ours."""

    TYPES: ClassVar[tuple[str, ...]] = ("channel:deleted",)
    SINCE: ClassVar[Since] = OURS


class ChannelRead(ChannelEnvelope[ReadMark]):
    """This person read a channel in another window; goes to their own room. Ours."""

    TYPES: ClassVar[tuple[str, ...]] = ("channel:read",)
    SINCE: ClassVar[Since] = OURS


ChannelEvent = (
    MessageCreated
    | MessageUpdated
    | MessageDeleted
    | MessageReplied
    | ReactionAdded
    | ReactionRemoved
    | ChannelTyping
    | ChannelCreated
    | ChannelMuted
    | ChannelUpdated
    | ChannelDeleted
    | ChannelRead
)
