"""What a server tells of an answer in a chat, for the tests that play one."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from tests.client.peer import Peer, ok, until

from antiphon import Client
from antiphon.client import LinkState


def event(chat: str, message: str, type_: str, data: Any) -> dict[str, Any]:
    """Build a chat event."""
    return {"chat_id": chat, "message_id": message, "data": {"type": type_, "data": data}}


def piece(delta: str, offset: int | None = None) -> dict[str, Any]:
    """Build a piece of an answer."""
    more = {} if offset is None else {"offset": offset}
    return {
        "type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0,
        "delta": delta,
        **more,
    }  # fmt: skip


async def begin(peer: Peer, chat: str = "k", message: str = "a") -> None:
    """Say that an answer begins: who hears that hears all of its pieces."""
    await peer.emit("events", event(chat, message, "chat:active", {"active": True, "folder_id": None}))


def row(chat_id: str, answer: str, *, done: bool | None = True) -> dict[str, Any]:
    """Build a chat's row with one question and its answer."""
    messages = {
        "q": {"id": "q", "parentId": None, "childrenIds": ["a"], "role": "user", "content": "why?"},
        "a": {
            "id": "a", "parentId": "q", "childrenIds": [], "role": "assistant", "content": answer,
            "model": "m", "done": done,
        },
    }  # fmt: skip
    return {
        "id": chat_id, "user_id": "me", "title": "A title", "updated_at": 2, "created_at": 1,
        "chat": {"title": "A title", "models": ["m"], "history": {"messages": messages, "currentId": "a"}},
    }  # fmt: skip


def completing(peer: Peer, first: list[dict[str, Any]], client: Client | None = None) -> None:
    """Take a completion as 0.12.4 does; the first events overtake the answer."""

    async def complete(request: web.Request) -> web.StreamResponse:
        form = await request.json()
        chat_id = form.get("chat_id") or "new"
        for data in first:
            await peer.emit("events", event(chat_id, form["id"], data["kind"], data["data"]))
        if first and client is not None:
            await until(lambda: client.counts.typed >= len(first))
        return ok({"status": True, "task_ids": ["t"], "chat_id": chat_id})

    peer.hooks["POST /api/chat/completions"] = complete


async def lose_and_find(peer: Peer, client: Client) -> None:
    """Cut the link and wait until it is live again."""
    peer.cut()
    await until(lambda: client.link.value.state is not LinkState.LIVE)
    await client.live()
