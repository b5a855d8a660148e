"""The client's bytes over a network."""

from __future__ import annotations

from .clock import Delays
from .connection import Connection
from .rest.exchange import HttpExchange
from .transport import Arrived, Exchange, Socket


class NetworkTransport:
    """HTTP by aiohttp, Socket.IO by python-socketio."""

    def exchange(self, url: str, delays: Delays) -> Exchange:
        """Give the way of requests to the server at `url`."""
        return HttpExchange(url, delays)

    def socket(self, arrived: Arrived) -> Socket:
        """Give a fresh socket, which is not open yet."""
        return Connection(arrived)
