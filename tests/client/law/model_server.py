"""A whole server in memory: accounts, rooms, REST, and what it tells whom. No I/O, no fault of its own.

Its answers and events have the shape of the recordings in `tests/fixtures`; where ours and Open WebUI differ,
`Flavour` says which one it is. What a server does not tell at all is noted in `untold`: until the next
catching up no client can know it.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .flavour import Flavour
from .model_channels import ModelChannels
from .model_chats import ModelChats
from .model_rooms import PEOPLE, Refusal
from .virtual_time import EPOCH

Push = Callable[[str, Any], None]


def token_of(user: str) -> str:
    """Give a person's token; as with the real ones, the id can be read from it."""
    content = base64.urlsafe_b64encode(json.dumps({"id": user}).encode()).decode().rstrip("=")
    return f"e30.{content}.unsigned"


@dataclass(eq=False)
class Session:
    """One socket as the server knows it."""

    sid: str
    token: str
    user: str | None
    push: Push
    end: Callable[[str], None]
    rooms: set[str] = field(default_factory=set)


class ModelServer:
    """The server. People who act without a client of ours call its parts directly."""

    def __init__(self, flavour: Flavour, loop: asyncio.AbstractEventLoop) -> None:
        self.flavour = flavour
        self.loop = loop
        self.sessions: dict[str, Session] = {}
        self.tokens = {token_of(user): user for user in PEOPLE}
        self.up = True
        self.empty_acks = 0
        self.troubled = False
        """Whether the request that is being carried out is one whose answer the client will not get."""
        self.repeats: set[str] = set()
        """Kinds of events that are told twice from now on."""
        self.untold: set[tuple[str, str]] = set()
        self.refused: set[str] = set()
        """Channels and chats of which a request was refused."""
        self.strange: list[str] = []
        """Requests that the model does not know."""
        self._ids: dict[str, itertools.count[int]] = {}
        self._last = 0
        self.channels = ModelChannels(self)
        self.chats = ModelChats(self)

    # Time and names

    def tick(self) -> int:
        """Give the time in nanoseconds, later than ever before."""
        self._last = max(self._last + 1, int((EPOCH + self.loop.time()) * 1e9))
        return self._last

    def seconds(self) -> int:
        """Give the time in seconds."""
        return int(EPOCH + self.loop.time())

    def new_id(self, kind: str) -> str:
        """Give an id that nothing has."""
        return f"{kind}{next(self._ids.setdefault(kind, itertools.count(1)))}"

    # Sockets

    def connect(self, sid: str, token: str, push: Push, end: Callable[[str], None]) -> Session | None:
        """Take a socket, or refuse it: Open WebUI takes anybody, ours only who is signed in."""
        user = self.tokens.get(token)
        if user is None and self.flavour.ours:
            return None
        session = self.sessions[sid] = Session(sid, token, user, push, end)
        if user is not None:
            session.rooms.add(f"user:{user}")
            if self.flavour.ours:
                self._enter_channels(session)
        return session

    def forget(self, sid: str) -> None:
        """A socket is gone."""
        self.sessions.pop(sid, None)

    def receive(self, sid: str, name: str, payload: dict[str, Any], said_at: int) -> Any:
        """Take an event of a client and give what is acknowledged."""
        session = self.sessions.get(sid)
        if session is None:
            return None
        match name:
            case "user-join":
                return self._join(session, payload)
            case "join-channels" if session.user is not None:
                self._enter_channels(session)
            case "heartbeat":
                if self.flavour.version != "0.6.41" and self.tokens.get(session.token) != session.user:
                    self.throw_out(session, "the session has ended")
            case "events:channel" if session.user and f"channel:{payload['channel_id']}" in session.rooms:
                kind = payload["data"]["type"]
                if kind == "typing":
                    active = bool((payload["data"].get("data") or {}).get("typing"))
                    self.channels.typing(
                        session.user, payload["channel_id"], payload.get("message_id"), active, sid
                    )
                elif kind == "last_read_at":
                    self.channels.read(session.user, payload["channel_id"], said_at, sid)
            case "events:chat" if session.user and payload["data"]["type"] == "last_read_at":
                self.chats.read(session.user, payload["chat_id"])
        return None

    def _join(self, session: Session, payload: dict[str, Any]) -> Any:
        user = self.tokens.get(payload["auth"]["token"])
        if user is None:
            return None
        if self.empty_acks:
            self.empty_acks -= 1
            return None
        session.user = user
        session.rooms.add(f"user:{user}")
        self._enter_channels(session)
        return {"id": user, "name": PEOPLE[user]}

    def _enter_channels(self, session: Session) -> None:
        for room in self.channels.rooms.values():
            if session.user is not None and room.visible(session.user):
                session.rooms.add(f"channel:{room.id}")

    def enter(self, user: str, room: str) -> None:
        """Bring a person's sockets into a room."""
        for session in self.sessions.values():
            if session.user == user:
                session.rooms.add(room)

    def leave(self, user: str, room: str) -> None:
        """Take a person's sockets out of a room."""
        for session in self.sessions.values():
            if session.user == user:
                session.rooms.discard(room)

    def close_room(self, room: str) -> None:
        """Take everybody out of a room; Open WebUI 0.6.41 never does."""
        if not self.flavour.old:
            for session in self.sessions.values():
                session.rooms.discard(room)

    def tell(self, name: str, payload: dict[str, Any], room: str, *, skip: str | None = None) -> None:
        """Tell everybody in a room."""
        text = json.dumps(payload)
        times = 2 if payload["data"]["type"] in self.repeats else 1
        for session in tuple(self.sessions.values()):
            if room in session.rooms and session.sid != skip:
                for _ in range(times):
                    session.push(name, json.loads(text))

    # Life

    def throw_out(self, session: Session, reason: str) -> None:
        """End a socket by force."""
        self.sessions.pop(session.sid, None)
        session.end(reason)

    def throw_out_all(self, reason: str) -> None:
        """End all sockets by force, as after a change of rights."""
        for session in tuple(self.sessions.values()):
            self.throw_out(session, reason)

    def stop(self) -> None:
        """Go away: sockets end, runs are cut."""
        self.up = False
        self.chats.cut()
        self.throw_out_all("transport close")

    def start(self) -> None:
        """Come back."""
        self.up = True

    # REST

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, query: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Carry a request out."""
        user = self.tokens.get(headers.get("Authorization", "").removeprefix("Bearer "))
        try:
            value = self._route(
                method, path.strip("/").split("/"), user, json.loads(body) if body else {}, query
            )
        except Refusal as refusal:
            self.refused.update(path.strip("/").split("/")[3:4])
            return refusal.status, json.dumps({"detail": refusal.detail}).encode()
        return 200, json.dumps(value).encode()

    def answer_lost(self, path: str) -> None:
        """The client will not hear what became of a request; Open WebUI tells nothing of a changed chat."""
        parts = path.strip("/").split("/")
        if not self.flavour.ours and parts[2:3] == ["chats"] and len(parts) > 3:
            self.untold.add(("chat", parts[3]))

    def _route(
        self, method: str, parts: list[str], user: str | None, form: dict[str, Any], query: Mapping[str, str]
    ) -> Any:
        match method, parts:
            case "GET", ["api", "config"]:
                return {
                    "status": True, "name": "Model", "version": self.flavour.version,
                    "features": {"enable_websocket": True, "enable_channels": True},
                }  # fmt: skip
            case "GET", ["api", "version"]:
                own = {"antiphon": self.flavour.antiphon} if self.flavour.ours else {}
                return {"version": self.flavour.version, "deployment_id": "", **own}
        if user is None:
            raise Refusal(401, "Not authenticated")
        match parts:
            case ["api", "v1", "channels", *rest]:
                return self._channels(method, rest, user, form, query)
            case ["api", "v1", "chats", *rest]:
                return self._chats(method, rest, user, form, query)
        match method, parts:
            case "GET", ["api", "v1", "auths"]:
                return {
                    "id": user, "name": PEOPLE[user], "role": "user", "email": f"{user}@model.test",
                    "profile_image_url": "/user.png", "token": token_of(user), "token_type": "Bearer",
                    "expires_at": None, "permissions": {"features": {"channels": True}},
                }  # fmt: skip
            case "GET", ["api", "v1", "users", "user", "settings"]:
                return None
            case "GET", ["api", "v1", "folders"]:
                return []
            case "GET", ["api", "models"]:
                return {"data": [{"id": "m", "name": "M"}]}
            case "POST", ["api", "chat", "completions"]:
                return self.chats.ask(user, form)
            case "POST", ["api", "chat", "completed"]:
                return form
            case "GET", ["api", "tasks", "chat", id_]:
                return {"task_ids": self.chats.tasks(id_)}
            case "POST", ["api", "tasks", "chat", id_, "stop"]:
                if self.flavour.old:
                    raise Refusal(404, "Not Found")
                self.chats.stop_chat(user, id_)
                return {"status": True, "message": "stopped"}
            case "POST", ["api", "tasks", "stop", id_]:
                return {"status": self.chats.stop_task(id_), "message": ""}
        return self._unknown(method, parts)

    def _channels(
        self, method: str, parts: list[str], user: str, form: dict[str, Any], query: Mapping[str, str]
    ) -> Any:
        channels = self.channels
        skip, limit = int(query.get("skip", 0)), int(query.get("limit", 50))
        match method, parts:
            case "GET", []:
                return channels.entries(user)
            case "GET", ["users", id_]:
                return channels.record(channels.direct(user, id_))
            case "POST", ["create"]:
                members = [*(form.get("user_ids") or []), user] if form.get("type") else []
                return channels.record(channels.create(user, form["name"], form.get("type"), members))
            case "GET", [id_]:
                return channels.detail(user, id_)
            case "POST", [id_, "update"]:
                return channels.record(channels.rename(user, id_, form["name"]))
            case "DELETE", [id_, "delete"]:
                channels.remove(user, id_)
                return True
            case "POST", [id_, "members", "mute"]:
                channels.mute(user, id_, form["is_channel_muted"])
                return form
            case "POST", [id_, "members", "active"]:
                channels.hide(user, id_, form["is_active"])
                return True
            case "GET", [id_, "members"]:
                room = channels.room(id_, user)
                people = [{"id": m, "name": PEOPLE[m], "is_active": True} for m in room.members or PEOPLE]
                return {"users": people, "total": len(people)}
            case "GET", [id_, "messages"]:
                return channels.page(user, id_, skip, limit, query.get("before"))
            case "GET", [id_, "messages", "pinned"]:
                room = channels.room(id_, user)
                pinned = sorted(
                    (p for p in room.posts.values() if p.pinned_at), key=lambda p: -(p.pinned_at or 0)
                )
                start = (int(query.get("page", 1)) - 1) * 20
                return [channels.full(room, post, page=True) for post in pinned[start : start + 20]]
            case "POST", [id_, "messages", "post"]:
                return channels.short(channels.post(user, id_, form))
            case "GET", [id_, "messages", message_id]:
                room = channels.room(id_, user)
                return channels.full(room, channels.post_of(room, message_id))
            case "GET", [id_, "messages", message_id, "thread"]:
                return channels.thread(user, id_, message_id, skip, limit, query.get("before"))
            case "POST", [id_, "messages", message_id, "update"]:
                return channels.short(channels.edit(user, id_, message_id, form))
            case "POST", [id_, "messages", message_id, "pin"]:
                post = channels.pin(user, id_, message_id, form["is_pinned"])
                return channels.full(channels.rooms[id_], post, page=True)
            case "POST", [id_, "messages", message_id, "reactions", "add" | "remove" as what]:
                channels.react(user, id_, message_id, form["name"], add=what == "add")
                return True
            case "DELETE", [id_, "messages", message_id, "delete"]:
                channels.delete(user, id_, message_id)
                return True
        return self._unknown(method, ["channels", *parts])

    def _chats(
        self, method: str, parts: list[str], user: str, form: dict[str, Any], query: Mapping[str, str]
    ) -> Any:
        chats = self.chats
        match method, parts:
            case "GET", []:
                return chats.entries(user, int(query.get("page", 1)))
            case "GET", ["all", "tags"] | ["pinned"]:
                return []
            case "POST", ["new"]:
                return chats.row(user, chats.make(user, form["chat"]).id)
            case "GET", [id_]:
                return chats.row(user, id_)
            case "GET", [id_, "tags"]:
                chats.talk(id_, user)
                return []
            case "POST", [id_]:
                return chats.row(user, chats.save(user, id_, form["chat"], elsewhere=False).id)
            case "DELETE", [id_]:
                chats.delete(user, id_)
                return True
        return self._unknown(method, ["chats", *parts])

    def _unknown(self, method: str, parts: list[str]) -> Any:
        self.strange.append(f"{method} {'/'.join(parts)}")
        raise Refusal(404, "Not Found")
