"""The server and the page as one ASGI application on one port."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

SERVER_PATHS = ("/api", "/ws", "/health", "/ready", "/openai", "/ollama")
"""First path segments that belong to the server; every other path is the page's."""


class Application(Protocol):
    """An ASGI application that can say goodbye."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection or the lifespan."""

    async def drain(self) -> None:
        """End every stream, socket and running answer, and store how they ended."""


class LifespanFailed(Exception):
    """An application did not start or did not stop; the message is what it said."""


class Part:
    """One application and its lifespan: `start`, serve, `drain`, `stop`.

    Uvicorn's own lifespan ends the process from inside when a start fails and knows one application only.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._state: dict[str, Any] = {}
        self._inbox: asyncio.Queue[Message] = asyncio.Queue(2)
        self._answers: asyncio.Queue[Message] = asyncio.Queue(2)
        self._lifespan: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        scope["state"] = self._state.copy()
        await self._application(scope, receive, send)

    async def start(self) -> None:
        """Run the application's start; raises what it raised, or `LifespanFailed`."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self._state}
        self._lifespan = asyncio.create_task(self._application(scope, self._inbox.get, self._answers.put))
        await self._tell("lifespan.startup", self._lifespan)

    async def drain(self) -> None:
        """End what the application has open."""
        await self._application.drain()

    async def stop(self) -> None:
        """Run the application's end, if it was started."""
        if self._lifespan is None or self._lifespan.done():
            return
        await self._tell("lifespan.shutdown", self._lifespan)
        await self._lifespan

    async def _tell(self, step: str, lifespan: asyncio.Task[None]) -> None:
        await self._inbox.put({"type": step})
        answer = asyncio.create_task(self._answers.get())
        await asyncio.wait({lifespan, answer}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await answer
            await lifespan  # raises what ended it
            raise LifespanFailed(f"the application ended during {step}")
        message = answer.result()
        if message["type"] != f"{step}.complete":
            with contextlib.suppress(LifespanFailed):
                await lifespan  # Starlette raises the cause after it has told
            raise LifespanFailed(message.get("message") or f"the application failed during {step}")


class Combined:
    """The server at once, the page as soon as it is loaded; paths decide which one answers."""

    def __init__(self, server: Part, load_page: Callable[[], Awaitable[Part]]) -> None:
        self._server = server
        self._load_page = load_page
        self._loading: asyncio.Task[Part] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a connection to the part that owns its path; one for the page waits until that is loaded."""
        if belongs_to_server(scope["path"]):
            await self._server(scope, receive, send)
            return
        page = await self.page()
        await page(scope, receive, send)

    async def start(self) -> None:
        """Start the server part."""
        await self._server.start()

    async def page(self) -> Part:
        """Load and start the page on the first call, and give it once it serves."""
        if self._loading is None:
            self._loading = asyncio.create_task(self._start_page())
        return await asyncio.shield(self._loading)

    async def drain(self) -> None:
        """End the page's streams and clients, and with them what the server still has open.

        The server does not wait long for a page that is slow to go.
        """
        async with asyncio.TaskGroup() as group:
            page = group.create_task(self._drain_page())
            await asyncio.wait({page}, timeout=0.5)
            group.create_task(self._server.drain())

    async def stop(self) -> None:
        """End the lifespans, the page's first."""
        try:
            if page := await self._loaded_page():
                await page.stop()
        finally:
            await self._server.stop()

    async def _start_page(self) -> Part:
        page = await self._load_page()
        await page.start()
        return page

    async def _drain_page(self) -> None:
        if page := await self._loaded_page():
            await page.drain()

    async def _loaded_page(self) -> Part | None:
        """The page if it serves; a page that is still loading, or that failed to, is given up."""
        if self._loading is None:
            return None
        if not self._loading.done():
            self._loading.cancel()
        await asyncio.wait({self._loading})
        return None if self._loading.cancelled() or self._loading.exception() else self._loading.result()


def belongs_to_server(path: str) -> bool:
    """Whether a path is the server's: `/api/config` is, `/apiary` and `/channels/1` are not."""
    return any(path == prefix or path.startswith(prefix + "/") for prefix in SERVER_PATHS)
