"""Channels, their members and messages."""

from __future__ import annotations

from typing import cast

from antiphon.client.rest.http import Http, segment
from antiphon.wire import (
    ChannelDetail,
    ChannelEntry,
    ChannelForm,
    ChannelMute,
    ChannelRecord,
    JsonObject,
    MemberActive,
    MemberPage,
    MembersForm,
    Message,
    MessageEdit,
    MessageForm,
    PinForm,
    ReactionForm,
)

Entries = list[ChannelEntry]
Messages = list[Message]
Data = JsonObject | None

PAGE = 50
"""Messages in a page, as the original fetches them."""
PINNED_PAGE = 20
"""Pinned messages in a page; the server decides that."""


class Channels:
    """`/api/v1/channels`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def list(self) -> Entries:
        """List the channels of this person."""
        return cast("Entries", await self._http.get("/api/v1/channels/", Entries))

    async def get(self, channel_id: str) -> ChannelDetail:
        """Fetch a channel."""
        return cast(
            "ChannelDetail", await self._http.get(f"/api/v1/channels/{segment(channel_id)}", ChannelDetail)
        )

    async def create(self, form: ChannelForm) -> ChannelRecord:
        """Make a channel."""
        return cast("ChannelRecord", await self._http.post("/api/v1/channels/create", ChannelRecord, form))

    async def direct(self, user_id: str) -> ChannelRecord:
        """Find or make the conversation with one person."""
        return cast(
            "ChannelRecord", await self._http.get(f"/api/v1/channels/users/{segment(user_id)}", ChannelRecord)
        )

    async def update(self, channel_id: str, form: ChannelForm) -> ChannelRecord:
        """Rename a channel or change its access."""
        path = f"/api/v1/channels/{segment(channel_id)}/update"
        return cast("ChannelRecord", await self._http.post(path, ChannelRecord, form))

    async def delete(self, channel_id: str) -> None:
        """Delete a channel with all its messages."""
        await self._http.request("DELETE", f"/api/v1/channels/{segment(channel_id)}/delete", object)

    async def mute(self, channel_id: str, muted: bool) -> None:
        """Mute or unmute a channel for this person (0.12.4)."""
        form = ChannelMute(is_channel_muted=muted)
        await self._http.post(f"/api/v1/channels/{segment(channel_id)}/members/mute", object, form)

    async def members(self, channel_id: str, page: int = 1, query: str = "") -> MemberPage:
        """List the members, 30 a page."""
        path = f"/api/v1/channels/{segment(channel_id)}/members"
        return cast("MemberPage", await self._http.get(path, MemberPage, page=page, query=query or None))

    async def hide(self, channel_id: str, hidden: bool) -> None:
        """Take a direct conversation out of this person's list, or show it again."""
        path = f"/api/v1/channels/{segment(channel_id)}/members/active"
        await self._http.post(path, object, MemberActive(is_active=not hidden))

    async def add_members(self, channel_id: str, form: MembersForm) -> None:
        """Add people to a group."""
        path = f"/api/v1/channels/{segment(channel_id)}/update/members/add"
        await self._http.post(path, object, form)

    async def remove_members(self, channel_id: str, form: MembersForm) -> None:
        """Take people out of a group."""
        path = f"/api/v1/channels/{segment(channel_id)}/update/members/remove"
        await self._http.post(path, object, form)

    async def messages(
        self, channel_id: str, skip: int = 0, limit: int = PAGE, *, before: str | None = None
    ) -> Messages:
        """List top-level messages, newest first. `before` (a server of ours): those older than this one."""
        path = f"/api/v1/channels/{segment(channel_id)}/messages"
        answer = await self._http.get(path, Messages, skip=skip, limit=limit, before=before)
        return cast("Messages", answer)

    async def thread(
        self,
        channel_id: str,
        parent_id: str,
        skip: int = 0,
        limit: int = PAGE,
        *,
        before: str | None = None,
    ) -> Messages:
        """List the replies under a message, newest first. A page with fewer than `limit` of them holds the
        parent as the last (W-19). `before` (0.12.4): those older than this one.
        """
        path = f"/api/v1/channels/{segment(channel_id)}/messages/{segment(parent_id)}/thread"
        answer = await self._http.get(path, Messages, skip=skip, limit=limit, before=before)
        return cast("Messages", answer)

    async def message(self, channel_id: str, message_id: str) -> Message:
        """Fetch one message."""
        path = f"/api/v1/channels/{segment(channel_id)}/messages/{segment(message_id)}"
        return cast("Message", await self._http.get(path, Message))

    async def data(self, channel_id: str, message_id: str) -> JsonObject | None:
        """Fetch what a message carries, where a list said only that there is something (0.12.4)."""
        path = f"/api/v1/channels/{segment(channel_id)}/messages/{segment(message_id)}/data"
        return cast("JsonObject | None", await self._http.get(path, Data))

    async def pinned(self, channel_id: str, page: int = 1) -> Messages:
        """List pinned messages, the last pinned first, 20 a page."""
        path = f"/api/v1/channels/{segment(channel_id)}/messages/pinned"
        return cast("Messages", await self._http.get(path, Messages, page=page))

    async def post(self, channel_id: str, form: MessageForm) -> Message:
        """Post a message. On a server of ours the form's `temp_id` makes a repeated post harmless."""
        path = f"/api/v1/channels/{segment(channel_id)}/messages/post"
        return cast("Message", await self._http.post(path, Message, form))

    async def edit(self, channel_id: str, message_id: str, form: MessageEdit) -> Message:
        """Change a message's text."""
        path = f"/api/v1/channels/{segment(channel_id)}/messages/{segment(message_id)}/update"
        return cast("Message", await self._http.post(path, Message, form))

    async def remove(self, channel_id: str, message_id: str) -> None:
        """Delete a message."""
        path = f"/api/v1/channels/{segment(channel_id)}/messages/{segment(message_id)}/delete"
        await self._http.request("DELETE", path, object)

    async def react(self, channel_id: str, message_id: str, name: str) -> None:
        """Add a reaction; adding it twice changes nothing."""
        path = f"/api/v1/channels/{segment(channel_id)}/messages/{segment(message_id)}/reactions/add"
        await self._http.post(path, object, ReactionForm(name=name))

    async def unreact(self, channel_id: str, message_id: str, name: str) -> None:
        """Take a reaction back."""
        path = f"/api/v1/channels/{segment(channel_id)}/messages/{segment(message_id)}/reactions/remove"
        await self._http.post(path, object, ReactionForm(name=name))

    async def pin(self, channel_id: str, message_id: str, pinned: bool) -> Message:
        """Pin or unpin a message."""
        path = f"/api/v1/channels/{segment(channel_id)}/messages/{segment(message_id)}/pin"
        return cast("Message", await self._http.post(path, Message, PinForm(is_pinned=pinned)))
