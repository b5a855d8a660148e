"""Asking a model: the completion's body, its answers, the tasks behind it. Times in unix seconds."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from .base import UNTIL_S, AliasedModel, JsonObject, L, Number, WireModel
from .responses import CompletionChunk


class UserMessage(AliasedModel):
    """The question, as the caller wants it stored (0.12.4): the server makes the chat and the turns from
    it.
    """

    id: str
    parent_id: str | None = Field(default=None, alias="parentId")
    children_ids: list[str] = Field(default_factory=list, alias="childrenIds")
    role: str = "user"
    content: str
    timestamp: Number | None = None
    models: list[str] | None = None
    files: list[JsonObject] | None = None


class CompletionForm(WireModel):
    """Body of POST /api/chat/completions.

    With `session_id` and `id` (the answer's message id) the answer travels as events; without `session_id`
    it is a plain OpenAI stream or body. Without `chat_id` and with `parent_id` null 0.12.4 makes the chat
    from `user_message`. `parent_id` names the message that the question answers in 0.12.4, the question
    itself in 0.6.41.
    """

    model: str
    messages: list[JsonObject]
    stream: bool | None = None
    session_id: str | None = None
    chat_id: str | None = None
    id: str | None = None
    parent_id: str | None = None
    user_message: Annotated[UserMessage | None, L] = None
    background_tasks: JsonObject | None = None
    features: JsonObject | None = None
    params: JsonObject | None = None
    variables: JsonObject | None = None
    model_item: JsonObject | None = None
    tool_servers: list[JsonObject] | None = None
    tools: list[JsonObject] | None = None
    files: list[JsonObject] | None = None


class CompletionAccepted(WireModel):
    """Answer to a completion whose text travels as events."""

    status: bool
    task_id: Annotated[str | None, UNTIL_S] = None
    task_ids: Annotated[list[str] | None, L] = None
    chat_id: Annotated[str | None, L] = None


class CompletedForm(WireModel):
    """Body and answer of POST /api/chat/completed (0.6.41: each client posts it after an answer)."""

    model: str
    messages: list[JsonObject]
    chat_id: str | None = None
    session_id: str | None = None
    id: str | None = None
    model_item: JsonObject | None = None


class TaskIds(WireModel):
    """Answer of GET /api/tasks/chat/{chat id}: runs of the chat that have not ended."""

    task_ids: list[str]


class StopAnswer(WireModel):
    """Answer of POST /api/tasks/stop/{task id} (0.6.41) and /api/tasks/chat/{chat id}/stop (0.12.4)."""

    status: bool
    message: str | None = None


class ModelUsage(WireModel):
    """Answer of GET /api/usage: models in use and the number of people there."""

    model_ids: list[str]
    user_count: int


class EmbeddedError(WireModel):
    """A provider's error object inside a body or chunk."""

    message: str | None = None
    type: str | None = None
    code: Any = None


CompletionBody = CompletionChunk
"""The plain body of a completion that is neither streamed nor sent as events: `choices[].message`."""
