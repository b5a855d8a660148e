"""A protocol server for the client's tests: real HTTP and Socket.IO on a free port, with a hand on every
wire.

What it answers has the shape of the recordings in `tests/fixtures`: the first recorded channel, message and
event are its templates. A test can hold requests back, fail them, cut every socket, go away and come back,
and say what it likes.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import socketio
from aiohttp import web

FIXTURES = Path(__file__).parent.parent / "fixtures"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@cache
def recorded(release: str, file: str) -> tuple[dict[str, Any], ...]:
    """Read a recording."""
    with (FIXTURES / f"open-webui-{release}" / f"{file}.jsonl").open(encoding="utf-8") as lines:
        return tuple(json.loads(line) for line in lines)


def template(release: str, step: str, path: str) -> Any:
    """Give a recorded answer."""
    for line in recorded(release, "rest"):
        if line["step"] == step and line["path"].startswith(path):
            return deepcopy(line["response"])
    raise LookupError((release, step, path))


def event_template(release: str, kind: str) -> dict[str, Any]:
    """Give a recorded channel event."""
    for line in recorded(release, "events"):
        if line["event"] == "events:channel" and line["data"]["data"]["type"] == kind:
            return deepcopy(line["data"])
    raise LookupError((release, kind))


def account(name: str) -> dict[str, Any]:
    """Build a session user."""
    return {
        "id": name,
        "name": name.title(),
        "role": "user",
        "email": f"{name}@peer.test",
        "profile_image_url": "/user.png",
        "token": f"token-{name}",
        "token_type": "Bearer",
        "expires_at": None,
        "permissions": {"features": {"channels": True}},
    }


@dataclass
class Peer:
    """The server. Its state is plain; tests change it as they like."""

    release: str = "0.12.4"
    antiphon: str | None = None
    websocket: bool = True
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)
    messages: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    chats: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, list[str]] = field(default_factory=dict)
    said: list[tuple[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    bodies: list[tuple[str, Any]] = field(default_factory=list)
    tokens_seen: list[str] = field(default_factory=list)
    join_answer: Callable[[dict[str, Any] | None], Any] | None = None
    refuse_sockets: bool = False
    unanswered_joins: bool = False
    hooks: dict[str, Handler] = field(default_factory=dict)
    url: str = ""

    def __post_init__(self) -> None:
        self.io = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins="*", ping_interval=25)
        self.app = web.Application(client_max_size=8 * 2**20)
        self.io.attach(self.app, socketio_path="/ws/socket.io")
        self.app.router.add_route("*", "/{tail:.*}", self.serve)
        self.io.on("connect", self._connect)
        self.io.on("disconnect", self._disconnect)
        self.io.on("user-join", self._join)
        self.io.on("*", self._other)
        self.sids: dict[str, str] = {}
        self._ids = itertools.count(1)
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._changed = asyncio.Condition()
        for name in ("me", "ann"):
            self.users[f"token-{name}"] = account(name)
        record = template("0.12.4", "GET channels", "/api/v1/channels/")[0]
        self.add_channel({**record, "id": "c", "name": "general", "unread_count": 0, "last_message_at": None})

    # Life

    async def start(self) -> None:
        """Listen; on the same port as before, if there was one."""
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        """Be gone: no port, no sockets."""
        runner, self._runner = self._runner, None
        if runner is not None:
            for site in list(runner.sites):
                await site.stop()
            self.cut()
            await self.rest()
            await runner.cleanup()
            # The library leaves the next ping of an ended session asleep for an interval.
            for task in asyncio.all_tasks():
                if getattr(task.get_coro(), "__qualname__", "") == "AsyncSocket._send_ping":
                    task.cancel()

    async def rest(self) -> None:
        """Wait until every socket session has ended."""
        await until(lambda: not self.sids)

    def cut(self) -> None:
        """Cut every TCP connection, without a word."""
        if self._runner is not None and self._runner.server is not None:
            for connection in list(self._runner.server.connections):
                if connection.transport is not None:
                    connection.transport.abort()
        for socket in list(self.io.eio.sockets.values()):
            socket.queue.put_nowait(None)

    # State

    def add_channel(self, entry: dict[str, Any]) -> None:
        """Add a channel."""
        self.channels[entry["id"]] = entry
        self.messages.setdefault(entry["id"], [])

    def add_message(self, text: str, user: str = "ann", channel: str = "c", **more: Any) -> dict[str, Any]:
        """Store a message, in the shape of a recorded one."""
        message: dict[str, Any] = event_template("0.12.4", "message")["data"]["data"]
        message.pop("temp_id")
        last = self.messages[channel][-1]["created_at"] if self.messages[channel] else 0
        now = max(time.time_ns(), last + 1)
        message |= {
            "id": f"m{next(self._ids):04}",
            "user_id": user,
            "channel_id": channel,
            "content": text,
            "created_at": now,
            "updated_at": now,
            "etag": str(now),
            "user": {"id": user, "name": user.title(), "role": "user"},
            **more,
        }
        self.messages[channel].append(message)
        return message

    async def tell(self, kind: str, message: dict[str, Any], **more: Any) -> None:
        """Send a channel event about a message."""
        await self.emit(
            "events:channel",
            {
                "channel_id": message["channel_id"],
                "message_id": message["id"],
                "data": {"type": kind, "data": {**message, **more}},
                "user": message["user"],
                "channel": {k: v for k, v in self.channels[message["channel_id"]].items() if k != "users"},
            },
        )

    async def emit(self, name: str, payload: Any) -> None:
        """Send an event to every joined socket."""
        for sid in list(self.sids):
            await self.io.emit(name, payload, to=sid)

    async def call(self, payload: Any) -> Any:
        """Make a call to the first socket and give its answer."""
        return await self.io.call("events", payload, to=next(iter(self.sids)), timeout=5)

    # Waiting

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait for something on this server to become so."""
        await until(condition)

    # Socket

    async def _connect(self, sid: str, environ: dict[str, Any], auth: dict[str, Any] | None) -> None:
        self.tokens_seen.append((auth or {}).get("token", ""))
        if self.refuse_sockets:
            raise socketio.exceptions.ConnectionRefusedError("not now")

    async def _join(self, sid: str, data: Any) -> Any:
        self.said.append(("user-join", data))
        if self.unanswered_joins:
            # Held until the connection is over; an answer then goes nowhere.
            await until(lambda: not self.unanswered_joins or not self.io.manager.is_connected(sid, "/"))
            return None
        user = self.users.get((data.get("auth") or {}).get("token"))
        if self.join_answer is not None:
            return self.join_answer(user)
        if user is None:
            return None
        self.sids[sid] = user["id"]
        return {"id": user["id"], "name": user["name"]}

    async def _disconnect(self, sid: str, reason: str) -> None:
        self.sids.pop(sid, None)

    async def _other(self, event: str, sid: str, *data: Any) -> None:
        self.said.append((event, data[0] if data else None))

    # REST

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer a request, by a hook if there is one for it."""
        where = f"{request.method} {request.path}"
        self.requests.append(where)
        body = await request.json() if request.can_read_body else None
        self.bodies.append((where, body))
        hook = self.hooks.get(where)
        return await (hook(request) if hook else self.answer(request))

    async def answer(self, request: web.Request) -> web.Response:
        """Give the ordinary answer."""
        path, user = request.path, self.user_of(request)
        parts = path.strip("/").split("/")
        match request.method, parts:
            case "GET", ["api", "config"]:
                return ok(
                    {
                        "status": True,
                        "name": "Peer",
                        "version": self.release,
                        "features": {"enable_websocket": self.websocket},
                    }
                )
            case "GET", ["api", "version"]:
                own = {"antiphon": self.antiphon} if self.antiphon else {}
                return ok({"version": self.release, "deployment_id": "", **own})
            case "POST", ["api", "v1", "auths", "signin"]:
                body = await request.json()
                found = next((u for u in self.users.values() if u["email"] == body["email"]), None)
                if found is None or body["password"] != "right":
                    return no(400, "The email or password provided is incorrect.")
                return ok(found)
        if user is None:
            return no(401, "Not authenticated")
        match request.method, parts:
            case "GET", ["api", "v1", "auths"]:
                return ok(user)
            case "POST", ["api", "v1", "auths", "signout"]:
                self.users.pop(user["token"])
                return ok({"status": True})
            case "GET", ["api", "v1", "users", "user", "settings"]:
                return ok(None)
            case "GET", ["api", "v1", "chats", "all", "tags"]:
                return ok([])
            case "GET", ["api", "v1", "channels"]:
                return ok(list(self.channels.values()))
            case "GET", ["api", "v1", "chats"]:
                entries = [
                    {k: c[k] for k in ("id", "title", "updated_at", "created_at")}
                    for c in self.chats.values()
                ]
                return ok(entries)
            case "GET", ["api", "v1", "chats", id_] if id_ in self.chats:
                return ok(self.chats[id_])
            case "GET", ["api", "tasks", "chat", id_]:
                return ok({"task_ids": self.tasks.get(id_, [])})
            case "GET", ["api", "v1", "channels", id_] if id_ in self.channels:
                return ok({**self.channels[id_], "is_manager": False, "write_access": True, "user_count": 2})
            case "GET", ["api", "v1", "channels", id_, "messages"] if id_ in self.channels:
                skip, limit = int(request.query.get("skip", 0)), int(request.query.get("limit", 50))
                top = [m for m in self.messages[id_][::-1] if m["parent_id"] is None]
                return ok(top[skip : skip + limit])
            case "GET", ["api", "v1", "channels", id_, "messages", root, "thread"] if id_ in self.channels:
                skip, limit = int(request.query.get("skip", 0)), int(request.query.get("limit", 50))
                under = [m for m in self.messages[id_][::-1] if m["parent_id"] == root]
                page = under[skip : skip + limit]
                if len(page) < limit:  # As the original: a short page ends with the parent (W-19).
                    page += [m for m in self.messages[id_] if m["id"] == root]
                return ok(page)
            case "POST", ["api", "v1", "channels", id_, "messages", "post"] if id_ in self.channels:
                return ok(await self.post(id_, user, await request.json()))
        return no(404, "Not found")

    async def post(
        self, channel: str, user: dict[str, Any], form: dict[str, Any], *, tell: bool = True
    ) -> Any:
        """Store a posted message, tell it, and give the answer, which has fewer keys than the event."""
        if self.antiphon:
            for message in self.messages[channel]:
                if message.get("temp_id") == form["temp_id"]:
                    return short(message)
        more = {key: form.get(key) for key in ("reply_to_id", "parent_id")}
        message = self.add_message(form["content"], user["id"], channel, **more)
        if tell:
            await self.tell("message", message, temp_id=form["temp_id"])
        if self.antiphon:
            message["temp_id"] = form["temp_id"]
        return short(message)

    def user_of(self, request: web.Request) -> dict[str, Any] | None:
        """Give the person whose token a request carries."""
        return self.users.get(request.headers.get("Authorization", "").removeprefix("Bearer "))

    def count(self, where: str) -> int:
        """Count the requests made so far."""
        return self.requests.count(where)


def short(message: dict[str, Any]) -> dict[str, Any]:
    """Give a message as the answer of a post has it."""
    left_out = {"user", "reply_to_message", "latest_reply_at", "reply_count", "reactions", "etag", "temp_id"}
    return {key: value for key, value in message.items() if key not in left_out}


def ok(value: Any) -> web.Response:
    """Answer well."""
    return web.json_response(value)


def no(status: int, detail: str) -> web.Response:
    """Refuse."""
    return web.json_response({"detail": detail}, status=status)


async def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Wait until a condition holds, looking at each turn of the loop's timer; fail when it never does."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not condition():
        if loop.time() > end:
            raise AssertionError(f"it did not come about: {condition!r}")
        turn: asyncio.Future[None] = loop.create_future()
        loop.call_later(0.002, lambda turn=turn: turn.done() or turn.set_result(None))
        await turn


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[Peer]:
    """Run a peer."""
    peer = Peer(**options)
    await peer.start()
    try:
        yield peer
    finally:
        peer.hooks.clear()
        await peer.stop()
        await peer.io.shutdown()
