"""One HTTP request: token, time limits, size limit, and the errors of `client.errors`."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
from pydantic import TypeAdapter, ValidationError

from antiphon.client.clock import Delays
from antiphon.client.errors import BadAnswer, NotFound, SignedOut, Unreachable, failure
from antiphon.wire import WireModel

MOST_BYTES = 64 * 1024 * 1024
"""Largest answer that is read: a long chat travels as one document, but nothing legitimate is bigger than
this.
"""

LARGE_BODY = 512 * 1024

_adapters: dict[Any, TypeAdapter[Any]] = {}


class Http:
    """A session with one server. It must be opened in, and closed from, a running event loop."""

    def __init__(self, url: str, delays: Delays, token: Callable[[], str | None]) -> None:
        self._url = url
        self._delays = delays
        self._token = token
        self._session: aiohttp.ClientSession | None = None
        self._closed = False
        self.on_signed_out: Callable[[], None] | None = None
        """Called when the server answers 401 to a request that carried our token."""

    async def close(self) -> None:
        """Close the connections."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

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
        status, raw = await self._exchange(method, path, headers, body, query)
        value = _decode(raw)
        if status >= 400:
            error = failure(status, _detail(value, status))
            if isinstance(error, SignedOut) and token and self.on_signed_out is not None:
                self.on_signed_out()
            raise error
        if value is _NO_JSON:
            raise BadAnswer(
                f"{method} {path}: the server answered with something that is no JSON; is it an Open WebUI?",
                foreign=True,
            )
        return checked(answer, value, f"{method} {path}")

    async def _exchange(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: WireModel | None,
        query: Mapping[str, str | int | None] | None,
    ) -> tuple[int, bytes]:
        try:
            async with self._opened().request(
                method,
                self._url + path,
                headers=headers,
                data=None if body is None else _body(body),
                params={key: str(value) for key, value in (query or {}).items() if value is not None},
                allow_redirects=False,
            ) as response:
                if 300 <= response.status < 400:
                    raise BadAnswer(
                        f"{self._url} redirects to another place; give the address of the server itself"
                    )
                return response.status, await _read(response)
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(f"{self._url} cannot be reached: {error.strerror or error}") from error
        except aiohttp.ConnectionTimeoutError as error:
            raise Unreachable(f"{self._url} could not be reached in time") from error
        except TimeoutError as error:
            raise Unreachable(f"{self._url} did not answer in time", sent=True) from error
        except aiohttp.InvalidURL as error:
            raise BadAnswer(f"{self._url} is no address of a server") from error
        except (aiohttp.ClientError, OSError) as error:
            # The connection broke after it stood: what we sent may have been carried out.
            raise Unreachable(
                f"the connection to {self._url} broke: {type(error).__name__}", sent=True
            ) from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._closed:
            raise Unreachable("the client is closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(
                    total=self._delays.request, connect=self._delays.request_connect
                ),
                # The token travels in a header; a cookie that the server sets must not outlive or outvote it.
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit=16),
            )
        return self._session


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
        raise BadAnswer(f"{where}: {place}: {first['msg']}") from None


def segment(id_: str) -> str:
    """Give an id as one segment of a path, whatever it holds: ids also come from addresses that a person
    typed.
    """
    if id_ in {"", ".", ".."}:
        raise NotFound(404, "there is nothing under this address")
    return quote(id_, safe="")


async def _read(response: aiohttp.ClientResponse) -> bytes:
    parts = bytearray()
    async for part in response.content.iter_chunked(256 * 1024):
        parts += part
        if len(parts) > MOST_BYTES:
            raise BadAnswer(f"the server's answer is larger than {MOST_BYTES} bytes")
    return bytes(parts)


_NO_JSON = object()


def _body(body: WireModel) -> bytes | io.BytesIO:
    encoded = json.dumps(body.dump(), ensure_ascii=False, separators=(",", ":")).encode()
    # A large body goes out in pieces, so that it does not hold up the loop.
    return encoded if len(encoded) < LARGE_BODY else io.BytesIO(encoded)


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
