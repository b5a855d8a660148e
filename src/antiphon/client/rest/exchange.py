"""One HTTP exchange over a network: time limits, size limit, and what went wrong in words."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping

import aiohttp

from antiphon.client.clock import Delays
from antiphon.client.errors import BadAnswer, Unreachable
from antiphon.client.link.reasons import why

MOST_BYTES = 64 * 1024 * 1024
"""Largest answer that is read: a long chat travels as one document, but nothing legitimate is bigger than
this.
"""

LARGE_BODY = 512 * 1024


class HttpExchange:
    """A session with one server. It must be opened in, and closed from, a running event loop."""

    def __init__(self, url: str, delays: Delays) -> None:
        self._url = url
        self._delays = delays
        self._session: aiohttp.ClientSession | None = None
        self._under_way: Counter[aiohttp.ClientSession] = Counter()
        self._closed = False

    async def close(self) -> None:
        """Close the connections."""
        self._closed = True
        sessions = {*self._under_way, *([self._session] if self._session is not None else [])}
        self._session = None
        for session in sessions:
            await session.close()

    async def renew(self) -> None:
        """Let no later request use a connection of now; those under way keep theirs."""
        session, self._session = self._session, None
        if session is not None and session not in self._under_way:
            await session.close()

    async def exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, query: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Give the status and the body of the answer. Raises `Unreachable` or `BadAnswer`."""
        session = self._opened()
        self._under_way[session] += 1
        try:
            async with session.request(
                method,
                self._url + path,
                headers=headers,
                data=_in_pieces(body),
                params=query,
                allow_redirects=False,
            ) as response:
                if 300 <= response.status < 400:
                    raise BadAnswer(
                        f"{self._url} redirects to another place; give the address of the server itself"
                    )
                return response.status, await _read(response)
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(f"{self._url} cannot be reached: {why(error) or error}") from error
        except aiohttp.ConnectionTimeoutError as error:
            raise Unreachable(f"{self._url} could not be reached in time") from error
        except TimeoutError as error:
            raise Unreachable(f"{self._url} did not answer in time", sent=True) from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise BadAnswer(f"{self._url} is no address of a server") from error
        except (aiohttp.ClientError, OSError) as error:
            # The connection broke after it stood: what we sent may have been carried out.
            raise Unreachable(
                f"the connection to {self._url} broke: {why(error) or type(error).__name__}", sent=True
            ) from error
        finally:
            self._under_way[session] -= 1
            if not self._under_way[session]:
                del self._under_way[session]
                if session is not self._session:
                    await session.close()

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


async def _read(response: aiohttp.ClientResponse) -> bytes:
    parts = bytearray()
    async for part in response.content.iter_chunked(256 * 1024):
        parts += part
        if len(parts) > MOST_BYTES:
            raise BadAnswer(f"the server's answer is larger than {MOST_BYTES} bytes")
    return bytes(parts)


def _in_pieces(body: bytes | None) -> bytes | io.BytesIO | None:
    """A large body goes out in pieces, so that it does not hold up the loop."""
    return body if body is None or len(body) < LARGE_BODY else io.BytesIO(body)
