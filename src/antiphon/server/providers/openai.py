"""An OpenAI-compatible endpoint: its models, streamed and whole answers, and what can go wrong with each."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import aiohttp

from antiphon.server.providers import failures
from antiphon.server.providers.sse import DataLines, LineTooLong
from antiphon.server.strict_json import read_foreign

DONE = b"[DONE]"
MAX_BODY = 32 * 1024 * 1024
"""Bytes of a whole answer; more is refused, as it would be held in memory."""
MAX_ERROR = 64 * 1024
"""Bytes of an error's body that are looked at."""


class OpenAIEndpoint:
    """One address and one key."""

    def __init__(self, session: aiohttp.ClientSession, address: str, key: str = "") -> None:
        self._session = session
        self._url = address.rstrip("/")
        self._address = failures.public_address(self._url)
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    @property
    def address(self) -> str:
        """The base address as people may see it: without a password, and without a slash at its end."""
        return self._address

    async def models(self, seconds: float) -> list[dict[str, Any]]:
        """Return the `data` of `GET /models`. Raises `ProviderFailed`, at the latest after `seconds`."""
        body = await self._json("GET", "/models", None, seconds)
        data = body.get("data") if isinstance(body, dict) else body
        if not isinstance(data, list):
            raise failures.not_a_provider(self._address, json.dumps(body))
        return [entry for entry in data if isinstance(entry, dict) and isinstance(entry.get("id"), str)]

    async def fetch(self, path: str, seconds: float) -> Any:
        """Return the JSON of a `GET`. Raises `ProviderFailed`, at the latest after `seconds`."""
        return await self._json("GET", path, None, seconds)

    async def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return one whole answer."""
        answer = await self._json("POST", "/chat/completions", {**body, "stream": False}, None)
        if not isinstance(answer, dict):
            raise failures.not_a_provider(self._address, json.dumps(answer))
        if error := answer.get("error"):
            raise failures.of_error_object(self._address, error)
        if not isinstance(answer.get("choices"), list):
            raise failures.not_a_provider(self._address, json.dumps(answer))
        return answer

    async def stream(self, body: dict[str, Any]) -> AsyncGenerator[list[dict[str, Any]], None]:
        """Yield the chunks of one streamed answer."""
        async with aclosing(self.stream_payloads(body)) as batches:
            async for payloads in batches:
                chunks: list[dict[str, Any]] = []
                for payload in payloads:
                    try:
                        chunk = read_foreign(payload)
                    except ValueError:
                        if chunks:
                            yield chunks
                        raise failures.garbled(self._address, payload.decode(errors="replace")) from None
                    if isinstance(chunk, dict):
                        if chunk.get("error"):
                            if chunks:
                                yield chunks
                            raise failures.of_error_object(self._address, chunk["error"])
                        chunks.append(chunk)
                yield chunks

    async def stream_payloads(self, body: dict[str, Any]) -> AsyncGenerator[list[bytes], None]:
        """Yield the JSON texts of an answer, unread; one that is not streamed gives one, converted."""
        async with self._request("POST", "/chat/completions", {**body, "stream": True}) as response:
            kind = response.content_type
            if kind == "application/json":
                yield [json.dumps(_as_chunk(self._whole(await self._text(response)))).encode()]
                return
            if kind == "text/html":
                raise failures.not_a_provider(self._address, await self._text(response))
            lines = DataLines()
            seen = False
            async for data in self._any(response):
                try:
                    payloads = lines.feed(data)
                except LineTooLong:
                    raise failures.garbled(self._address, "a line without an end") from None
                seen = seen or bool(payloads)
                if DONE in payloads:
                    yield payloads[: payloads.index(DONE)]
                    return
                yield payloads
            if not seen and lines.rest and not lines.rest.startswith(b"data:"):
                raise failures.not_a_provider(self._address, lines.rest.decode(errors="replace"))
            raise failures.cut(self._address)

    def _whole(self, text: str) -> dict[str, Any]:
        try:
            body = read_foreign(text.encode())
        except ValueError:
            raise failures.not_a_provider(self._address, text) from None
        if isinstance(body, dict) and body.get("error"):
            raise failures.of_error_object(self._address, body["error"])
        if not isinstance(body, dict) or not isinstance(body.get("choices"), list):
            raise failures.not_a_provider(self._address, text)
        return body

    async def _json(self, method: str, path: str, body: dict[str, Any] | None, seconds: float | None) -> Any:
        try:
            async with asyncio.timeout(seconds), self._request(method, path, body) as response:
                text = await self._text(response)
        except TimeoutError:
            raise failures.stalled(self._address, "total", seconds or 0) from None
        try:
            return read_foreign(text.encode())
        except ValueError:
            raise failures.not_a_provider(self._address, text) from None

    async def _text(self, response: aiohttp.ClientResponse, limit: int = MAX_BODY) -> str:
        data = bytearray()
        async for piece in self._any(response):
            data += piece
            if len(data) > limit:
                raise failures.garbled(self._address, f"a body of more than {limit} bytes")
        return data.decode(errors="replace")

    async def _any(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        try:
            async for data in response.content.iter_any():
                yield data
        except (aiohttp.ClientError, ConnectionError):
            raise failures.cut(self._address) from None

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, body: dict[str, Any] | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            response = await self._session.request(
                method, self._url + path, json=body, headers=self._headers, allow_redirects=False
            )
        except aiohttp.ConnectionTimeoutError:
            limit = self._session.timeout.sock_connect or 0
            raise failures.stalled(self._address, "connect", limit) from None
        except aiohttp.ClientConnectorError as error:
            raise failures.unreachable(self._address, _reason(error)) from None
        except aiohttp.InvalidURL:
            raise failures.unreachable(self._address, "this is no address") from None
        except (aiohttp.ClientError, ConnectionError):
            raise failures.cut(self._address) from None
        try:
            if 300 <= response.status < 400:
                raise failures.moved(self._address, response.headers.get("Location", ""))
            if response.status >= 400:
                model = body.get("model") if body else None
                raise failures.of_status(
                    self._address, response.status, await self._error_body(response), model
                )
            yield response
        finally:
            response.close()  # an answer that was not read to its end must not hold the connection

    async def _error_body(self, response: aiohttp.ClientResponse) -> str:
        try:
            return (await response.content.read(MAX_ERROR)).decode(errors="replace")
        except (aiohttp.ClientError, ConnectionError):
            return ""


def _reason(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "its certificate is not valid"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is unknown"
    return error.os_error.strerror or "connection failed"


def _as_chunk(body: dict[str, Any]) -> dict[str, Any]:
    """Turn a whole body into one chunk that says it all."""
    choices = [
        {
            "index": 0,
            "delta": choice.get("message") or {},
            "finish_reason": choice.get("finish_reason") or "stop",
        }
        for choice in body["choices"][:1]
        if isinstance(choice, dict)
    ]
    return {**body, "object": "chat.completion.chunk", "choices": choices}
