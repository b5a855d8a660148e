"""python-socketio, made to suit: bounded queues, a fan-out without a task per socket, and an end for
everything.

The library puts no bound on what waits for a slow socket, starts a task for each recipient of each event,
leaves a 25-second timer behind each closed socket, and raises through the connection on a frame that is none.
This module, `wire` and `polling` are the places that know the library's inside; `live.Live` is what the rest
of the server sees.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

# python-socketio and python-engineio carry no type information (no py.typed); hence the ignores in this
# module.
from engineio import AsyncServer as EngineServer  # type: ignore[import-untyped]
from engineio.async_drivers import asgi  # type: ignore[import-untyped]
from engineio.packet import CLOSE, MESSAGE, Packet  # type: ignore[import-untyped]
from pydantic_core import to_json
from socketio import AsyncManager, AsyncServer  # type: ignore[import-untyped]
from socketio.packet import CONNECT_ERROR  # type: ignore[import-untyped]
from starlette.types import ASGIApp, Receive, Scope, Send

from antiphon.server.live.polling import Polling, session_polled
from antiphon.server.live.wire import Outgoing, Wire
from antiphon.server.strict_json import read

logger = logging.getLogger("antiphon.server.live")

PARTING_SECONDS = 2.0
"""How long a socket that was sent more than it reads has to take the reason; then it is cut."""
TOO_SLOW = (1013, "read too slowly: connect again and fetch what was missed")

# What a JSON text may hold that no other text can: half of a surrogate pair, NUL.
_ESCAPED = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")

Acknowledged = Callable[[str, int | None, list[Any]], Awaitable[None]]
"""Takes a socket's acknowledgement: its id, the number of what it answers, the arguments."""


class Engine(EngineServer):  # type: ignore[misc]  # the base class is untyped
    """The transport below Socket.IO."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._async: dict[str, Any] = {**asgi._async, "websocket": Wire}  # noqa: SLF001 - no public way in
        self.wires: dict[str, Wire] = {}
        self.probing: dict[str, Wire] = {}
        self._polled: set[str] = set()
        self._empty = asyncio.Event()
        self.tasks: set[asyncio.Future[Any]] = set()
        self.strangers: dict[str, asyncio.TimerHandle] = {}
        self.refused_frames = 0
        self.overflows = 0

    async def handle_request(self, scope: Scope, receive: Receive, send: Send) -> Any:
        """Serve one request or connection."""
        sid = session_polled(scope)
        if sid is None or sid not in self.sockets:
            return await self._serve(scope, receive, send)
        if sid in self._polled:
            # Both would take packets of one stream: the protocol wants an end of it.
            self.sockets[sid].queue.put_nowait(Packet(CLOSE))
            await self.end(sid, 1008, "polled twice at once")
            return await self._refuse(scope, send, "Polled twice at once")
        self._polled.add(sid)
        try:
            return await self._serve(scope, receive, send)
        finally:
            self._polled.discard(sid)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> Any:
        try:
            return await super().handle_request(scope, receive, send)
        except KeyError:
            if scope["type"] != "http":
                raise
            # A poll of a session that has just ended: the library looks twice, and then it is gone.
            return await self._refuse(scope, send, "Invalid session")

    async def _refuse(self, scope: Scope, send: Send, why: str) -> Any:
        environ = {"asgi.scope": scope, "asgi.send": send}
        headers = [("Content-Type", "text/plain")]
        return await asgi.make_response("400 BAD REQUEST", headers, f'"{why}"'.encode(), environ)

    def create_queue(self, *_args: Any, **_options: Any) -> Outgoing:
        """A bounded queue for a new socket."""
        return Outgoing(self._overflowed)

    def start_background_task(
        self, target: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **options: Any
    ) -> asyncio.Future[Any]:
        """Start a task that is known here, so that `stop` can end it."""
        task = asyncio.ensure_future(target(*args, **options))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        owner = getattr(target, "__self__", None)
        if owner is not None and getattr(owner, "queue", None) is not None:
            # The next ping of one socket: it ends with the socket.
            owner.ping_task = task
        return task

    def release(self, sid: str) -> None:
        """End what a socket that is gone left behind: the ping it waited to send, the poll that waits."""
        socket = self.sockets.get(sid)
        task = getattr(socket, "ping_task", None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        if socket is not None and sid not in self.wires:
            socket.queue.put_nowait(None)

    def expect(self, sid: str, seconds: float) -> None:
        """Close a socket that has no session within this time: until then nothing says who it is."""
        self.met(sid)
        if sid not in self.sockets:
            return
        loop = asyncio.get_running_loop()
        self.strangers[sid] = loop.call_later(seconds, self._give_up, sid)

    def met(self, sid: str) -> None:
        """A socket has a session, or is gone."""
        timer = self.strangers.pop(sid, None)
        if timer is not None:
            timer.cancel()

    def _give_up(self, sid: str) -> None:
        del self.strangers[sid]
        self.start_background_task(self.end, sid, 1008, "nobody signed in")

    async def end(self, sid: str, code: int, reason: str) -> None:
        """Close one socket with a WebSocket close code and reason, after what is queued for it."""
        socket, wire = self.sockets.get(sid), self.wires.get(sid)
        if wire is not None and socket is not None:
            wire.parting = (code, reason)
            socket.queue.put_nowait(None)
        elif socket is not None:
            await socket.close(wait=False, abort=True, reason=self.reason.SERVER_DISCONNECT)
            socket.queue.put_nowait(None)

    async def stop(self, code: int, reason: str, patience: float) -> None:
        """Close every socket; those that have not gone after `patience` seconds are cut. Then end the
        timers.
        """
        for sid in list(self.sockets):
            await self.end(sid, code, reason)
        if not await self._gone_within(patience):
            for wire in list(self.wires.values()):
                wire.cut()
            await self._gone_within(patience / 2)
        for wire in list(self.probing.values()):
            wire.cut()
        await self.shutdown()
        for sid in list(self.strangers):
            self.met(sid)
        for task in list(self.tasks):
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks)

    async def _gone_within(self, seconds: float) -> bool:
        self._empty.clear()
        if self.wires:
            try:
                async with asyncio.timeout(seconds):
                    await self._empty.wait()
            except TimeoutError:
                return False
        return True

    def remove(self, sid: str) -> None:
        """Forget a WebSocket that has ended."""
        self.met(sid)
        self.wires.pop(sid, None)
        if not self.wires:
            self._empty.set()

    def _overflowed(self, queue: Outgoing) -> None:
        self.overflows += 1
        for sid, socket in list(self.sockets.items()):
            if socket.queue is queue:
                logger.warning("socket %s does not read what it is sent; it is closed", sid)
                wire = self.wires.get(sid)
                if wire is not None:
                    self.start_background_task(wire.part, TOO_SLOW, PARTING_SECONDS)
                else:
                    self.start_background_task(self.end, sid, *TOO_SLOW)


class FanOut(AsyncManager):  # type: ignore[misc]  # the base class is untyped
    """Rooms, and an emit that encodes an event once and queues it for every member without starting a
    task.
    """

    async def emit(self, event: str, data: Any, namespace: str, **options: Any) -> None:
        """Socket.IO's emit; with a callback, or outside the default namespace, the library's own."""
        if options.get("callback") or namespace != "/":
            await super().emit(event, data, namespace, **options)
            return
        self.send(event, data, options.get("to") or options.get("room"), options.get("skip_sid"))

    def send(
        self, event: str, payload: Any, room: str | None, skip: str | None = None, number: int | None = None
    ) -> int:
        """Queue an event for everyone in a room but `skip`; returns for how many. With a number it is to be
        acknowledged.
        """
        members = self.rooms.get("/", {}).get(room)
        if not members:
            return 0
        sockets = self.server.eio.sockets
        wanted = "" if number is None else str(number)
        packet = Packet(MESSAGE, f"2{wanted}" + to_json([event, payload]).decode())
        sent = 0
        for sid, engine_sid in list(members.items()):
            socket = sockets.get(engine_sid)
            if sid != skip and socket is not None and not socket.closed:
                socket.queue.put_nowait(packet)
                sent += 1
        return sent

    def rooms_of(self, sid: str) -> list[str]:
        """The rooms a socket is in, its own included."""
        return list(self.get_rooms(sid, "/"))


class SocketServer(AsyncServer):  # type: ignore[misc]  # the base class is untyped
    """Socket.IO over `Engine`: one socket's events are handled in order, one after the other."""

    def __init__(self, *, strangers_seconds: float, acknowledged: Acknowledged, **options: Any) -> None:
        super().__init__(client_manager=FanOut(), async_handlers=False, **options)
        self._strangers_seconds = strangers_seconds
        self._acknowledged = acknowledged
        self.malformed_packets = 0

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    async def _handle_eio_connect(self, eio_sid: str, environ: Any) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        Polling(self.eio.sockets[eio_sid])
        self.eio.expect(eio_sid, self._strangers_seconds)

    async def _send_packet(self, eio_sid: str, pkt: Any) -> None:
        if pkt.packet_type == CONNECT_ERROR and isinstance(pkt.data, str):
            pkt.data = {"message": pkt.data}  # the form in the protocol; the reference client reads no other
        await super()._send_packet(eio_sid, pkt)

    async def _handle_ack(self, eio_sid: str, namespace: str | None, id: int | None, data: list[Any]) -> None:  # noqa: A002 - the library's name for it
        # The library's own bookkeeping breaks on an acknowledgement numbered 0.
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        if sid is not None and namespace in {None, "/"}:
            await self._acknowledged(sid, id, data)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            if isinstance(data, str) and _ESCAPED.search(data):
                read(data[data.index("[") :].encode())
            await super()._handle_eio_message(eio_sid, data)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            # A packet that is not Socket.IO's: no event, a list without a name, a broken body. It harms
            # nobody.
            self.malformed_packets += 1
            logger.debug("a packet of socket %s is ignored: %r", eio_sid, error)
        # The protocol has no binary events; waiting for one's attachments would swallow what comes after.
        if self._binary_packet.pop(eio_sid, None) is not None:
            self.malformed_packets += 1


def as_application(server: SocketServer) -> ASGIApp:
    """The server as an ASGI application that takes every path it is given."""
    application: ASGIApp = asgi.ASGIApp(server, engineio_path=None)
    return application
