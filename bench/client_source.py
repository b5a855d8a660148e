"""A Socket.IO server in a process of its own that tells of messages as fast as one reader takes them.

It speaks as much of the protocol as a client needs to sign in and to list its channels. `POST /bench/send`
then writes events of the recorded shape, each a frame made beforehand, and answers when all is written: the
socket's own back-pressure sets the pace. `python -m bench.client_source`; the first line of output is the
address.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psutil  # type: ignore[import-untyped]  # ships no types
import socketio  # type: ignore[import-untyped]  # ships no types
from aiohttp import web
from engineio.async_drivers import aiohttp as driver  # type: ignore[import-untyped]  # ships no types

from bench.failure import BenchError
from bench.swarm import ROOT

CHANNELS = 20
"""The channels that the messages are spread over."""
BURST = 64
"""Frames between two looks at what else there is to do."""
BEGAN = 1_790_000_000_000_000_000
"""When the first message was stored, in unix nanoseconds."""
VERSION = "0.12.4"

_PEOPLE = [{"id": str(uuid.UUID(int=n + 1)), "name": f"Person {n}", "role": "user"} for n in range(8)]
_ME = {
    **_PEOPLE[0],
    "email": "person-0@bench.test",
    "profile_image_url": "/user.png",
    "token": "bench",
    "token_type": "Bearer",
    "expires_at": None,
    "permissions": {"features": {"channels": True}},
}
_CONFIG = {
    "status": True,
    "name": "bench",
    "version": VERSION,
    "features": {"enable_websocket": True, "enable_channels": True},
}


def channel_id(number: int) -> str:
    """The id of a channel."""
    return str(uuid.UUID(int=1_000 + number))


def channel(number: int) -> dict[str, Any]:
    """A channel as it rides on events."""
    id_ = channel_id(number)
    grants = [
        {
            "id": str(uuid.UUID(int=10_000 + 2 * number + n)),
            "resource_type": "channel",
            "resource_id": id_,
            "principal_type": "user",
            "principal_id": "*",
            "permission": permission,
            "created_at": BEGAN // 1_000_000_000,
        }
        for n, permission in enumerate(("read", "write"))
    ]
    return {
        "id": id_,
        "user_id": _PEOPLE[1]["id"],
        "type": None,
        "name": f"channel-{number:02d}",
        "description": "what the bench talks about",
        "is_private": None,
        "data": None,
        "meta": None,
        "access_grants": grants,
        "created_at": BEGAN,
        "updated_at": BEGAN,
        "updated_by": None,
        "archived_at": None,
        "archived_by": None,
        "deleted_at": None,
        "deleted_by": None,
    }


def event(number: int) -> dict[str, Any]:
    """The event of message `number`, as release 0.12.4 sends it: with author and channel in full."""
    at, author, place = BEGAN + number * 1_000_000, _PEOPLE[1 + number % 7], channel(number % CHANNELS)
    id_ = str(uuid.UUID(int=1_000_000 + number))
    message = {
        "temp_id": str(uuid.UUID(int=2_000_000 + number)),
        "id": id_,
        "user_id": author["id"],
        "app_id": None,
        "channel_id": place["id"],
        "reply_to_id": None,
        "parent_id": None,
        "is_pinned": False,
        "pinned_by": None,
        "pinned_at": None,
        "content": f"message {number}: the quick brown fox *jumps* over the lazy dog, and says so to all",
        "data": {},
        "meta": None,
        "created_at": at,
        "updated_at": at,
        "user": author,
        "reply_to_message": None,
        "latest_reply_at": None,
        "reply_count": 0,
        "reactions": [],
        "etag": str(at),
    }
    return {
        "channel_id": place["id"],
        "message_id": id_,
        "data": {"type": "message", "data": message},
        "user": author,
        "channel": place,
    }


def frame(number: int) -> str:
    """The event as an Engine.IO frame."""
    return "42" + json.dumps(["events:channel", event(number)], separators=(",", ":"))


class Source:
    """The server. It has one reader at a time."""

    def __init__(self) -> None:
        self._io = socketio.AsyncServer(async_mode="aiohttp", ping_interval=25, ping_timeout=60)
        source = self

        class Line(driver.WebSocket):  # type: ignore[misc]  # the base class is untyped
            """The library's WebSocket, which it does not show to anybody."""

            async def __call__(self, environ: dict[str, Any]) -> Any:
                source._line = self
                return await super().__call__(environ)

        # Its one door to the socket: through its queue the source would be the limit, not the reader.
        self._io.eio._async = {**self._io.eio._async, "websocket": Line}  # noqa: SLF001
        self._line: Any = None
        self._io.on("user-join", self._join)
        self._io.on("*", self._other)
        self.app = web.Application()
        self._io.attach(self.app, socketio_path="/ws/socket.io")
        self.app.router.add_post("/bench/send", self._send)
        self.app.router.add_route("*", "/{tail:.*}", self._rest)

    async def _join(self, _sid: str, _data: Any) -> dict[str, str]:
        return {"id": _ME["id"], "name": _ME["name"]}

    async def _other(self, _event: str, _sid: str, *_data: Any) -> None:
        return None

    async def _send(self, request: web.Request) -> web.Response:
        """Write `count` events from number `first` on; the frames are made before the first is written."""
        wanted = await request.json()
        frames = [frame(wanted["first"] + n) for n in range(wanted["count"])]
        cpu, began = psutil.Process().cpu_times(), time.monotonic()
        for n, text in enumerate(frames):
            await self._line.send(text)
            if n % BURST == 0:
                await asyncio.sleep(0)
        used = psutil.Process().cpu_times()
        spent = used.user + used.system - cpu.user - cpu.system
        return web.json_response({"cpu": spent, "took": time.monotonic() - began})

    async def _rest(self, request: web.Request) -> web.Response:
        path = request.path
        if path == "/api/config":
            answer: Any = _CONFIG
        elif path == "/api/version":
            answer = {"version": VERSION, "deployment_id": "bench"}
        elif path == "/api/v1/auths/":
            answer = _ME
        elif path == "/api/v1/channels/":
            more = {"user_ids": None, "users": None, "last_message_at": None, "unread_count": 0}
            answer = [{**channel(n), **more, "is_channel_muted": False} for n in range(CHANNELS)]
        elif path.endswith("/messages"):
            answer = []
        elif path.startswith("/api/v1/channels/"):
            number = [channel_id(n) for n in range(CHANNELS)].index(path.rsplit("/", 1)[1])
            answer = {**channel(number), "write_access": True, "unread_count": 0}
        elif path == "/api/v1/users/user/settings":
            answer = None
        else:
            answer = []  # no chats, no tags
        return web.json_response(answer)


async def serve() -> None:
    """Serve on the loopback interface until cancelled."""
    runner = web.AppRunner(Source().app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sys.stdout.write(f"http://127.0.0.1:{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


@asynccontextmanager
async def running() -> AsyncIterator[str]:
    """A source in a process of its own for the block; gives its address."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.client_source"),
        cwd=ROOT,
        start_new_session=True,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the source has no output")
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        if not line:
            raise BenchError("the source of events did not start; its error is above")
        yield line.decode().strip()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def main() -> None:
    """Run the source by hand."""
    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
