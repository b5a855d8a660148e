"""Chats: the row, the document in it, and its tree of turns. Times here are unix seconds."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from .accounts import UserName
from .base import AliasedModel, JsonObject, L, Number, WireModel
from .responses import OutputItem


class ChatMessage(AliasedModel):
    """A question or an answer (a turn) in a chat's history. `parent_id` and `children_ids` make the tree."""

    id: str
    parent_id: str | None = Field(default=None, alias="parentId")
    children_ids: list[str] = Field(default_factory=list, alias="childrenIds")
    role: str
    content: str = ""
    timestamp: Number | None = None
    model: str | None = None
    models: list[str] | None = None
    model_name: str | None = Field(default=None, alias="modelName")
    model_idx: int | None = Field(default=None, alias="modelIdx")
    selected_model_id: str | None = Field(default=None, alias="selectedModelId")
    done: bool | None = None
    error: Any = None
    output: Annotated[list[OutputItem] | None, L] = None
    original_content: Annotated[str | None, L] = Field(default=None, alias="originalContent")
    usage: JsonObject | None = None
    sources: list[JsonObject] | None = None
    code_executions: list[JsonObject] | None = None
    status_history: list[JsonObject] | None = Field(default=None, alias="statusHistory")
    follow_ups: list[str] | None = Field(default=None, alias="followUps")
    files: list[JsonObject] | None = None
    embeds: list[Any] | None = None
    favorite: Annotated[bool | None, L] = None
    meta: Annotated[JsonObject | None, L] = None
    user_id: Annotated[str | None, L] = None
    user: Annotated[UserName | None, L] = None


class History(AliasedModel):
    """All turns of a chat by id; `current_id` is the last one of the branch on screen."""

    messages: dict[str, ChatMessage] = Field(default_factory=dict)
    current_id: str | None = Field(default=None, alias="currentId")


class ChatDocument(WireModel):
    """The document inside a chat's row; `messages` repeats the branch on screen in short form."""

    id: str | None = None
    title: str | None = None
    models: list[str] | None = None
    params: JsonObject | None = None
    history: History | None = None
    messages: list[JsonObject] | None = None
    tags: list[Any] | None = None
    files: list[JsonObject] | None = None
    timestamp: Number | None = None
    share_mode: Annotated[str | None, L] = None


class ChatRow(WireModel):
    """GET /api/v1/chats/{id}, and the answer of every write to a chat."""

    id: str
    user_id: str
    title: str
    chat: ChatDocument
    updated_at: int
    created_at: int
    share_id: str | None = None
    archived: bool = False
    pinned: bool | None = None
    meta: JsonObject | None = None
    folder_id: str | None = None
    tasks: Annotated[list[JsonObject] | None, L] = None
    variables: Annotated[JsonObject | None, L] = None
    summary: Annotated[Any, L] = None
    current_message_id: Annotated[str | None, L] = None
    context_usage: Annotated[JsonObject | None, L] = None


class ChatEntry(WireModel):
    """A row of GET /api/v1/chats/ (60 a page; an empty page is the end) and /api/v1/chats/pinned.

    In a folder's list 0.6.41 leaves `created_at` out.
    """

    id: str
    title: str
    updated_at: int
    created_at: int | None = None
    last_read_at: Annotated[int | None, L] = None
    active: Annotated[bool | None, L] = None
    archived: Annotated[bool | None, L] = None
    pinned: bool | None = None
    folder_id: str | None = None
    snippet: Annotated[str | None, L] = None


class ChatForm(WireModel):
    """Body of POST /api/v1/chats/new and /api/v1/chats/{id}; an update may hold a part of the document."""

    chat: ChatDocument
    folder_id: str | None = None


class ChatMessageEdit(WireModel):
    """Body of POST /api/v1/chats/{id}/messages/{message id}."""

    content: str


class ChatEventForm(WireModel):
    """Body of POST /api/v1/chats/{id}/messages/{message id}/event: an event for the chat owner's windows."""

    type: str
    data: Any = None


class ChatTag(WireModel):
    """A row of GET /api/v1/chats/all/tags and /api/v1/chats/{id}/tags."""

    id: str
    name: str
    user_id: str | None = None
    meta: JsonObject | None = None


class ChatFolder(WireModel):
    """A row of GET /api/v1/folders/; `unread_count` counts the chats in it and in the folders below."""

    id: str
    name: str
    parent_id: str | None = None
    is_expanded: bool | None = None
    unread_count: Annotated[int | None, L] = None
    created_at: int | None = None
    updated_at: int | None = None
    meta: JsonObject | None = None


class ChatFolderForm(WireModel):
    """Body of POST /api/v1/folders/."""

    name: str
    parent_id: str | None = None


class ChatFolderChange(WireModel):
    """Body of POST /api/v1/folders/{id}/update."""

    name: str


class ChatMove(WireModel):
    """Body of POST /api/v1/chats/{id}/folder; null takes the chat out of its folder."""

    folder_id: str | None


class ChatTagForm(WireModel):
    """Body of POST and DELETE /api/v1/chats/{id}/tags, and of POST /api/v1/chats/tags."""

    name: str
