"""A whole server in the test's own event loop: uvicorn on a free port, spoken to over real HTTP and
sockets.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import socketio
import uvicorn

from antiphon.server.app import ServerApp, create_app
from antiphon.server.settings import ServerSettings

PASSWORD = "a-good-password"


@dataclass
class Answer:
    """What a request was answered with."""

    status: int
    body: Any
    headers: Any

    @property
    def detail(self) -> Any:
        """The sentence of a refusal."""
        return self.body["detail"]


class Person:
    """Somebody who asks, signed in or not."""

    def __init__(self, url: str, http: aiohttp.ClientSession, session: dict[str, Any] | None = None) -> None:
        self.url = url
        self.http = http
        self.session = session or {}
        self.sockets: list[Socket] = []

    @property
    def id(self) -> str:
        """The account's id."""
        return str(self.session["id"])

    @property
    def token(self) -> str:
        """The token of the session."""
        return str(self.session["token"])

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """Ask, and give whatever comes back."""
        headers = dict(options.pop("headers", {}))
        if self.session:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None:
            options["json"] = body
        async with self.http.request(method, self.url + path, headers=headers, **options) as answer:
            text = await answer.text()
            is_json = "application/json" in answer.headers.get("Content-Type", "")
            return Answer(answer.status, await answer.json() if is_json else text, answer.headers)

    async def get(self, path: str, **options: Any) -> Any:
        """Ask for something that must be there."""
        return await self._right("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> Any:
        """Post something that must be taken."""
        return await self._right("POST", path, body, **options)

    async def delete(self, path: str) -> Any:
        """Delete something that must be there."""
        return await self._right("DELETE", path)

    async def _right(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        answer = await self.ask(method, path, body, **options)
        assert answer.status == 200, (method, path, answer)
        return answer.body

    async def say(self, channel: str, content: str, **more: Any) -> dict[str, Any]:
        """Post a message; gives it as stored."""
        answer: dict[str, Any] = await self.post(
            f"/api/v1/channels/{channel}/messages/post", {"content": content, **more}
        )
        return answer

    async def general(self) -> str:
        """The id of the channel `general`."""
        channels = await self.get("/api/v1/channels/")
        return next(str(channel["id"]) for channel in channels if channel["name"] == "general")

    async def connect(self, **options: Any) -> Socket:
        """A socket that has said who it is in the handshake."""
        one = Socket(self.http)
        self.sockets.append(one)
        await one.open(self.url, {"token": self.token} if self.session else None, **options)
        return one


class Socket:
    """A Socket.IO client of the test's own that keeps everything it hears."""

    def __init__(self, http: aiohttp.ClientSession | None = None) -> None:
        self.client = socketio.AsyncClient(reconnection=False, http_session=http)
        self.heard: list[tuple[str, Any]] = []
        self.gone = asyncio.Event()
        self.reason = ""
        self._more = asyncio.Event()
        self.client.on("*", self._hear)
        self.client.on("disconnect", self._end)

    async def open(self, url: str, auth: Any, **options: Any) -> None:
        """Connect; `auth` goes with the handshake."""
        options.setdefault("transports", ["websocket"])
        await self.client.connect(url, auth=auth, socketio_path="/ws/socket.io", **options)

    @property
    def sid(self) -> str:
        """The socket id."""
        return str(self.client.get_sid())

    def _hear(self, event: str, *data: Any) -> None:
        self.heard.append((event, data[0] if data else None))
        self._more.set()

    def _end(self, reason: str) -> None:
        self.reason = reason
        self.gone.set()

    def of(self, event: str, type_: str | None = None) -> list[Any]:
        """What was heard so far under this event (and type)."""
        return [
            data
            for name, data in self.heard
            if name == event and (type_ is None or data.get("data", {}).get("type") == type_)
        ]

    async def next(self, event: str, type_: str | None = None, *, count: int = 1) -> Any:
        """Wait until so many events of this kind were heard; gives the last of them."""
        async with asyncio.timeout(10):
            while len(found := self.of(event, type_)) < count:
                self._more.clear()
                await self._more.wait()
        return found[count - 1]

    async def emit(self, event: str, payload: Any) -> None:
        """Send an event."""
        await self.client.emit(event, payload)

    async def call(self, event: str, payload: Any) -> Any:
        """Send an event and wait for its acknowledgement."""
        return await self.client.call(event, payload, timeout=10)

    async def settle(self) -> None:
        """Come back once the server has handled everything this socket sent, and we heard what was sent
        before.
        """
        await self.call("user-join", {})

    async def close(self) -> None:
        """Disconnect."""
        await self.client.disconnect()
        # After a server's close the library drops its WebSocket half-open.
        left = self.client.eio.ws
        if left is not None:
            await left.close()


class Server:
    """A running server and the people who use it."""

    def __init__(self, url: str, app: ServerApp, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.app = app
        self.state = app.state
        self.http = http
        self.nobody = Person(url, http)
        self.people: list[Person] = []

    async def sign_up(self, name: str, **more: Any) -> Person:
        """Make an account; what is not named is made up from the name."""
        form = {"name": name, "email": f"{name.lower()}@example.com", "password": PASSWORD, **more}
        person = Person(self.url, self.http, await self.nobody.post("/api/v1/auths/signup", form))
        self.people.append(person)
        return person

    async def close(self) -> None:
        """Disconnect."""
        for person in self.people:
            for one in person.sockets:
                await one.close()


@asynccontextmanager
async def serving(folder: Path, *, anonymous_seconds: float = 15.0, **settings: Any) -> AsyncIterator[Server]:
    """Run a server whose data is in `folder`."""
    app = await asyncio.to_thread(
        lambda: create_app(ServerSettings(data_dir=folder, **settings), anonymous_seconds=anonymous_seconds)
    )
    await app.start()
    # With the protocol named: asyncio switches Nagle's delay off only for sockets that say they are TCP.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    uvicorn_server = _Uvicorn(config)
    task = asyncio.create_task(uvicorn_server.serve(sockets=[listening]))
    await uvicorn_server.accepting.wait()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
            server = Server(url, app, http)
            try:
                yield server
            finally:
                await server.close()
    finally:
        await app.drain()
        uvicorn_server.should_exit = True
        await task


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()
