"""What a provider is asked: its request's body, made from a completion form and the chat's branch. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

OURS = frozenset({
    "session_id", "chat_id", "id", "parent_id", "user_message", "background_tasks", "features", "params",
    "variables", "model_item", "tool_servers", "tool_ids", "filter_ids", "files", "folder_id", "message_ids",
    "stream", "model", "messages",
})  # fmt: skip
"""Keys of a form that are for us and mean nothing to a provider."""

PARAMS = frozenset({
    "temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens", "stop", "seed",
    "frequency_penalty", "presence_penalty", "repeat_penalty", "logit_bias", "reasoning_effort",
    "response_format", "verbosity",
})  # fmt: skip
"""Keys of `params` that a provider understands."""


def provider_body(
    form: Mapping[str, Any], upstream_id: str, messages: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the body of a request for chat completions, without `stream`."""
    body = {key: value for key, value in form.items() if key not in OURS and value is not None}
    params = form.get("params")
    params = params if isinstance(params, dict) else {}
    body |= {key: value for key, value in params.items() if key in PARAMS and value is not None}
    custom = params.get("custom_params")
    if isinstance(custom, dict):
        body |= {key: value for key, value in custom.items() if key not in OURS}
    asked = list(messages)
    system = params.get("system")
    if isinstance(system, str) and system.strip() and not (asked and asked[0].get("role") == "system"):
        asked.insert(0, {"role": "system", "content": system})
    return {**body, "model": upstream_id, "messages": asked}


def of_branch(branch: Sequence[Mapping[str, Any]], sent: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a stored branch as a provider takes it, after the system message of what the client has sent."""
    system = [dict(message) for message in sent[:1] if message.get("role") == "system"]
    return system + [message for stored in branch if (message := _of_message(stored)) is not None]


def _of_message(stored: Mapping[str, Any]) -> dict[str, Any] | None:
    role, content = stored.get("role"), stored.get("content") or ""
    if role == "assistant" and not content:
        return None  # a failed answer says nothing, and providers refuse empty ones
    files = stored.get("files")
    images = [
        {"type": "image_url", "image_url": {"url": file["url"]}}
        for file in (files if isinstance(files, list) else ())
        if isinstance(file, dict) and file.get("type") == "image" and isinstance(file.get("url"), str)
    ]
    if role == "user" and images and isinstance(content, str):
        return {"role": "user", "content": [{"type": "text", "text": content}, *images]}
    return {"role": role, "content": content}
