"""Responses-API items and stream events, and the provider's chunks that travel beside them.

0.12.4 streams an answer as `response:completion`: the payload is either one Responses-API stream event or,
for the first and last chunk of a provider, the provider's own chat completion chunk, which has no `type`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from .base import OURS, JsonObject, Number, WireModel


class ContentPart(WireModel):
    """A part of an output item: `output_text`, `reasoning_text`, `summary_text`, `refusal` …"""

    type: str
    text: str | None = None
    annotations: list[Any] | None = None


class OutputItem(WireModel):
    """One item of a structured answer: `message`, `reasoning`, `function_call`, `function_call_output`,
    `open_webui:code_interpreter` … Which fields it has depends on `type`; unknown kinds are kept whole.

    `status` is in_progress, completed, incomplete or failed. Times in unix seconds.
    """

    type: str
    id: str | None = None
    status: str | None = None
    role: str | None = None
    content: list[ContentPart] | None = None
    summary: list[ContentPart] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: Any = None
    lang: str | None = None
    code: str | None = None
    attributes: JsonObject | None = None
    start_tag: str | None = None
    end_tag: str | None = None
    started_at: Number | None = None
    ended_at: Number | None = None
    duration: Number | None = None


def output_text(items: list[OutputItem]) -> str:
    """Give an answer's plain text: the text of each message item, joined by newlines."""
    return "\n".join(
        "".join(part.text or "" for part in item.content or () if part.type in {"output_text", "text"})
        for item in items
        if item.type == "message"
    )


class ToolCallFunction(WireModel):
    """Name and arguments (JSON as text, in pieces while streaming) of a tool call."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(WireModel):
    """A tool call, or a piece of one, in a provider's answer."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: ToolCallFunction | None = None


class ChoiceMessage(WireModel):
    """A whole message (`message`) or a piece of one (`delta`) in a provider's answer."""

    role: str | None = None
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None


class Choice(WireModel):
    """One choice of a provider's answer: `delta` while streaming, `message` when whole."""

    index: int | None = None
    delta: ChoiceMessage | None = None
    message: ChoiceMessage | None = None
    finish_reason: str | None = None


class CompletionChunk(WireModel):
    """An OpenAI chat completion: a streamed chunk (object chat.completion.chunk) or a whole body
    (chat.completion).
    """

    id: str | None = None
    object: str | None = None
    created: Number | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: JsonObject | None = None
    error: Any = None


class StreamEvent(WireModel):
    """A stream event of a kind that needs no own class: response.created, response.in_progress,
    response.failed …
    """

    type: str
    response: JsonObject | None = None


class ItemAdded(StreamEvent):
    """response.output_item.added: insert at `output_index`, or replace the item of the same id or call id."""

    output_index: int | None = None
    item: OutputItem


class ItemDone(StreamEvent):
    """response.output_item.done: the item as it ended."""

    output_index: int | None = None
    item: OutputItem


class PartAdded(StreamEvent):
    """response.content_part.added and response.reasoning_summary_part.added."""

    item_id: str | None = None
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    part: ContentPart


class StreamDelta(StreamEvent):
    """Any `*.delta` (output text, reasoning text, summary text, arguments): a piece to append.

    `offset`, ours: the number of characters (code points) of that text part before this piece, so that a
    receiver notices a gap or a repeat. Open WebUI sends none.
    """

    item_id: str | None = None
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    delta: str
    offset: Annotated[int | None, OURS] = None


class StreamDone(StreamEvent):
    """Any other `*.done`: the whole text, arguments or part, which replaces what the pieces gave."""

    item_id: str | None = None
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    text: str | None = None
    arguments: str | None = None
    part: ContentPart | None = None


class CompletedResponse(WireModel):
    """The response object that ends a provider's round."""

    id: str | None = None
    status: str | None = None
    output: list[OutputItem] | None = None
    usage: JsonObject | None = None


class StreamCompleted(WireModel):
    """response.completed: all items of the provider's round, authoritative."""

    type: str
    response: CompletedResponse | None = None


_KINDS = {
    "response.output_item.added": "item added",
    "response.output_item.done": "item done",
    "response.content_part.added": "part added",
    "response.reasoning_summary_part.added": "part added",
    "response.completed": "completed",
}


def _kind(value: object) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    if kind is None:
        return "chunk"
    if not isinstance(kind, str):
        return "other"
    if kind.endswith(".delta"):
        return "delta"
    known = _KINDS.get(kind)
    if known is None and kind.endswith(".done"):
        return "done"
    return known or "other"


ResponseStreamEvent = Annotated[
    Annotated[StreamDelta, Tag("delta")]
    | Annotated[StreamDone, Tag("done")]
    | Annotated[ItemAdded, Tag("item added")]
    | Annotated[ItemDone, Tag("item done")]
    | Annotated[PartAdded, Tag("part added")]
    | Annotated[StreamCompleted, Tag("completed")]
    | Annotated[CompletionChunk, Tag("chunk")]
    | Annotated[StreamEvent, Tag("other")],
    Discriminator(_kind),
]
"""What a `response:completion` carries; chosen by `type` at once: no class is tried in vain."""
