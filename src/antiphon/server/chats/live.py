"""What windows say about chats on the socket (`events:chat`, 0.12.4): entering, leaving, having read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from antiphon.server.chats import rows as stored
from antiphon.server.chats.documents import MAX_ID

if TYPE_CHECKING:
    from antiphon.server.live.live import Session
    from antiphon.server.state import ServerState


def attach(state: ServerState) -> None:
    """Handle `events:chat` of all sockets."""

    async def on_chat_event(session: Session, payload: dict[str, Any]) -> bool | None:
        return await handle(state, session, payload)

    state.live.on("events:chat", on_chat_event)


async def handle(state: ServerState, session: Session, payload: dict[str, Any]) -> bool | None:
    """Carry out one event: all but `last_read_at` are acknowledged with true or false."""
    chat_id, data = payload.get("chat_id"), payload.get("data")
    kind = data.get("type") if isinstance(data, dict) else None
    principal = session.principal
    if not isinstance(chat_id, str) or len(chat_id) > MAX_ID or principal is None:
        return None
    if kind == "leave":
        state.live.leave_session(session.sid, f"chat:{chat_id}")
        return True
    if kind == "typing":
        return await _typing(state, session, chat_id, data)
    if kind not in {"join", "last_read_at"}:
        return None
    async with state.database.read() as connection:
        chat = await stored.chat_of(connection, chat_id, principal.id)
    if chat is None:
        return False if kind == "join" else None
    if kind == "join":
        return await _join(state, session, chat_id)
    await mark_read(state, chat_id, principal.id)
    return None


async def mark_read(state: ServerState, chat_id: str, user_id: str) -> None:
    """Note that a chat was read now, and tell the person's other windows."""
    at = int(time.time())
    async with state.database.write() as connection:
        chat = await stored.chat_of(connection, chat_id, user_id)
        if chat is None or chat.last_read_at == at:
            return
        await stored.change_chat(connection, chat_id, last_read_at=at, updated_at=chat.updated_at)
    inner = {"type": "chat:list", "data": {"chat_id": chat_id, "last_read_at": at}}
    await state.live.emit("events", {"chat_id": chat_id, "data": inner}, f"user:{user_id}")


async def _join(state: ServerState, session: Session, chat_id: str) -> bool:
    room = f"chat:{chat_id}"
    state.live.enter_session(session.sid, room)
    people = {one.principal.id: one.principal.name for one in state.live.members(room) if one.principal}
    users = [{"id": user_id, "name": name} for user_id, name in people.items()]
    inner = {"type": "chat:presence", "data": {"users": users}}
    await state.live.emit("events", {"chat_id": chat_id, "shared": True, "data": inner}, room)
    return True


async def _typing(state: ServerState, session: Session, chat_id: str, data: Any) -> bool:
    """Pass it on to the chat's other windows, only the flag; false for who has not entered the chat."""
    room, person = f"chat:{chat_id}", session.principal
    flag = data.get("data")
    typing = flag.get("typing") if isinstance(flag, dict) else None
    if person is None or not isinstance(typing, bool) or not state.live.in_room(session.sid, room):
        return False
    inner = {"type": "typing", "data": {"typing": typing}}
    payload = {"chat_id": chat_id, "shared": True, "data": inner, "user": person.as_author()}
    await state.live.emit("events", payload, room, skip=session.sid)
    return True
