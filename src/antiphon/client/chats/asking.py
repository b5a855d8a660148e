"""What a question looks like on the wire, in both dialects. No I/O."""

from __future__ import annotations

from typing import Any

from antiphon.wire import (
    ChatDocument,
    ChatMessage,
    CompletedForm,
    CompletionForm,
    History,
    UserMessage,
)


def question(id_: str, parent_id: str | None, turn_id: str, text: str, model: str, now: float) -> ChatMessage:
    """Build the person's side of a turn."""
    return ChatMessage(
        id=id_,
        parent_id=parent_id,
        children_ids=[turn_id],
        role="user",
        content=text,
        timestamp=int(now),
        models=[model],
    )


def answer(id_: str, parent_id: str, model: str, now: float) -> ChatMessage:
    """Build the empty answer that the model will write into."""
    return ChatMessage(
        id=id_,
        parent_id=parent_id,
        children_ids=[],
        role="assistant",
        content="",
        timestamp=int(now),
        model=model,
        model_name=model,
        model_idx=0,
    )


def completion(
    branch: tuple[ChatMessage, ...],
    turn: ChatMessage,
    *,
    chat_id: str | None,
    sid: str,
    old_dialect: bool,
    named: bool,
) -> CompletionForm:
    """Build the completion's body. `branch` ends with the question; `named`: the chat has its title and tags.

    0.6.41: the chat exists, and `parent_id` names the question. 0.12.4 and ours: the server stores the turn
    from `user_message`, `parent_id` names what the question follows, and without `chat_id` the server makes
    the chat.
    """
    asked = branch[-1]
    tasks: dict[str, Any] = {"follow_up_generation": True}
    if not named:
        tasks = {"title_generation": True, "tags_generation": True, **tasks}
    model = turn.model or ""
    values: dict[str, Any] = {
        "stream": True,
        "model": model,
        "messages": [{"role": m.role, "content": m.content} for m in branch if m.content],
        "params": {},
        "features": {
            "image_generation": False,
            "code_interpreter": False,
            "web_search": False,
            "memory": False,
        },
        "variables": {},
        "model_item": {"id": model},
        "session_id": sid,
        "id": turn.id,
        "background_tasks": tasks,
    }
    if chat_id is not None:
        values["chat_id"] = chat_id
    if old_dialect:
        return CompletionForm(**values, tool_servers=[], parent_id=asked.id)
    message = UserMessage(
        id=asked.id,
        parent_id=asked.parent_id,
        children_ids=[turn.id],
        content=asked.content,
        timestamp=asked.timestamp,
        models=asked.models,
        role="user",
    )
    return CompletionForm(**values, parent_id=asked.parent_id, user_message=message)


def new_document(history: History, branch: tuple[ChatMessage, ...], model: str, now: float) -> ChatDocument:
    """Build the document with which 0.6.41 wants a chat to be made."""
    return ChatDocument(
        id="",
        title="New Chat",
        models=[model],
        params={},
        history=history,
        messages=[message.dump() for message in branch],
        tags=[],
        timestamp=int(now * 1000),
    )


def saved_document(history: History, branch: tuple[ChatMessage, ...], models: list[str]) -> ChatDocument:
    """Build what 0.6.41 wants saved before a further question and after each answer."""
    return ChatDocument(
        files=[], models=models, history=history, messages=[message.dump() for message in branch], params={}
    )


def completed(branch: tuple[ChatMessage, ...], turn: ChatMessage, *, chat_id: str, sid: str) -> CompletedForm:
    """Build the body for 0.6.41's outlet filters."""
    keys = {"id", "role", "content", "timestamp", "usage", "sources", "info"}
    messages = [{key: value for key, value in m.dump().items() if key in keys} for m in branch]
    return CompletedForm(
        model=turn.model or "",
        chat_id=chat_id,
        session_id=sid,
        id=turn.id,
        messages=messages,
        model_item={"id": turn.model},
    )
