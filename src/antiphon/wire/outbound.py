"""What a client sends over the socket, and the server's acknowledgements."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from .base import Event, L, Since, WireModel
from .channels import TypingFlag
from .other_events import Bytes


class SocketAuth(WireModel):
    """The token, in the handshake and in the join events; no or a bad token leaves the socket anonymous."""

    token: str | None = None


class UserJoin(Event):
    """user-join: enter this person's room and those of their channels. Acknowledged by `UserJoinAck`, or by
    nothing.
    """

    NAME: ClassVar[str] = "user-join"

    auth: SocketAuth


class UserJoinAck(WireModel):
    """The acknowledgement of user-join: who we are. A refused join is acknowledged with null."""

    id: str
    name: str


class JoinChannels(Event):
    """join-channels: enter the rooms of all channels that this person may see now."""

    NAME: ClassVar[str] = "join-channels"

    auth: SocketAuth


class Heartbeat(Event):
    """heartbeat, an empty object: this person is there."""

    NAME: ClassVar[str] = "heartbeat"


class Usage(Event):
    """usage: a model is in use by this socket."""

    NAME: ClassVar[str] = "usage"

    action: str
    model: str
    chat_id: str | None = None


class JoinNote(Event):
    """join-note: enter a note's room."""

    NAME: ClassVar[str] = "join-note"

    note_id: str
    auth: SocketAuth


class EmitBody(WireModel):
    """The inner half of what a client says in a channel or chat."""

    type: str
    data: Any = None

    @property
    def typing(self) -> TypingFlag:
        """The typing flag in `data`. Raises `pydantic.ValidationError` if it is none."""
        return TypingFlag.model_validate(self.data)


class ChannelEmit(Event):
    """events:channel from a client: `typing` (message_id = a thread's root, or null) or `last_read_at`."""

    NAME: ClassVar[str] = "events:channel"

    channel_id: str
    message_id: str | None = None
    data: EmitBody


class ChatEmit(Event):
    """events:chat: `join`, `leave`, `typing` (acknowledged true or false) and `last_read_at`. Brought by
    0.12.4.
    """

    NAME: ClassVar[str] = "events:chat"
    SINCE: ClassVar[Since] = L

    chat_id: str
    data: EmitBody


class DocumentJoin(Event):
    """ydoc:document:join: open a shared document."""

    NAME: ClassVar[str] = "ydoc:document:join"

    document_id: str
    user_id: str | None = None
    user_name: str | None = None
    user_color: str | None = None


class DocumentStateRequest(Event):
    """ydoc:document:state: ask for a document as it stands."""

    NAME: ClassVar[str] = "ydoc:document:state"

    document_id: str


class DocumentEdit(Event):
    """ydoc:document:update: a change; `data` holds the content to save. `initialize`: the first writer
    wins.
    """

    NAME: ClassVar[str] = "ydoc:document:update"

    document_id: str
    user_id: str | None = None
    socket_id: str | None = None
    update: Bytes
    data: Any = None
    initialize: Annotated[bool | None, L] = None


class DocumentLeave(Event):
    """ydoc:document:leave: close a shared document."""

    NAME: ClassVar[str] = "ydoc:document:leave"

    document_id: str
    user_id: str | None = None


class DocumentAwareness(Event):
    """ydoc:awareness:update: this person's cursor."""

    NAME: ClassVar[str] = "ydoc:awareness:update"

    document_id: str
    user_id: str | None = None
    update: Bytes


class EncryptionEmit(Event):
    """Any of encryption:start, status, join, bind, packet, leave and ping. Acknowledged by `EncryptionAck`.
    Brought by 0.12.4.
    """

    NAME: ClassVar[str] = "encryption:start"
    SINCE: ClassVar[Since] = L

    channel: str


class EncryptionAck(WireModel):
    """The acknowledgement of an encryption event."""

    ok: bool
    error: str | None = None


class StreamEnd(WireModel):
    """Ends a direct completion that a client streams under `{user}:{session}:{request}`; before it come
    text lines.
    """

    done: bool


class PythonAnswer(WireModel):
    """The acknowledgement of execute:python. `result` is any JSON; all null when the run gave nothing."""

    stdout: str | None = None
    stderr: str | None = None
    result: Any = None


class CallError(WireModel):
    """The acknowledgement of a call that this client cannot or will not carry out."""

    error: str
