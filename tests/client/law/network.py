"""Between client and server: a transport without I/O, where everything goes wrong that can on a network.

What is lost, late or refused is decided here, never in the client and never in the server. Frames of one
socket keep their order, as TCP and Socket.IO keep it; answers of requests and frames overtake each other, and
so do requests. Nothing is ever duplicated here: what a real server tells twice, the model server tells twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from antiphon.client.clock import Delays
from antiphon.client.errors import Unreachable
from antiphon.client.link.transport import Arrived

from .model_server import ModelServer
from .model_socket import ModelSocket

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
        self.gathered: list[Callable[[], None]] | None = None
        """Frames that wait because nobody reads them; then they come all at once."""
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

    def gather(self, seconds: float) -> None:
        """Nobody reads for a while."""
        if self.gathered is None:
            self.gathered = []
            self.late.append(self.loop.call_later(seconds, self._read_all))

    def _read_all(self) -> None:
        gathered, self.gathered = self.gathered, None
        for arrive in gathered or ():
            arrive()

    def end_of_a_process(self, *, arrives: bool) -> None:
        """The client's process is gone: both sides of its sockets are closed, and what it had on its way
        arrives, or not.
        """
        for socket in tuple(self.sockets):
            socket.broken("transport close")
        for flight in tuple(self.flights):
            flight.over = True
            if arrives and flight.carry_out is not None and self.reachable and not self.swallowing:
                self.late.append(self.loop.call_later(0.1, _if_up, self.server, flight.carry_out))
                self.server.answer_lost(flight.path)
        self.flights.clear()

    def heal(self) -> None:
        """No further fault: what is dead already stays so until somebody notices."""
        self._read_all()
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

    def __init__(self, network: Network, path: str) -> None:
        self._network = network
        self.path = path
        self._waiting: asyncio.Future[None] | None = None
        self.over = False
        self.carry_out: Callable[[], object] | None = None
        """What the server will do when it arrives."""

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
        flight = Flight(network, path)
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
            network.server.troubled = fate is not None or flight.over
            try:
                return network.server.answer(method, path, headers, body, query)
            finally:
                network.server.troubled = False

        flight.carry_out = carry_out if fate is None else None
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
        flight.carry_out = None
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
