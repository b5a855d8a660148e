"""What a browser asks for by script, and the answers when something is wrong: JSON with `detail`, always."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from starlette.responses import JSONResponse

from antiphon.client.errors import (
    AntiphonError,
    NotFound,
    RequestFailed,
    SendFailed,
    SignedOut,
    Unreachable,
)

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

MOST_BYTES: Final = 4 * 1024 * 1024
"""The largest body that is read: a message that the server refuses is refused in the server's own words."""

SIGNED_OUT: Final = "You are signed out. Sign in again; what you wrote is kept."
AWAY: Final = "The server cannot be reached right now. What you wrote is kept; it is tried again by itself."


class BadRequest(Exception):
    """A request that cannot be understood; `detail` says why, in words for a person."""

    def __init__(self, detail: str, status: int = 422) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status


async def body_of(request: Request) -> bytes:
    """Read a body of bounded size. Raises `BadRequest` 413 beyond that."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise BadRequest("This is too long to be sent. Shorten it, or send it in parts.", 413)
    return bytes(body)


async def form_of(request: Request) -> dict[str, str]:
    """Read the fields of a plain form (urlencoded). Raises `BadRequest` if it is too long or unreadable."""
    try:
        return dict(parse_qsl((await body_of(request)).decode(), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise BadRequest("The form could not be read.", 400) from None


class Fields:
    """The fields of a JSON object from the browser, each checked when it is read."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    @classmethod
    async def of(cls, request: Request) -> Fields:
        """Read the request's body. Raises `BadRequest` unless it is a JSON object."""
        try:
            values = json.loads(await body_of(request))
        except (ValueError, RecursionError):
            raise BadRequest("The request is not JSON.", 400) from None
        if not isinstance(values, dict):
            raise BadRequest("The request is not a JSON object.", 400)
        return cls(values)

    def text(self, name: str, *, most: int = 500, default: str | None = None) -> str:
        """Return a text of at most `most` characters; empty only where there is a `default`."""
        value = self._values.get(name, default)
        if not isinstance(value, str) or (not value and default is None):
            raise BadRequest(f"The field {name!r} is missing.")
        if len(value) > most:
            raise BadRequest(f"The field {name!r} is longer than {most} characters.", 413)
        return value

    def words(self, name: str) -> str:
        """Return what a person wrote: not empty, otherwise as they wrote it."""
        value = self._values.get(name)
        if not isinstance(value, str):
            raise BadRequest(f"The field {name!r} is missing.")
        if not value.strip():
            raise BadRequest("There is nothing in this message.")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise BadRequest("This message holds characters that are none.") from None
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a truth value."""
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            raise BadRequest(f"The field {name!r} must be true or false.")
        return value


def failed(detail: str, status: int) -> Response:
    """Answer with an error in words."""
    return JSONResponse({"detail": detail}, status_code=status)


def answer_to(error: AntiphonError) -> tuple[int, str]:
    """Return the status and the words for what the client could not do."""
    match error:
        case SignedOut():
            return 401, SIGNED_OUT
        case NotFound():
            return 404, "This is gone, or you may no longer see it."
        case RequestFailed() if error.retryable:
            return 503, AWAY
        case RequestFailed():
            return error.status, error.detail
        case Unreachable():
            return 503, AWAY
        case SendFailed():
            return 422, error.reason
        case _:
            return 502, f"The server gave an answer that makes no sense: {error}"
