"""What carries the client's bytes: HTTP exchanges, and one socket for each attempt.

The client is given one. Over a network it is `NetworkTransport`; another one may lead to a server in the same
process, or delay, drop and reorder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from antiphon.client.clock import Delays
from antiphon.client.inbox import Answer

Arrived = Callable[[str, Any, Answer | None], None]
"""Takes an event's name, its payload, and the way to acknowledge it where the server waits for that."""


UNREADABLE = ""
"""The name under which a socket tells that something came which nobody can read; the payload says what it
was.
"""


class ConnectFailed(Exception):
    """The connection did not come about, or is over; the text says why, for a person."""


class NoSocket(ConnectFailed):
    """No connection came about, and the server said nothing to it."""


class Exchange(Protocol):
    """Carries single requests to one server."""

    async def exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, query: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Give the status and the body of the answer. Raises `Unreachable` or `BadAnswer`."""
        ...

    async def renew(self) -> None:
        """The network was lost: no later exchange may wait for what was held open before."""
        ...

    async def close(self) -> None:
        """Free everything; later exchanges raise `Unreachable`."""
        ...


class Socket(Protocol):
    """One Socket.IO connection, used once."""

    @property
    def sid(self) -> str | None:
        """The session id by which the server knows this connection."""
        ...

    async def open(self, url: str, token: str | None, transports: Sequence[str]) -> None:
        """Connect. Raises `ConnectFailed`; the caller sets the time limit and calls `close` in any case."""
        ...

    async def emit(self, name: str, payload: dict[str, Any]) -> None:
        """Send an event, without an acknowledgement. Raises `ConnectFailed` when the connection is over."""
        ...

    async def call(self, name: str, payload: dict[str, Any], limit: float) -> Any:
        """Send an event and give its acknowledgement. Raises `TimeoutError`, or `ConnectFailed`."""
        ...

    async def wait_ended(self) -> str:
        """Wait until the connection is over and give the reason; `reasons.BY_SERVER` when the server wanted
        it.
        """
        ...

    async def close(self) -> None:
        """End the connection and free everything it holds; safe at any moment."""
        ...


class Transport(Protocol):
    """Makes what carries the bytes of one client."""

    def exchange(self, url: str, delays: Delays) -> Exchange:
        """Give the way of requests to the server at `url`."""
        ...

    def socket(self, arrived: Arrived) -> Socket:
        """Give a fresh socket, which is not open yet."""
        ...
