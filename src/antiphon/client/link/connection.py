"""One Socket.IO connection, from its first packet to its end. Nothing but this and
`socket_io` knows Socket.IO.

A connection is used once: the supervisor opens a new one, with its own HTTP session and the token of that
moment, for each attempt (W-07). The library's own reconnection is off, and so is its waiting: in Python 3.11
`asyncio.wait_for` may lose a cancellation, and whoever closes a client would wait for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import aiohttp
import engineio  # type: ignore[import-untyped]  # it ships no types
import socketio  # type: ignore[import-untyped]  # it ships no types

from antiphon.client.link.reasons import why
from antiphon.client.link.socket_io import MOST_BYTES, Session, SocketIO, end_engine
from antiphon.client.link.transport import Arrived, ConnectFailed, NoSocket

log = logging.getLogger(__name__)

PATH = "/ws/socket.io"
UNEXPLAINED = "Connection error"
"""What the library says when a WebSocket does not open, for whatever reason."""

NOT_MADE = "the connection did not come about"

CLOSING = 1.0
"""Seconds for a farewell: a link that is dead, or polls, would keep us waiting for much longer."""

_library_log = logging.getLogger(f"{__name__}.library")
_library_log.setLevel(logging.CRITICAL)
"""The library logs payloads (W-81); we log states."""


class Connection:
    """An open connection. `ended` is set, with a reason, when it is over for whatever cause."""

    def __init__(self, arrived: Arrived) -> None:
        self.reason: str | None = None
        self._ended = asyncio.Event()
        self._answered = asyncio.Event()
        self._http: Session | None = None
        self._io = SocketIO(
            reconnection=False,
            handle_sigint=False,
            logger=_library_log,
            engineio_logger=_library_log,
            websocket_extra_options={"max_msg_size": MOST_BYTES},
        )
        self._io.arrived = arrived
        self._io.eio.broken = self._on_end
        self._io.on("disconnect", self._on_end)
        self._io.on("connect", self._answered.set)
        self._io.on("connect_error", self._on_refusal)
        self._refusal: str | None = None

    @property
    def sid(self) -> str | None:
        """The session id by which the server knows this connection."""
        sid: str | None = self._io.get_sid()
        return sid

    async def open(self, url: str, token: str | None, transports: Sequence[str]) -> None:
        """Connect. Raises `ConnectFailed`; the caller sets the time limit and calls `close` in any case."""
        self._http = Session()
        self._io.eio.http = self._http
        self._io.eio.external_http = True
        try:
            await self._io.connect(
                url,
                auth={"token": token or ""},
                transports=list(transports),
                socketio_path=PATH,
                wait=False,
            )
            await self._answered.wait()
        except socketio.exceptions.SocketIOError as error:
            if self._refusal is None or self._refusal == UNEXPLAINED:
                raise _unexplained(error) from error
            raise ConnectFailed(NOT_MADE if _own_words(error) else self._refusal) from error
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectFailed(why(error) or f"the connection failed: {type(error).__name__}") from error
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            # An answer that is no Engine.IO (a proxy's page, for instance).
            raise ConnectFailed("what answers there does not speak this protocol") from error
        if self._refusal is not None:
            raise ConnectFailed(self._refusal)
        if self._ended.is_set():
            raise ConnectFailed("the server cut the connection while it was being made")

    async def emit(self, name: str, payload: dict[str, Any]) -> None:
        """Send an event, without an acknowledgement. Raises `ConnectFailed` when the connection is over."""
        try:
            await self._io.emit(name, payload)
        except socketio.exceptions.SocketIOError as error:
            raise ConnectFailed("the connection is over") from error

    async def call(self, name: str, payload: dict[str, Any], limit: float) -> Any:
        """Send an event and give its acknowledgement. Raises `TimeoutError`, or `ConnectFailed`."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def answered(*values: Any) -> None:
            if not answer.done():
                answer.set_result(values[0] if values else None)

        async with asyncio.timeout(limit):
            try:
                await self._io.emit(name, payload, callback=answered)
            except socketio.exceptions.SocketIOError as error:
                raise ConnectFailed("the connection is over") from error
            return await answer

    async def wait_ended(self) -> str:
        """Wait until the connection is over and give the reason."""
        await self._ended.wait()
        return self.reason or "the connection ended"

    async def close(self) -> None:
        """End the connection and free everything it holds; safe at any moment, in the middle of `open` too.

        It takes a second at most, and is carried through even when its caller is cancelled meanwhile.
        """
        ending = asyncio.create_task(self._close())
        cancelled = False
        while not ending.done():
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                cancelled = True
        ending.result()
        if cancelled:
            raise asyncio.CancelledError

    async def _close(self) -> None:
        io, http = self._io, self._http
        try:
            async with asyncio.timeout(CLOSING):
                await io.disconnect()
        except (TimeoutError, socketio.exceptions.SocketIOError, aiohttp.ClientError, OSError):
            log.debug("the connection was already broken when it was closed")
        finally:
            await end_engine(io.eio)
            if http is not None:
                await http.close()
            self._on_end("closed")

    def _on_end(self, reason: str | None = None) -> None:
        if not self._ended.is_set():
            self.reason = reason or "the connection ended"
            self._ended.set()
            self._answered.set()

    def _on_refusal(self, data: Any = None) -> None:
        message = data.get("message") if isinstance(data, dict) else data
        self._refusal = str(message) if message else UNEXPLAINED
        self._answered.set()


def _own_words(error: BaseException) -> bool:
    """Whether it is the library that speaks, to developers; what a server says comes beside its words."""
    cause = error.__cause__
    return isinstance(cause, engineio.exceptions.ConnectionError) and len(cause.args) < 2


def _unexplained(error: BaseException) -> NoSocket:
    """Find out why the library's connection failed, from the errors that it hides behind its own."""
    cause: BaseException | None = error
    while cause is not None:
        words = why(cause)
        if words is not None:
            return NoSocket(words)
        cause = cause.__cause__ or cause.__context__
    return NoSocket("the connection failed")
