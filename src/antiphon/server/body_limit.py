"""A bound on what a request may carry."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from antiphon.server.errors import Problem

MAX_BODY_BYTES = 16 * 1024 * 1024
"""A chat document with its history is the largest thing that comes; a channel message is far below."""


class BodyLimit:
    """Refuses bodies beyond the bound with 413, whether or not they say their length."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._limit = limit
        self._refusal = f"The body is too large: at most {limit // 1024 // 1024} MiB are taken."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counting what comes in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not declared.isdigit() or int(declared) > self._limit:
            await self._swallow(receive)
            await JSONResponse({"detail": self._refusal}, 413, {"connection": "close"})(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > self._limit:
                    raise Problem(413, self._refusal)
            return message

        await self._app(scope, counted, send)

    async def _swallow(self, receive: Receive) -> None:
        """Read on for a while without keeping it: a client that is still sending would not see the answer."""
        taken = 0
        while taken < 4 * self._limit:
            message = await receive()
            taken += len(message.get("body", b""))
            if message["type"] != "http.request" or not message.get("more_body"):
                return
