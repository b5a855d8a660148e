"""What travels: typed events and REST bodies. No I/O, no state."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# fmt: off
if TYPE_CHECKING:
    # isort: off
    from .accounts import (
        AdminConfig, ErrorDetail, PasswordForm, Permissions, SessionUser, SignedOut, SignInForm, SignUpForm,
        UserActive, UserEntry, UserList, UserName, UserSettings,
    )
    from .base import (
        OURS, UNTIL_S, AliasedModel, Body, Envelope, Event, JsonObject, L, Malformed, NoPayload, Nothing,
        Number, S, Since, Unknown, Until, WireModel,
    )
    from .call_payloads import (
        Animation, DirectCompletionRequest, ElicitationForm, InputQuestion, InteractionId, PageScript,
        PythonCall, Question, TerminalRequest, ToolCallRequest, ToolServer, UserInputForm,
    )
    from .channel_events import (
        ChannelCreated, ChannelDeleted, ChannelEnvelope, ChannelEvent, ChannelMuted, ChannelRead,
        ChannelTyping, ChannelUpdated, MessageCreated, MessageDeleted, MessageReplied, MessageUpdated,
        PersonalChannelEvent, ReactionAdded, ReactionRemoved,
    )
    from .channels import (
        AccessGrant, ChannelDetail, ChannelEntry, ChannelForm, ChannelMute, ChannelRecord, MemberActive,
        MemberPage, MembersForm, Message, MessageEdit, MessageForm, PinForm, PostedMessage, ReactedMessage,
        Reaction, ReactionForm, ReactionUser, ReadMark, TypingFlag,
    )
    from .chat_events import (
        AccessChanged, AnimationRequested, CalendarAlert, ChatActive, ChatEnvelope, ChatEvent,
        ChatListChanged, ChatReload, ChatTyping, Completion, Confirmation, ContentAppended, ContentReplaced,
        ContextCompaction, DirectCompletion, ElicitationRequest, EmbedsReplaced, ExecutePython,
        ExecuteScript, ExecuteTool, Favorite, FilesReplaced, FollowUps, InputRequest, InteractionDone,
        Notification, Outlet, Presence, ResponseDelta, SharedMessages, SourceAdded, Status, TagsChanged,
        TaskList, TasksCancelled, TerminalDisplayFile, TerminalReplaceFileContent, TerminalRequested,
        TerminalRunCommand, TerminalStateRequested, TerminalWriteFile, TitleChanged, TurnFailed,
        UserInputRequest, Voice,
    )
    from .chat_payloads import (
        ActiveFlag, CalendarEntry, CancelledOutput, ChatListNews, CompactionStep, CompletionUpdate,
        EmbedList, ErrorContent, FavoriteFlag, FileList, FollowUpList, NotificationContent, OutletMessage,
        OutletMessages, SharedHistory, SourceItem, StatusUpdate, TaskItems, TerminalFile, TextPiece,
        TurnFailure, ViewerList, VoiceData,
    )
    from .chats import (
        ChatDocument, ChatEntry, ChatEventForm, ChatFolder, ChatFolderChange, ChatFolderForm, ChatForm,
        ChatMessage, ChatMessageEdit, ChatMove, ChatRow, ChatTag, ChatTagForm, History,
    )
    from .completions import (
        CompletedForm, CompletionAccepted, CompletionBody, CompletionForm, EmbeddedError, ModelUsage,
        StopAnswer, TaskIds, UserMessage,
    )
    from .config import Features, Health, ServerConfig, Version
    from .models import ModelInfo, ModelList
    from .other_events import (
        AccessUpdated, AppEvent, AppReply, AutomationResult, AwarenessUpdate, Bytes, DocumentState,
        DocumentUpdate, DocumentUserJoined, DocumentUserLeft, EncryptionAvailable, EncryptionEvent,
        NoteChanged, NoteChangedBefore, NoteRecord, OtherEvent, ServerError,
    )
    from .outbound import (
        CallError, ChannelEmit, ChatEmit, DocumentAwareness, DocumentEdit, DocumentJoin, DocumentLeave,
        DocumentStateRequest, EmitBody, EncryptionAck, EncryptionEmit, Heartbeat, JoinChannels, JoinNote,
        PythonAnswer, SocketAuth, StreamEnd, Usage, UserJoin, UserJoinAck,
    )
    from .parse import (
        ClientEvent, Counts, ServerEvent, emits_known, parse_emit, parse_event, reason_of, types_known,
    )
    from .providers import ConnectionForm, OllamaConfig, OpenAIConfig
    from .responses import (
        Choice, ChoiceMessage, CompletedResponse, CompletionChunk, ContentPart, ItemAdded, ItemDone,
        OutputItem, PartAdded, ResponseStreamEvent, StreamCompleted, StreamDelta, StreamDone, StreamEvent,
        ToolCall, ToolCallFunction, output_text,
    )
    # isort: on

# Where each name lives. To read every class of the protocol is a good part of a start, and the server needs
# few of them: a module is imported when one of its names is first asked for.
_NAMES = {
    "accounts": (
        "AdminConfig", "ErrorDetail", "PasswordForm", "Permissions", "SessionUser", "SignedOut",
        "SignInForm", "SignUpForm", "UserActive", "UserEntry", "UserList", "UserName", "UserSettings",
    ),
    "base": (
        "OURS", "UNTIL_S", "AliasedModel", "Body", "Envelope", "Event", "JsonObject", "L", "Malformed",
        "NoPayload", "Nothing", "Number", "S", "Since", "Unknown", "Until", "WireModel",
    ),
    "call_payloads": (
        "Animation", "DirectCompletionRequest", "ElicitationForm", "InputQuestion", "InteractionId",
        "PageScript", "PythonCall", "Question", "TerminalRequest", "ToolCallRequest", "ToolServer",
        "UserInputForm",
    ),
    "channel_events": (
        "ChannelCreated", "ChannelDeleted", "ChannelEnvelope", "ChannelEvent", "ChannelMuted",
        "ChannelRead", "ChannelTyping", "ChannelUpdated", "MessageCreated", "MessageDeleted",
        "MessageReplied", "MessageUpdated", "PersonalChannelEvent", "ReactionAdded", "ReactionRemoved",
    ),
    "channels": (
        "AccessGrant", "ChannelDetail", "ChannelEntry", "ChannelForm", "ChannelMute", "ChannelRecord",
        "MemberActive", "MemberPage", "MembersForm", "Message", "MessageEdit", "MessageForm", "PinForm",
        "PostedMessage", "ReactedMessage", "Reaction", "ReactionForm", "ReactionUser", "ReadMark",
        "TypingFlag",
    ),
    "chat_events": (
        "AccessChanged", "AnimationRequested", "CalendarAlert", "ChatActive", "ChatEnvelope", "ChatEvent",
        "ChatListChanged", "ChatReload", "ChatTyping", "Completion", "Confirmation", "ContentAppended",
        "ContentReplaced", "ContextCompaction", "DirectCompletion", "ElicitationRequest", "EmbedsReplaced",
        "ExecutePython", "ExecuteScript", "ExecuteTool", "Favorite", "FilesReplaced", "FollowUps",
        "InputRequest", "InteractionDone", "Notification", "Outlet", "Presence", "ResponseDelta",
        "SharedMessages", "SourceAdded", "Status", "TagsChanged", "TaskList", "TasksCancelled",
        "TerminalDisplayFile", "TerminalReplaceFileContent", "TerminalRequested", "TerminalRunCommand",
        "TerminalStateRequested", "TerminalWriteFile", "TitleChanged", "TurnFailed", "UserInputRequest",
        "Voice",
    ),
    "chat_payloads": (
        "ActiveFlag", "CalendarEntry", "CancelledOutput", "ChatListNews", "CompactionStep",
        "CompletionUpdate", "EmbedList", "ErrorContent", "FavoriteFlag", "FileList", "FollowUpList",
        "NotificationContent", "OutletMessage", "OutletMessages", "SharedHistory", "SourceItem",
        "StatusUpdate", "TaskItems", "TerminalFile", "TextPiece", "TurnFailure", "ViewerList", "VoiceData",
    ),
    "chats": (
        "ChatDocument", "ChatEntry", "ChatEventForm", "ChatFolder", "ChatFolderChange", "ChatFolderForm",
        "ChatForm", "ChatMessage", "ChatMessageEdit", "ChatMove", "ChatRow", "ChatTag", "ChatTagForm",
        "History",
    ),
    "completions": (
        "CompletedForm", "CompletionAccepted", "CompletionBody", "CompletionForm", "EmbeddedError",
        "ModelUsage", "StopAnswer", "TaskIds", "UserMessage",
    ),
    "config": ("Features", "Health", "ServerConfig", "Version"),
    "models": ("ModelInfo", "ModelList"),
    "other_events": (
        "AccessUpdated", "AppEvent", "AppReply", "AutomationResult", "AwarenessUpdate", "Bytes",
        "DocumentState", "DocumentUpdate", "DocumentUserJoined", "DocumentUserLeft", "EncryptionAvailable",
        "EncryptionEvent", "NoteChanged", "NoteChangedBefore", "NoteRecord", "OtherEvent", "ServerError",
    ),
    "outbound": (
        "CallError", "ChannelEmit", "ChatEmit", "DocumentAwareness", "DocumentEdit", "DocumentJoin",
        "DocumentLeave", "DocumentStateRequest", "EmitBody", "EncryptionAck", "EncryptionEmit", "Heartbeat",
        "JoinChannels", "JoinNote", "PythonAnswer", "SocketAuth", "StreamEnd", "Usage", "UserJoin",
        "UserJoinAck",
    ),
    "parse": (
        "ClientEvent", "Counts", "ServerEvent", "emits_known", "parse_emit", "parse_event", "reason_of",
        "types_known",
    ),
    "providers": ("ConnectionForm", "OllamaConfig", "OpenAIConfig"),
    "responses": (
        "Choice", "ChoiceMessage", "CompletedResponse", "CompletionChunk", "ContentPart", "ItemAdded",
        "ItemDone", "OutputItem", "PartAdded", "ResponseStreamEvent", "StreamCompleted", "StreamDelta",
        "StreamDone", "StreamEvent", "ToolCall", "ToolCallFunction", "output_text",
    ),
}
__all__ = [
    "OURS", "UNTIL_S", "AccessChanged", "AccessGrant", "AccessUpdated", "ActiveFlag", "AdminConfig",
    "AliasedModel", "Animation", "AnimationRequested", "AppEvent", "AppReply", "AutomationResult",
    "AwarenessUpdate", "Body", "Bytes", "CalendarAlert", "CalendarEntry", "CallError", "CancelledOutput",
    "ChannelCreated", "ChannelDeleted", "ChannelDetail", "ChannelEmit", "ChannelEntry", "ChannelEnvelope",
    "ChannelEvent", "ChannelForm", "ChannelMute", "ChannelMuted", "ChannelRead", "ChannelRecord",
    "ChannelTyping", "ChannelUpdated", "ChatActive", "ChatDocument", "ChatEmit", "ChatEntry",
    "ChatEnvelope", "ChatEvent", "ChatEventForm", "ChatFolder", "ChatFolderChange", "ChatFolderForm",
    "ChatForm", "ChatListChanged", "ChatListNews",
    "ChatMessage", "ChatMessageEdit", "ChatMove", "ChatReload", "ChatRow", "ChatTag", "ChatTagForm",
    "ChatTyping", "Choice",
    "ChoiceMessage", "ClientEvent", "CompactionStep", "CompletedForm", "CompletedResponse", "Completion",
    "CompletionAccepted", "CompletionBody", "CompletionChunk", "CompletionForm", "CompletionUpdate",
    "Confirmation", "ConnectionForm", "ContentAppended", "ContentPart", "ContentReplaced",
    "ContextCompaction", "Counts", "DirectCompletion", "DirectCompletionRequest", "DocumentAwareness",
    "DocumentEdit", "DocumentJoin", "DocumentLeave", "DocumentState", "DocumentStateRequest",
    "DocumentUpdate", "DocumentUserJoined", "DocumentUserLeft", "ElicitationForm", "ElicitationRequest",
    "EmbedList", "EmbeddedError", "EmbedsReplaced", "EmitBody", "EncryptionAck", "EncryptionAvailable",
    "EncryptionEmit", "EncryptionEvent", "Envelope", "ErrorContent", "ErrorDetail", "Event",
    "ExecutePython", "ExecuteScript", "ExecuteTool", "Favorite", "FavoriteFlag", "Features", "FileList",
    "FilesReplaced", "FollowUpList", "FollowUps", "Health", "Heartbeat", "History", "InputQuestion",
    "InputRequest", "InteractionDone", "InteractionId", "ItemAdded", "ItemDone", "JoinChannels",
    "JoinNote", "JsonObject", "L", "Malformed", "MemberActive", "MemberPage", "MembersForm", "Message",
    "MessageCreated", "MessageDeleted", "MessageEdit", "MessageForm", "MessageReplied", "MessageUpdated",
    "ModelInfo", "ModelList", "ModelUsage", "NoPayload", "NoteChanged", "NoteChangedBefore", "NoteRecord",
    "Nothing", "Notification", "NotificationContent", "Number", "OllamaConfig", "OpenAIConfig",
    "OtherEvent", "Outlet", "OutletMessage", "OutletMessages", "OutputItem", "PageScript", "PartAdded",
    "PasswordForm", "Permissions", "PersonalChannelEvent", "PinForm", "PostedMessage", "Presence",
    "PythonAnswer", "PythonCall", "Question", "ReactedMessage", "Reaction", "ReactionAdded",
    "ReactionForm", "ReactionRemoved", "ReactionUser", "ReadMark", "ResponseDelta", "ResponseStreamEvent",
    "S", "ServerConfig", "ServerError", "ServerEvent", "SessionUser", "SharedHistory", "SharedMessages",
    "SignInForm", "SignUpForm", "SignedOut", "Since", "SocketAuth", "SourceAdded", "SourceItem", "Status",
    "StatusUpdate", "StopAnswer", "StreamCompleted", "StreamDelta", "StreamDone", "StreamEnd",
    "StreamEvent", "TagsChanged", "TaskIds", "TaskItems", "TaskList", "TasksCancelled",
    "TerminalDisplayFile", "TerminalFile", "TerminalReplaceFileContent", "TerminalRequest",
    "TerminalRequested", "TerminalRunCommand", "TerminalStateRequested", "TerminalWriteFile", "TextPiece",
    "TitleChanged", "ToolCall", "ToolCallFunction", "ToolCallRequest", "ToolServer", "TurnFailed",
    "TurnFailure", "TypingFlag", "Unknown", "Until", "Usage", "UserActive", "UserEntry", "UserInputForm",
    "UserInputRequest", "UserJoin", "UserJoinAck", "UserList", "UserMessage", "UserName", "UserSettings",
    "Version", "ViewerList", "Voice", "VoiceData", "WireModel", "emits_known", "output_text",
    "parse_emit", "parse_event", "reason_of", "types_known",
]
# fmt: on

_HOMES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import the module that a public name lives in when the name is first used."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
