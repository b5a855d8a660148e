"""The chat document that travels, and the rows it is made of. No I/O.

The document is the original's: `{title, models, params, files, …, history: {messages: {id: message},
currentId}, messages: [the branch on screen]}`. It is kept as one row per message. Writing a document merges:

- Keys of the document and of a message that the writer does not give are kept, unknown ones as given.
- A message that the writer does not mention is kept. A writer cannot be told apart from one who has not heard
  of a new turn yet, so leaving out is never taking away (W-50). `null` in a message's place takes it away;
  what follows it then follows its forerunner.
- `childrenIds` and the short list `messages` follow from the rows; what a writer says of them is not stored.
- What a run has produced (`OWNED`) is the server's while the run lasts; after its end a writer may change it
  in a message that it calls `done`, which a window that has not seen the end does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

OWNED = frozenset({"content", "output", "done", "error", "usage", "followUps", "meta", "model"})
DERIVED = frozenset({"childrenIds"})
MAX_ID = 256
MAX_TITLE = 1_000


class BadDocument(ValueError):
    """A document that cannot be stored; the text says why."""


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One message as it is stored; `body` holds the keys that have no column."""

    id: str
    parent_id: str | None
    position: int
    role: str
    content: str
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Incoming:
    """What a writer says: None stands for what it does not mention."""

    title: str | None
    current_id: str | None
    extras: dict[str, Any]
    messages: dict[str, dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Merged:
    """What is to be stored: new and changed rows, and ids of rows to take away."""

    changed: tuple[MessageRow, ...]
    removed: frozenset[str]
    rows: dict[str, MessageRow]


def read(document: Any) -> Incoming:
    """Take a document apart. Raises `BadDocument`."""
    if not isinstance(document, dict):
        raise BadDocument("A chat is an object with history, models and title.")
    title = document.get("title")
    if title is not None and (not isinstance(title, str) or len(title) > MAX_TITLE):
        raise BadDocument(f"The title of a chat is a text of at most {MAX_TITLE:,} characters.")
    history = document.get("history")
    if history is None:
        history = {}
    if not isinstance(history, dict):
        raise BadDocument("The history of a chat is an object with messages and currentId.")
    messages = history.get("messages")
    if messages is None:
        messages = {}
    if not isinstance(messages, dict):
        raise BadDocument("The messages of a history are an object: message id → message.")
    for message_id, message in messages.items():
        if message is not None:
            _check(message_id, message)
    current_id = history.get("currentId")
    if current_id is not None and not isinstance(current_id, str):
        raise BadDocument("The currentId of a history is the id of one of its messages.")
    extras = {key: value for key, value in document.items() if key not in {"title", "history", "messages"}}
    return Incoming(title, current_id or None, extras, messages)


def merge(rows: Mapping[str, MessageRow], incoming: Incoming, takes: Callable[[str, bool], bool]) -> Merged:
    """Bring what a writer says together with the rows there are.

    `takes(message id, done)` says whether the writer may change what a run has produced, given whether the
    writer calls the message done. Raises `BadDocument`; nothing is stored then.
    """
    merged = dict(rows)
    changed: dict[str, MessageRow] = {}
    position = 1 + max((row.position for row in rows.values()), default=-1)
    for message_id, message in incoming.messages.items():
        if message is None:
            continue
        old = merged.get(message_id)
        if old is None:
            new = _row(message_id, message, position)
            position += 1
        else:
            new = _changed(old, message, owned=not takes(message_id, message.get("done") is True))
        if new != old:
            merged[message_id] = changed[message_id] = new
    removed = {message_id for message_id, message in incoming.messages.items() if message is None} & set(
        merged
    )
    for message_id in removed:
        gone = merged.pop(message_id)
        changed.pop(message_id, None)
        for child in [row for row in merged.values() if row.parent_id == message_id]:
            merged[child.id] = changed[child.id] = replace(child, parent_id=gone.parent_id)
    _check_tree(merged)
    if incoming.current_id is not None and incoming.current_id not in merged:
        raise BadDocument("The currentId of the history is none of the chat's messages.")
    return Merged(tuple(changed.values()), frozenset(removed), merged)


def messages_of(rows: Iterable[MessageRow]) -> dict[str, dict[str, Any]]:
    """Return `history.messages`: id → message, in the order in which they came."""
    ordered = sorted(rows, key=lambda row: row.position)
    children: dict[str | None, list[str]] = {}
    for row in ordered:
        children.setdefault(row.parent_id, []).append(row.id)
    return {
        row.id: {
            "id": row.id,
            "parentId": row.parent_id,
            "childrenIds": children.get(row.id, []),
            "role": row.role,
            "content": row.content,
            **row.body,
        }
        for row in ordered
    }


def branch(messages: Mapping[str, dict[str, Any]], message_id: str | None) -> list[dict[str, Any]]:
    """Return the messages from the first one to `message_id`."""
    path: list[dict[str, Any]] = []
    while message_id is not None and message_id in messages and len(path) <= len(messages):
        path.append(messages[message_id])
        message_id = messages[message_id]["parentId"]
    return path[::-1]


def document_of(
    title: str, current_id: str | None, extras: Mapping[str, Any], rows: Iterable[MessageRow]
) -> dict[str, Any]:
    """Put the document together."""
    messages = messages_of(rows)
    return {
        **extras,
        "title": title,
        "history": {"messages": messages, "currentId": current_id},
        "messages": branch(messages, current_id),
    }


def newest_leaf(rows: Mapping[str, MessageRow], preferred: str | None) -> str | None:
    """Return the message to show: `preferred` if it is there, else the newest one."""
    if preferred in rows:
        return preferred
    return max(rows.values(), key=lambda row: row.position).id if rows else None


def _check(message_id: str, message: Any) -> None:
    if not message_id or len(message_id) > MAX_ID:
        raise BadDocument(f"The id of a message has between 1 and {MAX_ID} characters.")
    if not isinstance(message, dict):
        raise BadDocument(f"The message {message_id!r} is no object.")
    if message.get("id", message_id) != message_id:
        raise BadDocument(f"The message under {message_id!r} calls itself {str(message['id'])[:MAX_ID]!r}.")
    if not isinstance(message.get("role", ""), str):
        raise BadDocument(f"The role of the message {message_id!r} is no text.")
    parent_id = message.get("parentId")
    if parent_id is not None and (not isinstance(parent_id, str) or len(parent_id) > MAX_ID):
        raise BadDocument(f"The parentId of the message {message_id!r} is no message id.")


def _check_tree(rows: Mapping[str, MessageRow]) -> None:
    safe: set[str] = set()
    for row in rows.values():
        path: set[str] = set()
        at = row
        while at.id not in safe:
            if at.id in path:
                raise BadDocument(f"The message {at.id!r} would be its own forerunner.")
            path.add(at.id)
            if at.parent_id is None:
                break
            if at.parent_id not in rows:
                raise BadDocument(
                    f"The message {at.id!r} follows {at.parent_id!r}, which is not in this chat."
                )
            at = rows[at.parent_id]
        safe.update(path)


def _row(message_id: str, message: dict[str, Any], position: int) -> MessageRow:
    content, body = _split(message)
    role = message.get("role") or "user"
    return MessageRow(message_id, message.get("parentId") or None, position, role, content or "", body)


def _changed(old: MessageRow, message: dict[str, Any], *, owned: bool) -> MessageRow:
    content, body = _split(message)
    if owned:
        content = None
        body = {key: value for key, value in body.items() if key not in OWNED}
    kept = {**old.body, **body}
    if content is not None:
        kept = {key: value for key, value in kept.items() if key != "content"}
    return MessageRow(
        old.id,
        (message.get("parentId") or None) if "parentId" in message else old.parent_id,
        old.position,
        message.get("role") or old.role,
        old.content if content is None else content,
        kept,
    )


def _split(message: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """Part the text from the other keys; a content that is no text stays among those."""
    content = message.get("content")
    skip = {"id", "parentId", "role", *DERIVED}
    if isinstance(content, str) or content is None:
        skip.add("content")
    body = {key: value for key, value in message.items() if key not in skip}
    return (content if isinstance(content, str) else None), body
