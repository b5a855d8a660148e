"""Events under the name `events`: a person's chats, and the calls a server makes to one of their sessions.

They go to room `user:{id}` (every window of the person), shared ones also to `chat:{id}`, calls to one
session.
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic

from . import call_payloads as calls
from . import chat_payloads as payloads
from .accounts import UserName
from .base import Envelope, L, Nothing, P, Since
from .channels import TypingFlag
from .responses import ResponseStreamEvent


class ChatEnvelope(Envelope[P], Generic[P]):
    """`{chat_id, message_id, data}`; 0.12.4 may add internal (delegated work), shared, user_id and user."""

    NAME: ClassVar[str] = "events"
    CALL: ClassVar[bool] = False
    """Whether the server waits for an answer."""

    chat_id: str | None = None
    message_id: str | None = None
    internal: bool | None = None
    shared: bool | None = None
    user_id: str | None = None
    user: UserName | None = None


class Status(ChatEnvelope[payloads.StatusUpdate]):
    """A step of the answer's making, for the message's status history."""

    TYPES: ClassVar[tuple[str, ...]] = ("status",)


class Completion(ChatEnvelope[payloads.CompletionUpdate]):
    """The answer so far, its parts, or its end (`done`)."""

    TYPES: ClassVar[tuple[str, ...]] = ("chat:completion",)


class ResponseDelta(ChatEnvelope[ResponseStreamEvent]):
    """One step of a streamed answer. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("response:completion",)
    SINCE: ClassVar[Since] = L


class TasksCancelled(ChatEnvelope[payloads.CancelledOutput | None]):
    """The answer was stopped."""

    TYPES: ClassVar[tuple[str, ...]] = ("chat:tasks:cancel",)


class ContentAppended(ChatEnvelope[payloads.TextPiece]):
    """Text to append to the message."""

    TYPES: ClassVar[tuple[str, ...]] = ("message", "chat:message:delta")


class ContentReplaced(ChatEnvelope[payloads.TextPiece]):
    """The message's text, whole."""

    TYPES: ClassVar[tuple[str, ...]] = ("chat:message", "replace")


class FilesReplaced(ChatEnvelope[payloads.FileList]):
    """The message's files, whole."""

    TYPES: ClassVar[tuple[str, ...]] = ("files", "chat:message:files")


class EmbedsReplaced(ChatEnvelope[payloads.EmbedList]):
    """The message's embeds, whole."""

    TYPES: ClassVar[tuple[str, ...]] = ("embeds", "chat:message:embeds")


class TurnFailed(ChatEnvelope[payloads.TurnFailure]):
    """The answer failed."""

    TYPES: ClassVar[tuple[str, ...]] = ("chat:message:error",)


class FollowUps(ChatEnvelope[payloads.FollowUpList]):
    """Questions to ask next."""

    TYPES: ClassVar[tuple[str, ...]] = ("chat:message:follow_ups",)


class Favorite(ChatEnvelope[payloads.FavoriteFlag]):
    """The message became a favourite, or ceased to be one. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("chat:message:favorite",)
    SINCE: ClassVar[Since] = L


class Voice(ChatEnvelope[payloads.VoiceData]):
    """Voice data of the message. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("chat:message:voice",)
    SINCE: ClassVar[Since] = L


class TaskList(ChatEnvelope[payloads.TaskItems]):
    """The chat's to-do list, whole. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("chat:message:tasks",)
    SINCE: ClassVar[Since] = L


class Outlet(ChatEnvelope[payloads.OutletMessages]):
    """Outlet filters changed messages. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("chat:outlet",)
    SINCE: ClassVar[Since] = L


class TitleChanged(ChatEnvelope[str]):
    """The chat's new title."""

    TYPES: ClassVar[tuple[str, ...]] = ("chat:title",)


class TagsChanged(ChatEnvelope[list[Any] | None]):
    """The chat's tags changed; fetch them."""

    TYPES: ClassVar[tuple[str, ...]] = ("chat:tags",)


class SourceAdded(ChatEnvelope[payloads.SourceItem]):
    """A source to append, or a code run to update by its id."""

    TYPES: ClassVar[tuple[str, ...]] = ("source", "citation")


class Notification(ChatEnvelope[payloads.NotificationContent]):
    """A notice for the person."""

    TYPES: ClassVar[tuple[str, ...]] = ("notification",)


class Confirmation(ChatEnvelope[calls.Question]):
    """A yes-or-no question."""

    TYPES: ClassVar[tuple[str, ...]] = ("confirmation",)
    CALL: ClassVar[bool] = True


class InputRequest(ChatEnvelope[calls.InputQuestion]):
    """A question with a text box."""

    TYPES: ClassVar[tuple[str, ...]] = ("input",)
    CALL: ClassVar[bool] = True


class ExecuteScript(ChatEnvelope[calls.PageScript]):
    """JavaScript for the page."""

    TYPES: ClassVar[tuple[str, ...]] = ("execute",)
    CALL: ClassVar[bool] = True


class UserInputRequest(ChatEnvelope[calls.UserInputForm]):
    """Several questions at once. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("request:user_input",)
    SINCE: ClassVar[Since] = L
    CALL: ClassVar[bool] = True


class ElicitationRequest(ChatEnvelope[calls.ElicitationForm]):
    """A tool server's question. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("request:elicitation",)
    SINCE: ClassVar[Since] = L
    CALL: ClassVar[bool] = True


class InteractionDone(ChatEnvelope[calls.InteractionId]):
    """A question is settled elsewhere. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("request:interaction:done",)
    SINCE: ClassVar[Since] = L


class ContextCompaction(ChatEnvelope[payloads.CompactionStep]):
    """Progress of squeezing the chat's context. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("context_compaction",)
    SINCE: ClassVar[Since] = L


class ChatActive(ChatEnvelope[payloads.ActiveFlag]):
    """An answer of the chat began or ended. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("chat:active",)
    SINCE: ClassVar[Since] = L


class ChatListChanged(ChatEnvelope[payloads.ChatListNews]):
    """Rows of the chat list changed, or the chat was read elsewhere. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("chat:list",)
    SINCE: ClassVar[Since] = L


class ChatReload(ChatEnvelope[Nothing]):
    """Fetch the chat again. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("chat:reload",)
    SINCE: ClassVar[Since] = L


class SharedMessages(ChatEnvelope[payloads.SharedHistory]):
    """Turns of a shared chat, to merge. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("chat:messages",)
    SINCE: ClassVar[Since] = L


class Presence(ChatEnvelope[payloads.ViewerList]):
    """Who looks at a shared chat. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("chat:presence",)
    SINCE: ClassVar[Since] = L


class AccessChanged(ChatEnvelope[Nothing]):
    """Access to a shared chat changed: fetch it again, or leave. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("chat:access",)
    SINCE: ClassVar[Since] = L


class ChatTyping(ChatEnvelope[TypingFlag]):
    """Another viewer of a shared chat types. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("typing",)
    SINCE: ClassVar[Since] = L


class TerminalDisplayFile(ChatEnvelope[payloads.TerminalFile]):
    """Show a file in the file panel. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("terminal:display_file",)
    SINCE: ClassVar[Since] = L


class TerminalWriteFile(ChatEnvelope[payloads.TerminalFile]):
    """A file was written in the terminal. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("terminal:write_file",)
    SINCE: ClassVar[Since] = L


class TerminalReplaceFileContent(ChatEnvelope[payloads.TerminalFile]):
    """A file was edited in the terminal. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("terminal:replace_file_content",)
    SINCE: ClassVar[Since] = L


class TerminalRunCommand(ChatEnvelope[payloads.TerminalFile]):
    """A command ran in the terminal. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("terminal:run_command",)
    SINCE: ClassVar[Since] = L


class TerminalRequested(ChatEnvelope[calls.TerminalRequest]):
    """A question to the person's terminal server. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("request:terminal",)
    SINCE: ClassVar[Since] = L
    CALL: ClassVar[bool] = True


class TerminalStateRequested(ChatEnvelope[calls.TerminalRequest | None]):
    """Whether the person's terminal is connected. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("request:terminal:state",)
    SINCE: ClassVar[Since] = L
    CALL: ClassVar[bool] = True


class AnimationRequested(ChatEnvelope[calls.Animation]):
    """An animation for the call's avatar. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("voice:play_animation",)
    SINCE: ClassVar[Since] = L
    CALL: ClassVar[bool] = True


class CalendarAlert(ChatEnvelope[payloads.CalendarEntry]):
    """An appointment begins soon. Brought by 0.12.4."""

    TYPES: ClassVar[tuple[str, ...]] = ("calendar:alert",)
    SINCE: ClassVar[Since] = L


class ExecutePython(ChatEnvelope[calls.PythonCall]):
    """Python to run."""

    TYPES: ClassVar[tuple[str, ...]] = ("execute:python",)
    CALL: ClassVar[bool] = True


class ExecuteTool(ChatEnvelope[calls.ToolCallRequest]):
    """A tool to call."""

    TYPES: ClassVar[tuple[str, ...]] = ("execute:tool",)
    CALL: ClassVar[bool] = True


class DirectCompletion(ChatEnvelope[calls.DirectCompletionRequest]):
    """A completion from the person's own provider."""

    TYPES: ClassVar[tuple[str, ...]] = ("request:chat:completion",)
    CALL: ClassVar[bool] = True


ChatEvent = (
    Status
    | Completion
    | ResponseDelta
    | TasksCancelled
    | ContentAppended
    | ContentReplaced
    | FilesReplaced
    | EmbedsReplaced
    | TurnFailed
    | FollowUps
    | Favorite
    | Voice
    | TaskList
    | Outlet
    | TitleChanged
    | TagsChanged
    | SourceAdded
    | Notification
    | Confirmation
    | InputRequest
    | ExecuteScript
    | UserInputRequest
    | ElicitationRequest
    | InteractionDone
    | ContextCompaction
    | ChatActive
    | ChatListChanged
    | ChatReload
    | SharedMessages
    | Presence
    | AccessChanged
    | ChatTyping
    | TerminalDisplayFile
    | TerminalWriteFile
    | TerminalReplaceFileContent
    | TerminalRunCommand
    | TerminalRequested
    | TerminalStateRequested
    | AnimationRequested
    | CalendarAlert
    | ExecutePython
    | ExecuteTool
    | DirectCompletion
)
