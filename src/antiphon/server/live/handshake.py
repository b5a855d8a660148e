"""What a socket brings along to say who it is, and how a connection is refused while the server ends."""

from __future__ import annotations

from typing import Any

from starlette.types import Scope, Send


def token_in(auth: Any) -> str | None:
    """The token in a handshake or a `user-join`, if there is one."""
    token = auth.get("token") if isinstance(auth, dict) else None
    return token if isinstance(token, str) else None


async def refuse(scope: Scope, send: Send) -> None:
    """Refuse a connection because the server is going down."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1012, "reason": "the server is going down"})
    else:
        headers = [(b"content-type", b"application/json"), (b"retry-after", b"2")]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"detail":"The server is going down."}'})
