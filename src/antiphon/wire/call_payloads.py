"""What calls carry in `data.data`: events for which the server waits for an answer (a Socket.IO
acknowledgement).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from .base import AliasedModel, JsonObject, L, Number, WireModel


class Question(WireModel):
    """A yes-or-no question; the answer is a boolean. With a `tool_call` (0.12.4: `{id, name, arguments}`) it
    asks for leave to call a tool, and has neither title nor message.
    """

    title: str | None = None
    message: str | None = None
    interaction_id: Annotated[str | None, L] = None
    tool_call: Annotated[JsonObject | None, L] = None


class InputQuestion(Question):
    """A question with a text box; the answer is the text, or false when refused."""

    placeholder: str | None = None
    value: Any = None
    type: Annotated[str | None, L] = None
    options: Annotated[list[Any] | None, L] = None


class PageScript(WireModel):
    """JavaScript that the server asks a page to run. A client of ours always refuses."""

    code: str


class UserInputForm(WireModel):
    """Several questions at once; the answer is `{status, answers}`: status "answered" or "cancelled", answers
    by question id, each `{type: "option", option_index, label, description}` or `{type: "other", text}`.
    `timeout_ms` in milliseconds; the server holds it between 60 and 240 s.
    """

    questions: list[JsonObject]
    allow_other: bool | None = None
    timeout_ms: Number | None = None
    interaction_id: str | None = None


class ElicitationForm(AliasedModel):
    """A tool server asks the person; the answer is `{action, content}`: action accept, decline or cancel,
    content only for an accepted form. `mode` is "form" (with a JSON schema) or "url".
    """

    mode: str | None = None
    message: str | None = None
    requested_schema: JsonObject | None = Field(default=None, alias="requestedSchema")
    url: str | None = None
    server_name: str | None = None
    interaction_id: str | None = None


class InteractionId(WireModel):
    """A question that is settled: close its dialog."""

    interaction_id: str


class PythonCall(WireModel):
    """Python to run for the session named; the answer is `{stdout, stderr, result}`."""

    id: str
    code: str
    session_id: str
    files: Annotated[list[JsonObject] | None, L] = None


class ToolServer(WireModel):
    """The tool server a call is meant for; its address is matched with the person's own settings."""

    url: str | None = None
    info: JsonObject | None = None
    openapi: JsonObject | None = None


class ToolCallRequest(WireModel):
    """A tool to call from the person's side; the answer is `[body, headers]`, or `[{error}, null]`."""

    id: str | None = None
    name: str
    params: JsonObject
    server: ToolServer | None = None
    session_id: str


class DirectCompletionRequest(WireModel):
    """A completion that the person's side fetches from their own provider and streams back on event name
    `channel`.
    """

    session_id: str
    channel: str
    form_data: JsonObject
    model: JsonObject


class TerminalRequest(WireModel):
    """A question to the person's own terminal server; the answer is `{data}`, `{error}` or `{connected}`."""

    terminal_id: str | None = None
    path: str | None = None
    session_id: str | None = None


class Animation(WireModel):
    """An animation that the call's avatar plays; the answer is `{status}`."""

    name: str | None = None
    model_id: str | None = None
