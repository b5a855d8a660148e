"""Routes that take strict JSON, and large bodies only from people who are signed in."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.routing import APIRoute

from antiphon.server.errors import Problem
from antiphon.server.security.principals import session_of
from antiphon.server.strict_json import BadJson, read

STRANGERS_BYTES = 64 * 1024
"""What a body may hold before it is looked who sends it: a form to sign up or in, with room to spare.

JSON is read before anyone is asked for a token, and reading megabytes would hold everyone else up.
"""

Page = Annotated[int, Query(ge=1, le=1_000_000)]
"""A page of a list, from 1."""
Skip = Annotated[int, Query(ge=0, le=1_000_000_000)]
"""How many of a list are passed over."""
Search = Annotated[str, Query(max_length=200)]
"""What somebody looks for."""


class StrictRequest(Request):
    """A request whose body is read by the rules of `strict_json`."""

    async def body(self) -> bytes:
        """The whole body; 401 as soon as nobody's is larger than `STRANGERS_BYTES`."""
        if not hasattr(self, "_body"):
            pieces: list[bytes] = []
            taken, known = 0, False
            async for piece in self.stream():
                pieces.append(piece)
                taken += len(piece)
                if taken > STRANGERS_BYTES and not known:
                    await session_of(self)
                    known = True
            self._body = b"".join(pieces)
        return self._body

    async def json(self) -> Any:
        """The body's value."""
        if not hasattr(self, "_json"):
            body = await self.body()
            try:
                self._json = read(body)
            except BadJson as error:
                raise Problem(422, str(error)) from None
        return self._json


class StrictRoute(APIRoute):
    """A route that hands its handler a `StrictRequest`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            # No id and no query holds a NUL character, and PostgreSQL would fail over one.
            if "\0" in request.scope["path"]:
                raise Problem.not_found()
            if b"%00" in request.scope["query_string"]:
                raise Problem(422, "The address holds a NUL character, which nothing here takes.")
            return await handle(StrictRequest(request.scope, request.receive))

        return strictly


class Router(APIRouter):
    """A router of strict routes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=StrictRoute, **options)
