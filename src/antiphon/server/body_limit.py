"""A bound on what a request may carry."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from antiphon.server.errors import Problem

MAX_BODY_BYTES = 2 * 1024 * 1024
"""A channel message and what hangs on it are far below."""
MAX_CHAT_BYTES = 16 * 1024 * 1024
"""A chat document with its history and its pictures is the largest thing that comes."""
CHATS = ("/api/v1/chats", "/api/chat/", "/api/v1/chat/")
"""Where chat documents come to."""


FILES = "/api/v1/files/"
"""Where files come to, each as one part of a form."""
FORM_BYTES = 64 * 1024
"""What a form has around its file."""


class BodyLimit:
    """Refuses bodies beyond the bound with 413, whether or not they say their length."""

    def __init__(self, app: ASGIApp, max_file_size: int) -> None:
        """`max_file_size`: of a file, in MiB."""
        self._app = app
        self._max_file_bytes = max_file_size * 1024 * 1024

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counting what comes in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = MAX_CHAT_BYTES if scope["path"].startswith(CHATS) else MAX_BODY_BYTES
        if scope["path"] == FILES:
            limit = self._max_file_bytes + FORM_BYTES
        refusal = f"The body is too large: at most {limit // 1024 // 1024} MiB are taken here."
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not declared.isdigit() or int(declared) > limit:
            await self._swallow(receive)
            await JSONResponse({"detail": refusal}, 413, {"connection": "close"})(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > limit:
                    raise Problem(413, refusal)
            return message

        await self._app(scope, counted, send)

    async def _swallow(self, receive: Receive) -> None:
        """Read on for a while without keeping it: a client that is still sending would not see the answer."""
        taken = 0
        while taken < 4 * MAX_CHAT_BYTES:
            message = await receive()
            taken += len(message.get("body", b""))
            if message["type"] != "http.request" or not message.get("more_body"):
                return
