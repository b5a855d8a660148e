"""Between client and server: a transport without I/O, where everything goes wrong that can on a network.

What is lost, late or refused is decided here, never in the client and never in the server. Frames of one
socket keep their order, as TCP and Socket.IO keep it; answers of requests and frames overtake each other, and
so do requests. Nothing is ever duplicated here: what a real server tells twice, the model server tells twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from antiphon.client.clock import Delays
from antiphon.client.errors import Unreachable
from antiphon.client.link.transport import Arrived, ConnectFailed, NoSocket

from .model_server import ModelServer

PING = 45.0
"""Seconds until a side notices that the other one says nothing more: 25 between pings, 20 of patience."""
PAGE_OF_A_PROXY = b"<html>one moment</html>"


class Fate(Enum):
    """What becomes of one request."""

    LOST_BEFORE = "lost before it was carried out; the client hears of it at once"
    LOST_AFTER = "carried out, the answer lost; the client hears of it at once"
    REFUSED = "the connection was refused"
    SILENT_BEFORE = "swallowed; the client gives up after its time limit"
    SILENT_AFTER = "carried out, the answer swallowed"
    CARRIED_OUT_LATE = "given up by the client, and carried out a little later"
    ERROR_BEFORE = "500 without being carried out"
    ERROR_AFTER = "carried out, and 500 nevertheless"
    BUSY = "503"
    PROXY_BEFORE = "a proxy's page, not carried out"
    PROXY_AFTER = "carried out, a proxy's page nevertheless"
    SLOW_REQUEST = "on its way for long, then carried out"
    SLOW_ANSWER = "carried out at once, the answer on its way for long"


@dataclass
class Weather:
    """Seconds that things are on their way: what is told overtakes what was asked for."""

    request: float = 0.02
    answer: float = 0.12
    frame: float = 0.02


class Network:
    """One client's way to the server."""

    def __init__(self, server: ModelServer) -> None:
        self.server = server
        self.loop = server.loop
        self.weather = Weather()
        self.reachable = True
        self.swallowing = False
        """Nothing comes through, and nobody says so."""
        self.sockets_pass = True
        """Whether sockets open at all; a proxy may let requests alone through."""
        self.fates: dict[str, deque[Fate]] = {"read": deque(), "write": deque()}
        self.flights: set[Flight] = set()
        self.sockets: list[ModelSocket] = []
        self.most_at_once = 0
        self.requests: list[str] = []
        self._sids = 0
        self.late: list[asyncio.TimerHandle] = []

    # As a `Transport`

    def exchange(self, url: str, delays: Delays) -> ModelExchange:
        """Give the way of requests."""
        return ModelExchange(self, delays)

    def socket(self, arrived: Arrived) -> ModelSocket:
        """Give a fresh socket."""
        self._sids += 1
        return ModelSocket(self, arrived, f"s{id(self) % 997}-{self._sids}")

    # Faults

    def cut(self, *, requests: bool = True) -> None:
        """Cut every connection; both sides notice, and what was under way is lost."""
        for socket in tuple(self.sockets):
            socket.broken("transport error")
        if requests:
            for flight in tuple(self.flights):
                flight.broken()

    def half_open(self) -> None:
        """Let the connections that stand be dead without a word; new ones work."""
        for socket in tuple(self.sockets):
            socket.die_silently()

    def heal(self) -> None:
        """No further fault: what is dead already stays so until somebody notices."""
        self.reachable, self.swallowing, self.sockets_pass = True, False, True
        self.weather = Weather()
        for fates in self.fates.values():
            fates.clear()

    def close(self) -> None:
        """Forget what is still to be carried out."""
        for timer in self.late:
            timer.cancel()
        for socket in tuple(self.sockets):
            socket.broken("closed")

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way and nobody is dead without knowing it."""
        return (
            not self.flights
            and not any(socket.dead or socket.under_way for socket in self.sockets)
            and not any(timer.when() > self.loop.time() and not timer.cancelled() for timer in self.late)
        )

    def fate(self, method: str) -> Fate | None:
        """Give what becomes of the next request."""
        fates = self.fates["read" if method == "GET" else "write"]
        return fates.popleft() if fates else None


class Flight:
    """One request under way."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._waiting: asyncio.Future[None] | None = None
        self.over = False

    def broken(self) -> None:
        """Its connection is cut."""
        self.over = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Unreachable("the connection broke", sent=True))

    async def on_its_way(self, seconds: float) -> None:
        """Take a while. Raises `Unreachable` when the connection breaks meanwhile."""
        if self.over:
            raise Unreachable("the connection broke", sent=True)
        self._waiting = waiting = self._network.loop.create_future()
        timer = self._network.loop.call_later(seconds, _arrive, waiting)
        try:
            await waiting
        finally:
            timer.cancel()


def _arrive(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


class ModelExchange:
    """Requests to the model server."""

    def __init__(self, network: Network, delays: Delays) -> None:
        self._network = network
        self._limit = delays.request
        self._closed = False

    async def close(self) -> None:
        """Carry nothing more."""
        self._closed = True

    async def renew(self) -> None:
        """Nothing is held open here."""

    async def exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, query: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Carry a request, as far as the network lets it come."""
        network = self._network
        if self._closed:
            raise Unreachable("the client is closed")
        network.requests.append(f"{method} {path}")
        flight = Flight(network)
        network.flights.add(flight)
        network.most_at_once = max(network.most_at_once, len(network.flights))
        try:
            async with asyncio.timeout(self._limit):
                return await self._carry(flight, method, path, headers, body, query)
        except TimeoutError:
            raise Unreachable("there was no answer in time", sent=True) from None
        finally:
            network.flights.discard(flight)

    async def _carry(
        self,
        flight: Flight,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        query: Mapping[str, str],
    ) -> tuple[int, bytes]:
        network, weather = self._network, self._network.weather
        fate = network.fate(method)

        def carry_out() -> tuple[int, bytes]:
            network.server.troubled = fate is not None
            try:
                return network.server.answer(method, path, headers, body, query)
            finally:
                network.server.troubled = False

        if not network.reachable or fate is Fate.REFUSED:
            await flight.on_its_way(weather.request)
            raise Unreachable("the server cannot be reached")
        await flight.on_its_way(weather.request + (6.0 if fate is Fate.SLOW_REQUEST else 0.0))
        if network.swallowing or fate is Fate.SILENT_BEFORE:
            await flight.on_its_way(1_000_000)
        if not network.reachable or fate is Fate.LOST_BEFORE:
            raise Unreachable("the connection broke", sent=True)
        if not network.server.up:
            raise Unreachable("the server cannot be reached")
        match fate:
            case Fate.BUSY:
                return 503, b'{"detail": "busy"}'
            case Fate.ERROR_BEFORE:
                return 500, b'{"detail": "something failed"}'
            case Fate.PROXY_BEFORE:
                return 502, PAGE_OF_A_PROXY
            case Fate.CARRIED_OUT_LATE:
                wait = 20.0 if network.server.flavour.ours else 0.4
                network.late.append(network.loop.call_later(wait, _if_up, network.server, carry_out))
                raise Unreachable("the connection broke", sent=True)
        status, answer = carry_out()
        try:
            return await self._back(flight, fate, status, answer)
        except BaseException:  # also when nobody waits for it any more
            network.server.answer_lost(path)
            raise

    async def _back(self, flight: Flight, fate: Fate | None, status: int, answer: bytes) -> tuple[int, bytes]:
        network, weather = self._network, self._network.weather
        if fate is Fate.LOST_AFTER:
            raise Unreachable("the connection broke", sent=True)
        if fate is Fate.SILENT_AFTER:
            await flight.on_its_way(1_000_000)
        await flight.on_its_way(weather.answer + (6.0 if fate is Fate.SLOW_ANSWER else 0.0))
        if network.swallowing:
            await flight.on_its_way(1_000_000)
        if not network.reachable:
            raise Unreachable("the connection broke", sent=True)
        if fate is Fate.ERROR_AFTER:
            return 500, b'{"detail": "something failed"}'
        if fate is Fate.PROXY_AFTER:
            return 502, PAGE_OF_A_PROXY
        return status, answer


def _if_up(server: ModelServer, carry_out: Callable[[], Any]) -> None:
    if server.up:
        carry_out()


class ModelSocket:
    """One Socket.IO connection to the model server."""

    def __init__(self, network: Network, arrived: Arrived, sid: str) -> None:
        self._network = network
        self._arrived = arrived
        self._name = sid
        self._loop = network.loop
        self._opened = False
        self._over = False
        self.dead = False
        """Whether frames are lost, and the client does not know yet."""
        self.under_way = 0
        self._reason = "closed"
        self._ended = asyncio.Event()
        self._down_at = self._up_at = 0.0
        self._calls: set[asyncio.Future[Any]] = set()

    @property
    def sid(self) -> str | None:
        """The session id."""
        return self._name if self._opened else None

    async def open(self, url: str, token: str | None, transports: Sequence[str]) -> None:
        """Connect."""
        network = self._network
        network.sockets.append(self)
        await asyncio.sleep(network.weather.request)
        if network.swallowing:
            await asyncio.sleep(1_000_000)
        if not network.reachable or not network.server.up:
            raise ConnectFailed("the connection failed: refused")
        if not network.sockets_pass:
            raise NoSocket("the connection failed")
        session = network.server.connect(self._name, token or "", self._push, self._thrown_out)
        if session is None:
            raise ConnectFailed("not signed in")
        opened: asyncio.Future[None] = self._loop.create_future()
        self._down(lambda: opened.done() or opened.set_result(None))
        self._calls.add(opened)
        try:
            await opened
        finally:
            self._calls.discard(opened)
        self._opened = True

    async def emit(self, name: str, payload: dict[str, Any]) -> None:
        """Send an event."""
        self._up(name, payload, None)

    async def call(self, name: str, payload: dict[str, Any], limit: float) -> Any:
        """Send an event and give its acknowledgement."""
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._calls.add(answer)
        try:
            self._up(name, payload, answer)
            async with asyncio.timeout(limit):
                return await answer
        finally:
            self._calls.discard(answer)

    async def wait_ended(self) -> str:
        """Wait for the end."""
        await self._ended.wait()
        return self._reason

    async def close(self) -> None:
        """Say farewell; a server that does not hear it notices after a while."""
        if not self._over and not self.dead and self._network.reachable and not self._network.swallowing:
            self._network.server.forget(self._name)
        self._finish("closed")

    # Faults

    def broken(self, reason: str) -> None:
        """Both sides notice."""
        self._network.server.forget(self._name)
        self._finish(reason)

    def die_silently(self) -> None:
        """Nobody notices for a while; what is said meanwhile is lost."""
        if not self.dead and not self._over:
            self.dead = True
            self._loop.call_later(PING, self.broken, "ping timeout")

    # Inside

    def _push(self, name: str, payload: Any) -> None:
        self._down(lambda: self._arrived(name, payload, None))

    def _thrown_out(self, reason: str) -> None:
        self._down(lambda: self._finish(reason))

    def _down(self, deliver: Callable[[], Any]) -> None:
        """Let something arrive at the client, behind everything sent before it."""
        if self.dead or self._over:
            return
        self._down_at = max(self._loop.time() + self._network.weather.frame, self._down_at + 1e-6)
        self.under_way += 1
        self._loop.call_at(self._down_at, self._arrive, deliver)

    def _arrive(self, deliver: Callable[[], Any]) -> None:
        self.under_way -= 1
        if self._network.swallowing:
            self.die_silently()
        if not self.dead and not self._over:
            deliver()

    def _up(self, name: str, payload: dict[str, Any], answer: asyncio.Future[Any] | None) -> None:
        if self._over:
            raise ConnectFailed("the connection is over")
        said_at = self._network.server.tick()
        self._up_at = max(self._loop.time() + self._network.weather.request, self._up_at + 1e-6)
        self.under_way += 1
        self._loop.call_at(self._up_at, self._received, name, payload, answer, said_at)

    def _received(
        self, name: str, payload: dict[str, Any], answer: asyncio.Future[Any] | None, said_at: int
    ) -> None:
        self.under_way -= 1
        if self._network.swallowing:
            self.die_silently()
        if self.dead or self._over:
            return
        value = self._network.server.receive(self._name, name, payload, said_at)
        if answer is not None:
            self._down(lambda: answer.done() or answer.set_result(value))

    def _finish(self, reason: str) -> None:
        if self._over:
            return
        self._over, self._reason, self.dead = True, reason, False
        for call in self._calls:
            if not call.done():
                call.set_exception(ConnectFailed("the connection is over"))
        self._ended.set()
        if self in self._network.sockets:
            self._network.sockets.remove(self)
