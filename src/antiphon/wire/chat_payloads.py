"""What the events of a chat carry in `data.data`, except calls. Keys that plug-ins add are kept."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from .accounts import UserName
from .base import AliasedModel, JsonObject, L, Number, WireModel
from .chats import ChatMessage
from .responses import CompletionChunk, OutputItem


class StatusUpdate(WireModel):
    """A step that the answer's making has reached, for its status history; open."""

    action: str | None = None
    description: str | None = None
    done: bool | None = None
    hidden: bool | None = None


class CompletionUpdate(CompletionChunk):
    """A chat:completion: any mix of these.

    0.6.41 streams `content`, the whole text so far, between raw provider chunks (`choices`); 0.12.4 sends
    `output` items, which outrank the content. `done` ends the answer.
    """

    content: str | None = None
    done: bool | None = None
    title: str | None = None
    sources: list[JsonObject] | None = None
    selected_model_id: str | None = None
    output: Annotated[list[OutputItem] | None, L] = None
    type: Annotated[str | None, L] = None
    finish_reason: Annotated[str | None, L] = None


class CancelledOutput(WireModel):
    """What was written until the stop; 0.6.41 sends nothing here, and 0.12.4 not always."""

    output: Annotated[list[OutputItem] | None, L] = None


class TextPiece(WireModel):
    """Text to append, or to put in the old text's place."""

    content: str


class FileList(WireModel):
    """Files that take the place of the message's files."""

    files: list[Any]


class EmbedList(WireModel):
    """Embeds (HTML text or objects) that take the place of the message's embeds."""

    embeds: list[Any]
    replace: Annotated[bool | None, L] = None


class ErrorContent(WireModel):
    """An error as shown: text, or the provider's own error object."""

    content: str | JsonObject | None = None


class TurnFailure(WireModel):
    """A failed answer."""

    error: ErrorContent | str | bool | None
    done: Annotated[bool | None, L] = None


class FollowUpList(WireModel):
    """Questions that the person may ask next."""

    follow_ups: list[str]


class FavoriteFlag(WireModel):
    """Whether the answer is a favourite."""

    favorite: bool


class VoiceData(WireModel):
    """Voice data to merge into the message's meta."""

    voice: Any


class TaskItems(WireModel):
    """The chat's to-do list, whole."""

    tasks: list[Any]


class OutletMessage(WireModel):
    """A message as the outlet filters changed it."""

    id: str
    content: Any = None


class OutletMessages(WireModel):
    """Messages that the outlet filters changed."""

    messages: list[OutletMessage]


class SourceItem(WireModel):
    """A source of the answer (`source`, `document`, `metadata`), or, with type "code_execution", a run
    shown by `id`.
    """

    type: str | None = None
    id: str | None = None
    name: str | None = None
    code: str | None = None
    result: JsonObject | None = None
    source: JsonObject | None = None
    document: list[Any] | None = None
    metadata: list[Any] | None = None
    distances: list[Any] | None = None


class NotificationContent(WireModel):
    """A notice for the person; `type` is success, error, warning or info (anything else counts as info)."""

    type: str | None = None
    content: str


class CompactionStep(WireModel):
    """Progress of squeezing a long chat's context. Brought by 0.12.4."""

    action: str | None = None
    description: str | None = None
    done: bool | None = None
    error: Any = None
    checkpoint_message_id: str | None = None
    context_summary: Any = None


class ActiveFlag(WireModel):
    """Whether an answer of the chat is being written."""

    active: bool
    folder_id: str | None = None


class ChatListNews(WireModel):
    """Which rows of the chat list changed; `last_read_at` in unix seconds."""

    chat_id: str | None = None
    folder_id: str | None = None
    last_read_at: int | None = None
    folder_unread_counts: JsonObject | None = None


class SharedHistory(AliasedModel):
    """Turns that another viewer of a shared chat sees now."""

    messages: dict[str, ChatMessage]
    current_id: str | None = Field(default=None, alias="currentId")


class ViewerList(WireModel):
    """Who looks at a shared chat."""

    users: list[UserName]


class CalendarEntry(WireModel):
    """An appointment that begins soon; `start_at` as the server stores it (a number), minutes_until ≥ 0."""

    event_id: str
    title: str
    description: str | None = None
    start_at: Number | None = None
    minutes_until: Number | None = None
    calendar_id: str | None = None
    location: str | None = None


class TerminalFile(WireModel):
    """A file, or page of it, that the file panel is to show; other keys depend on the command."""

    path: str | None = None
    page: Any = None
