"""Events that are known by their Socket.IO name alone: notes, documents, encrypted sessions, apps, access."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import FailFast

from .base import UNTIL_S, Event, JsonObject, L, Since, WireModel

Bytes = Annotated[list[int], FailFast()]
"""Binary data as the JSON list of its bytes."""


class EncryptionAvailable(Event):
    """Whether an encrypted session runs in a channel; to room `channel:{id}`. Brought by 0.12.4."""

    NAME: ClassVar[str] = "encryption:available"
    SINCE: ClassVar[Since] = L

    channel: str
    session: Any = None


class EncryptionEvent(Event):
    """A packet or step of an encrypted session; `sequence` grows by one per recipient. Brought by 0.12.4."""

    NAME: ClassVar[str] = "encryption:event"
    SINCE: ClassVar[Since] = L

    kind: str
    sequence: int | None = None


class AccessUpdated(Event):
    """This person's groups or permissions changed; the server disconnects next. Brought by 0.12.4."""

    NAME: ClassVar[str] = "access:updated"
    SINCE: ClassVar[Since] = L


class NoteRecord(Event):
    """A note as stored. Times in unix nanoseconds."""

    id: str
    user_id: str | None = None
    title: str | None = None
    data: JsonObject | None = None
    meta: JsonObject | None = None
    access_control: Annotated[JsonObject | None, UNTIL_S] = None
    access_grants: Annotated[list[Any] | None, L] = None
    created_at: int | None = None
    updated_at: int | None = None


class NoteChanged(NoteRecord):
    """A note was changed by REST; to room `note:{id}`. Brought by 0.12.4."""

    NAME: ClassVar[str] = "events:note"
    SINCE: ClassVar[Since] = L


class NoteChangedBefore(NoteRecord):
    """A note was changed by REST, under the name that 0.6.41 uses."""

    NAME: ClassVar[str] = "note-events"


class AppReply(WireModel):
    """What an app answers; `type` "ack" shows nothing."""

    type: str | None = None
    content: str | None = None
    title: str | None = None
    embeds: list[Any] | None = None
    actions: list[Any] | None = None


class AppEvent(Event):
    """An app's answer to one person, shown under a message to them alone. Brought by 0.12.4."""

    NAME: ClassVar[str] = "events:app"
    SINCE: ClassVar[Since] = L

    app_id: str
    app_name: str | None = None
    channel_id: str
    message_id: str | None = None
    parent_id: str | None = None
    reply: AppReply


class ServerError(Event):
    """A document could not be joined."""

    NAME: ClassVar[str] = "error"

    message: str


class DocumentState(Event):
    """A shared document as it stands, to whoever joins or asks."""

    NAME: ClassVar[str] = "ydoc:document:state"

    document_id: str
    state: Bytes
    sessions: Annotated[list[str] | None, UNTIL_S] = None
    content: Annotated[Any, L] = None


class DocumentUpdate(Event):
    """A change to a shared document."""

    NAME: ClassVar[str] = "ydoc:document:update"

    document_id: str
    user_id: str | None = None
    update: Bytes
    socket_id: str | None = None


class AwarenessUpdate(Event):
    """Cursors and names of a document's editors: the bytes are UTF-8 JSON `{client id: state}`."""

    NAME: ClassVar[str] = "ydoc:awareness:update"

    document_id: str
    user_id: str | None = None
    update: Bytes


class DocumentUserJoined(Event):
    """Somebody opened a shared document."""

    NAME: ClassVar[str] = "ydoc:user:joined"

    document_id: str
    user_id: str | None = None
    user_name: str | None = None
    user_color: str | None = None


class DocumentUserLeft(Event):
    """Somebody closed a shared document."""

    NAME: ClassVar[str] = "ydoc:user:left"

    document_id: str
    user_id: str | None = None


class AutomationResult(Event):
    """An automation ended; to room `user:{id}`, what it holds is open. Brought by 0.12.4."""

    NAME: ClassVar[str] = "automation:result"
    SINCE: ClassVar[Since] = L


OtherEvent = (
    EncryptionAvailable
    | EncryptionEvent
    | AccessUpdated
    | NoteChanged
    | NoteChangedBefore
    | AppEvent
    | ServerError
    | DocumentState
    | DocumentUpdate
    | AwarenessUpdate
    | DocumentUserJoined
    | DocumentUserLeft
    | AutomationResult
)
