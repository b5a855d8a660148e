"""One HTTP request: token, time limits, size limit, and the errors of `client.errors`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from antiphon.client.errors import AntiphonError, BadAnswer, NotFound, Refused, SignedOut, failure
from antiphon.client.link.transport import Exchange
from antiphon.client.slots import slot
from antiphon.wire import WireModel

SESSION = "/api/v1/auths/"
"""What is answered 401 here is about the session itself."""

_adapters: dict[Any, TypeAdapter[Any]] = {}


class Http:
    """A session with one server; `exchange` carries the bytes."""

    def __init__(self, exchange: Exchange, token: Callable[[], str | None]) -> None:
        self._exchange = exchange
        self._token = token
        self.on_signed_out: Callable[[], None] | None = None
        """Called when the server answers 401 to a request that carried our token, unless it takes that token
        for another request.
        """
        self.signed_in: Callable[[], Awaitable[bool]] | None = None
        """Asks whether the token is good."""

    async def close(self) -> None:
        """Close the connections."""
        await self._exchange.close()

    async def renew(self) -> None:
        """Use new connections from now on."""
        await self._exchange.renew()

    async def get(self, path: str, answer: Any, **query: str | int | None) -> Any:
        """GET; the answer is checked against the type `answer`."""
        return await self.request("GET", path, answer, query=query)

    async def post(self, path: str, answer: Any, body: WireModel | None = None) -> Any:
        """POST a body; the answer is checked against the type `answer`."""
        return await self.request("POST", path, answer, body=body)

    async def request(
        self,
        method: str,
        path: str,
        answer: Any,
        *,
        body: WireModel | None = None,
        query: Mapping[str, str | int | None] | None = None,
    ) -> Any:
        """Make a request. Raises `RequestFailed` and its kinds, `Unreachable` or `BadAnswer`."""
        token = self._token()
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if token:
            headers["Authorization"] = f"Bearer {token}"
        async with slot():
            status, raw = await self._exchange.exchange(
                method,
                path,
                headers,
                None if body is None else _body(body),
                {key: str(value) for key, value in (query or {}).items() if value is not None},
            )
        value = _decode(raw)
        if status >= 400:
            error = failure(status, _detail(value, status))
            if isinstance(error, SignedOut) and token:
                if not path.startswith(SESSION) and await self._still_signed_in():
                    raise Refused(status, error.detail)
                if self.on_signed_out is not None:
                    self.on_signed_out()
            raise error
        if value is _NO_JSON:
            raise BadAnswer(
                f"the server answered with something that is no JSON; is it an Open WebUI? ({method} {path})",
                foreign=True,
            )
        return checked(answer, value, f"{method} {path}")

    async def _still_signed_in(self) -> bool:
        """Open WebUI answers 401 also to what a person who is signed in may not use, or what is not there."""
        try:
            return self.signed_in is not None and await self.signed_in()
        except AntiphonError:
            return False  # Not known: whoever hears of it will ask again.


def checked(answer: Any, value: object, where: str) -> Any:
    """Give `value` as the wire type `answer`, or raise `BadAnswer` that names the place, never the
    content.
    """
    adapter = _adapters.get(answer)
    if adapter is None:
        adapter = _adapters[answer] = TypeAdapter(answer)
    try:
        return adapter.validate_python(value, by_alias=True, by_name=False)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "the answer"
        raise BadAnswer(
            "the server answers in a way that this client does not know; is it an Open WebUI? "
            f"({where}: {place}: {first['msg']})"
        ) from None


def segment(id_: str) -> str:
    """Give an id as one segment of a path, whatever it holds: ids also come from addresses that a person
    typed.
    """
    if id_ in {"", ".", ".."}:
        raise NotFound(404, "there is nothing under this address")
    return quote(id_, safe="")


_NO_JSON = object()


def _body(body: WireModel) -> bytes:
    return json.dumps(body.dump(), ensure_ascii=False, separators=(",", ":")).encode()


def _decode(raw: bytes) -> Any:
    if not raw.strip():
        return None
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return _NO_JSON


def _detail(value: Any, status: int) -> str:
    detail = value.get("detail") if isinstance(value, dict) else None
    if isinstance(detail, str) and detail:
        return detail
    if isinstance(detail, list):
        # FastAPI's own validation errors: a list of {loc, msg, type}.
        messages = [str(item["msg"]) for item in detail if isinstance(item, dict) and "msg" in item]
        if messages:
            return "; ".join(messages)
    if isinstance(detail, dict) and isinstance(detail.get("message"), str):
        return str(detail["message"])
    return f"the server answered with status {status}"
