"""Channels and their messages. All times here are unix nanoseconds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .accounts import UserEntry, UserName
from .base import OURS, UNTIL_S, JsonObject, L, WireModel


class AccessGrant(WireModel):
    """Who may read or write a resource; principal_id "*" is everybody. Brought by 0.12.4; created_at in
    unix seconds.
    """

    id: str | None = None
    resource_type: str | None = None
    resource_id: str | None = None
    principal_type: str
    principal_id: str
    permission: str
    created_at: int | None = None


class ChannelRecord(WireModel):
    """A channel as stored and as it rides on channel events.

    `type` is null or "" (standard), "group" or "dm". 0.6.41 has `access_control` (null = public), 0.12.4
    `access_grants`.
    """

    id: str
    user_id: str
    type: str | None = None
    name: str
    description: str | None = None
    is_private: bool | None = None
    data: JsonObject | None = None
    meta: JsonObject | None = None
    access_control: Annotated[JsonObject | None, UNTIL_S] = None
    access_grants: Annotated[list[AccessGrant] | None, L] = None
    created_at: int
    updated_at: int
    updated_by: str | None = None
    archived_at: int | None = None
    archived_by: str | None = None
    deleted_at: int | None = None
    deleted_by: str | None = None


class ChannelEntry(ChannelRecord):
    """A row of GET /api/v1/channels/. `users` only for direct conversations."""

    user_ids: list[str] | None = None
    users: list[UserEntry] | None = None
    last_message_at: int | None = None
    unread_count: int = 0
    is_channel_muted: Annotated[bool | None, L] = None


class ChannelDetail(ChannelRecord):
    """GET /api/v1/channels/{id}."""

    is_manager: bool = False
    write_access: bool = False
    user_count: int | None = None
    user_ids: list[str] | None = None
    users: list[UserEntry] | None = None
    last_read_at: int | None = None
    unread_count: int = 0
    is_channel_muted: Annotated[bool | None, L] = None


class ChannelForm(WireModel):
    """Body of POST /api/v1/channels/create and /api/v1/channels/{id}/update (which may leave keys out)."""

    name: str | None = None
    type: str | None = None
    description: str | None = None
    is_private: bool | None = None
    data: JsonObject | None = None
    meta: JsonObject | None = None
    access_control: Annotated[JsonObject | None, UNTIL_S] = None
    access_grants: Annotated[list[AccessGrant] | None, L] = None
    group_ids: list[str] | None = None
    user_ids: list[str] | None = None


class MemberPage(WireModel):
    """GET /api/v1/channels/{id}/members: 30 people a page."""

    users: list[UserEntry]
    total: int


class MemberActive(WireModel):
    """Body of POST /api/v1/channels/{id}/members/active: hide or show a direct conversation."""

    is_active: bool


class ChannelMute(WireModel):
    """Body, answer and event payload of muting a channel. Brought by 0.12.4."""

    is_channel_muted: bool


class MembersForm(WireModel):
    """Body of POST /api/v1/channels/{id}/update/members/add and /remove."""

    user_ids: list[str] = Field(default_factory=list)
    group_ids: list[str] = Field(default_factory=list)


class ReactionUser(WireModel):
    """One of those who reacted."""

    id: str
    name: str


class Reaction(WireModel):
    """All who reacted to a message with one name (an emoji's short code)."""

    name: str
    users: list[ReactionUser]
    count: int


class Message(WireModel):
    """A message of a channel, in events and in pages.

    `reply_to_message` holds one level only. `data` is an object, null, or (0.12.4, in lists and quotes) a
    boolean that says whether there is an object to fetch. The answer of a post lacks user, reactions and
    counters.
    """

    id: str
    user_id: str
    app_id: Annotated[str | None, L] = None
    channel_id: str
    reply_to_id: str | None = None
    parent_id: str | None = None
    is_pinned: bool = False
    pinned_by: str | None = None
    pinned_at: int | None = None
    content: str
    data: bool | JsonObject | None = None
    meta: JsonObject | None = None
    created_at: int
    updated_at: int
    user: UserName | None = None
    reply_to_message: Message | None = None
    latest_reply_at: int | None = None
    reply_count: int = 0
    reactions: list[Reaction] = Field(default_factory=list)
    etag: Annotated[str | None, L] = None


class PostedMessage(Message):
    """A message as announced: with the sender's `temp_id`, which may be null or absent (bots, webhooks)."""

    temp_id: str | None = None


class ReactedMessage(Message):
    """A message on a reaction event: `name` is the reaction that came or went."""

    name: str


class MessageForm(WireModel):
    """Body of POST /api/v1/channels/{id}/messages/post."""

    temp_id: str | None = None
    content: str
    reply_to_id: str | None = None
    parent_id: str | None = None
    data: JsonObject | None = None
    meta: JsonObject | None = None


class MessageEdit(WireModel):
    """Body of POST /api/v1/channels/{id}/messages/{message id}/update; data and meta are merged."""

    content: str
    data: JsonObject | None = None
    meta: JsonObject | None = None


class ReactionForm(WireModel):
    """Body of POST …/reactions/add and /remove."""

    name: str


class PinForm(WireModel):
    """Body of POST …/pin."""

    is_pinned: bool


class ReadMark(WireModel):
    """Payload of our channel:read: how far a person has read, in unix nanoseconds."""

    last_read_at: Annotated[int, OURS]


class TypingFlag(WireModel):
    """Whether somebody is typing."""

    typing: bool
