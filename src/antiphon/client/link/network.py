"""The client's bytes over a network."""

from __future__ import annotations

from antiphon.client.clock import Delays
from antiphon.client.link.connection import Connection
from antiphon.client.link.transport import Arrived, Exchange, Socket
from antiphon.client.rest.exchange import HttpExchange


class NetworkTransport:
    """HTTP by aiohttp, Socket.IO by python-socketio."""

    def exchange(self, url: str, delays: Delays) -> Exchange:
        """Give the way of requests to the server at `url`."""
        return HttpExchange(url, delays)

    def socket(self, arrived: Arrived) -> Socket:
        """Give a fresh socket, which is not open yet."""
        return Connection(arrived)
