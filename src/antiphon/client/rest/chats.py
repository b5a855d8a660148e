"""Chats: rows, documents, messages, pins, folders, tags."""

from __future__ import annotations

from typing import cast

from antiphon.client.rest.http import Http, segment
from antiphon.wire import (
    ChatDocument,
    ChatEntry,
    ChatFolder,
    ChatFolderChange,
    ChatFolderForm,
    ChatForm,
    ChatMessageEdit,
    ChatMove,
    ChatRow,
    ChatTag,
    ChatTagForm,
)

Entries = list[ChatEntry]
Folders = list[ChatFolder]
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

    async def pinned(self) -> Entries:
        """List the pinned chats, which the other list leaves out."""
        return cast("Entries", await self._http.get("/api/v1/chats/pinned", Entries))

    async def archived(self, page: int = 1) -> Entries:
        """List archived chats, a page at a time."""
        return cast("Entries", await self._http.get("/api/v1/chats/archived", Entries, page=page))

    async def in_folder(self, folder_id: str, page: int = 1) -> Entries:
        """List the chats in a folder, which the other list leaves out, a page at a time."""
        path = f"/api/v1/chats/folder/{segment(folder_id)}/list"
        return cast("Entries", await self._http.get(path, Entries, page=page))

    async def search(self, text: str, page: int = 1) -> Entries:
        """List the chats in whose title or text the words stand, a page at a time."""
        return cast("Entries", await self._http.get("/api/v1/chats/search", Entries, text=text, page=page))

    async def with_tag(self, name: str) -> Entries:
        """List the chats that have a tag."""
        return cast("Entries", await self._http.post("/api/v1/chats/tags", Entries, ChatTagForm(name=name)))

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

    async def edit_message(self, chat_id: str, message_id: str, text: str) -> ChatRow:
        """Give a message another text; the person's windows hear of it (`chat:message`)."""
        path = f"/api/v1/chats/{segment(chat_id)}/messages/{segment(message_id)}"
        return cast("ChatRow", await self._http.post(path, ChatRow, ChatMessageEdit(content=text)))

    async def delete_message(self, chat_id: str, message_id: str) -> ChatRow:
        """Take a message away (0.12.4 and ours; 0.6.41 wants the document written without it)."""
        path = f"/api/v1/chats/{segment(chat_id)}/messages/{segment(message_id)}"
        return cast("ChatRow", await self._http.request("DELETE", path, ChatRow))

    async def is_pinned(self, chat_id: str) -> bool:
        """Tell whether a chat is pinned."""
        answer = await self._http.get(f"/api/v1/chats/{segment(chat_id)}/pinned", bool | None)
        return bool(answer)

    async def toggle_pin(self, chat_id: str) -> ChatRow:
        """Pin a chat, or let a pinned one go."""
        return cast("ChatRow", await self._http.post(f"/api/v1/chats/{segment(chat_id)}/pin", ChatRow))

    async def toggle_archive(self, chat_id: str) -> ChatRow:
        """Put a chat out of the list, or back into it."""
        return cast("ChatRow", await self._http.post(f"/api/v1/chats/{segment(chat_id)}/archive", ChatRow))

    async def move(self, chat_id: str, folder_id: str | None) -> ChatRow:
        """Put a chat into a folder, or out of the one it is in."""
        path = f"/api/v1/chats/{segment(chat_id)}/folder"
        return cast("ChatRow", await self._http.post(path, ChatRow, ChatMove(folder_id=folder_id)))

    # Folders

    async def folders(self) -> Folders:
        """List the folders."""
        return cast("Folders", await self._http.get("/api/v1/folders/", Folders))

    async def create_folder(self, name: str, parent_id: str | None = None) -> ChatFolder:
        """Make a folder."""
        form = ChatFolderForm(name=name, parent_id=parent_id)
        return cast("ChatFolder", await self._http.post("/api/v1/folders/", ChatFolder, form))

    async def rename_folder(self, folder_id: str, name: str) -> None:
        """Give a folder another name."""
        path = f"/api/v1/folders/{segment(folder_id)}/update"
        await self._http.post(path, object, ChatFolderChange(name=name))

    async def delete_folder(self, folder_id: str) -> None:
        """Delete a folder. Open WebUI deletes the chats in it too."""
        await self._http.request("DELETE", f"/api/v1/folders/{segment(folder_id)}", object)

    # Tags

    async def tags(self) -> Tags:
        """List all tags of this person's chats."""
        return cast("Tags", await self._http.get("/api/v1/chats/all/tags", Tags))

    async def tags_of(self, chat_id: str) -> Tags:
        """List the tags of one chat."""
        return cast("Tags", await self._http.get(f"/api/v1/chats/{segment(chat_id)}/tags", Tags))

    async def add_tag(self, chat_id: str, name: str) -> Tags:
        """Give a chat a tag; gives all it has then."""
        path = f"/api/v1/chats/{segment(chat_id)}/tags"
        return cast("Tags", await self._http.post(path, Tags, ChatTagForm(name=name)))

    async def remove_tag(self, chat_id: str, name: str) -> Tags:
        """Take a tag from a chat; gives those it has still."""
        path = f"/api/v1/chats/{segment(chat_id)}/tags"
        return cast("Tags", await self._http.request("DELETE", path, Tags, body=ChatTagForm(name=name)))
