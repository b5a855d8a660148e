"""What tests of chats share: events, pieces, rows, and a server that takes questions."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from tests.client.peer import Peer, ok, until

from antiphon import Client

WORDS = [f"word{number} " for number in range(40)]
"""An answer, in pieces."""


def event(chat: str, message: str | None, type_: str, data: Any, **more: Any) -> dict[str, Any]:
    """Build a chat event."""
    return {"chat_id": chat, "message_id": message, "data": {"type": type_, "data": data}, **more}


def piece(delta: str, offset: int | None = None) -> dict[str, Any]:
    """Build a piece of an answer."""
    more = {} if offset is None else {"offset": offset}
    return {
        "type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0,
        "delta": delta,
        **more,
    }  # fmt: skip


def message(id_: str, parent: str | None, text: str, *children: str, **more: Any) -> dict[str, Any]:
    """Build a message of a document: a question, or (`a…`) an answer that is done."""
    role = "assistant" if id_.startswith("a") else "user"
    own = {"model": "m", "done": True} if role == "assistant" else {}
    return {
        "id": id_, "parentId": parent, "childrenIds": list(children), "role": role, "content": text,
        **own, **more,
    }  # fmt: skip


def document(chat_id: str, messages: list[dict[str, Any]], current: str, **more: Any) -> dict[str, Any]:
    """Build a chat's row."""
    history = {"messages": {each["id"]: each for each in messages}, "currentId": current}
    return {
        "id": chat_id, "user_id": "me", "title": "A title", "updated_at": 2, "created_at": 1,
        "chat": {"title": "A title", "models": ["m"], "history": history},
        **more,
    }  # fmt: skip


def one_turn(chat_id: str = "k", answer: str = "because", **more: Any) -> dict[str, Any]:
    """Build a chat's row with one question and its answer."""
    return document(chat_id, [message("q", None, "why?", "a"), message("a", "q", answer, **more)], "a")


def taking_questions(peer: Peer) -> list[dict[str, Any]]:
    """Let the peer take every question as 0.12.4 does; give the list of what it is asked."""
    asked: list[dict[str, Any]] = []

    async def complete(request: web.Request) -> web.StreamResponse:
        form = await request.json()
        asked.append(form)
        return ok({"status": True, "task_ids": ["t"], "chat_id": form.get("chat_id") or "new"})

    peer.hooks["POST /api/chat/completions"] = complete
    return asked


def saving(peer: Peer, chat_id: str = "k") -> list[dict[str, Any]]:
    """Let the peer keep what is written to a chat, as 0.6.41 does; give the list of what is written."""
    saved: list[dict[str, Any]] = []

    async def save(request: web.Request) -> web.StreamResponse:
        form = await request.json()
        saved.append(form["chat"])
        peer.chats[chat_id]["chat"] |= form["chat"]
        return ok(peer.chats[chat_id])

    peer.hooks[f"POST /api/v1/chats/{chat_id}"] = save
    return saved


async def heard(client: Client, peer: Peer, *events: dict[str, Any]) -> None:
    """Send events and wait until the client has taken them."""
    before = client.counts.typed
    for each in events:
        await peer.emit("events", each)
    await until(lambda: client.counts.typed >= before + len(events))
