"""Chats: rows, documents, tags."""

from __future__ import annotations

from typing import cast

from antiphon.wire import ChatDocument, ChatEntry, ChatForm, ChatRow, ChatTag

from .http import Http, segment

Entries = list[ChatEntry]
Tags = list[ChatTag]

PAGE = 60
"""Chats in a page, in both releases."""


class Chats:
    """`/api/v1/chats`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def list(self, page: int = 1) -> Entries:
        """List chats, newest first, 60 a page; an empty page is the end."""
        return cast("Entries", await self._http.get("/api/v1/chats/", Entries, page=page))

    async def get(self, chat_id: str) -> ChatRow:
        """Fetch a chat with its whole document."""
        return cast("ChatRow", await self._http.get(f"/api/v1/chats/{segment(chat_id)}", ChatRow))

    async def create(self, document: ChatDocument) -> ChatRow:
        """Make a chat from a document (0.6.41 wants that before the first question)."""
        # 0.6.41 takes the key `folder_id` for granted, so it travels although it is null.
        form = ChatForm(chat=document, folder_id=None)
        return cast("ChatRow", await self._http.post("/api/v1/chats/new", ChatRow, form))

    async def save(self, chat_id: str, document: ChatDocument) -> ChatRow:
        """Write a part of a chat's document; keys that it has replace the stored ones."""
        path = f"/api/v1/chats/{segment(chat_id)}"
        return cast("ChatRow", await self._http.post(path, ChatRow, ChatForm(chat=document)))

    async def delete(self, chat_id: str) -> None:
        """Delete a chat."""
        await self._http.request("DELETE", f"/api/v1/chats/{segment(chat_id)}", object)

    async def tags(self) -> Tags:
        """List all tags of this person's chats."""
        return cast("Tags", await self._http.get("/api/v1/chats/all/tags", Tags))

    async def tags_of(self, chat_id: str) -> Tags:
        """List the tags of one chat."""
        return cast("Tags", await self._http.get(f"/api/v1/chats/{segment(chat_id)}/tags", Tags))
