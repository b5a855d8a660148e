"""python-socketio, made to suit: bounded queues, a fan-out without a task per socket, and an end for
everything.

The library puts no bound on what waits for a slow socket, starts a task for each recipient of each event,
leaves a 25-second timer behind each closed socket, and raises through the connection on a frame that is none.
This module is the one place that knows the library's inside; `live.Live` is what the rest of the server sees.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

# python-socketio and python-engineio carry no type information (no py.typed); hence the ignores in this
# module.
from engineio import AsyncServer as EngineServer  # type: ignore[import-untyped]
from engineio.async_drivers import asgi  # type: ignore[import-untyped]
from engineio.packet import MESSAGE, Packet  # type: ignore[import-untyped]
from pydantic_core import to_json
from socketio import AsyncManager, AsyncServer  # type: ignore[import-untyped]
from starlette.types import ASGIApp, Receive, Scope, Send

from antiphon.server.strict_json import read

logger = logging.getLogger("antiphon.server.live")

MAX_QUEUED_FRAMES = 4_096
MAX_QUEUED_CHARACTERS = 8 * 1024 * 1024
"""What may wait for one socket. More means that it does not read; it is closed, and fetches again when it
returns.
"""
PARTING_SECONDS = 2.0
"""How long a socket that was sent more than it reads has to take the reason; then it is cut."""
TOO_SLOW = (1013, "read too slowly: connect again and fetch what was missed")
MAX_FRAME_BYTES = 1024 * 1024
"""The largest frame a client may send; what people write goes by REST."""

# What a JSON text may hold that no other text can: half of a surrogate pair, NUL.
_ESCAPED = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")
_FRAME_TYPES = frozenset("0123456")
_CUT = (0, "")

Acknowledged = Callable[[str, int | None, list[Any]], Awaitable[None]]
"""Takes a socket's acknowledgement: its id, the number of what it answers, the arguments."""


class Outgoing(asyncio.Queue[Any]):
    """What waits to be sent to one socket. At its bound it drops everything and reports the overflow,
    once.
    """

    def __init__(self, overflowed: Callable[[Outgoing], None]) -> None:
        super().__init__()
        self._overflowed = overflowed
        self.characters = 0
        self.cut = False

    def put_nowait(self, item: Any) -> None:
        """Queue a frame; None ends the socket's writer and always fits."""
        if item is None:
            super().put_nowait(None)
        elif self.cut:
            return
        elif self.qsize() >= MAX_QUEUED_FRAMES or self.characters >= MAX_QUEUED_CHARACTERS:
            self.cut = True
            while not self.empty():
                self.get_nowait()
            self._overflowed(self)
        else:
            super().put_nowait(item)

    def _put(self, item: Any) -> None:
        self.characters += _size(item)
        super()._put(item)

    def _get(self) -> Any:
        item = super()._get()
        self.characters -= _size(item)
        return item

    async def join(self) -> None:
        """Do not wait: a socket that is being closed may have nobody left to read what is queued."""


def _size(item: Any) -> int:
    data = getattr(item, "data", None)
    return len(data) if isinstance(data, str | bytes) else 64


class Wire(asgi.WebSocket):  # type: ignore[misc]  # the base class is untyped
    """One WebSocket under the engine: refuses frames that are none, closes with a reason, and can be cut."""

    def __init__(self, handler: Any, server: Engine) -> None:
        super().__init__(handler, server)
        self._engine = server
        self._socket = handler.__self__
        self._sid: str = self._socket.sid
        self._reading: asyncio.Task[Any] | None = None
        self._writing: asyncio.Task[Any] | None = None
        self.parting = (1000, "")
        self._over = False
        # The library's own poll starts a task and a timer for each wake-up; a fan-out wakes every socket.
        self._socket.poll = self.poll

    async def __call__(self, environ: Mapping[str, Any]) -> str:
        """Run the connection to its end."""
        self._reading = asyncio.current_task()
        self._engine.wires[self._sid] = self
        try:
            return str(await super().__call__(environ))
        finally:
            self._engine.remove(self._sid)

    async def wait(self) -> str | bytes:
        """The next frame. Anything that is no engine frame ends the connection like a lost one."""
        if self.parting == _CUT:
            # The library takes a cancelled handler for a failed one, and would read on.
            raise OSError
        frame: str | bytes = await super().wait()
        if isinstance(frame, str) and frame[:1] in _FRAME_TYPES and len(frame) <= MAX_FRAME_BYTES:
            return frame
        self.parting = (1007 if isinstance(frame, str) else 1003, "not a Socket.IO frame")
        self._engine.refused_frames += 1
        raise OSError

    async def poll(self) -> list[Any]:
        """Everything that waits to be sent; an empty list ends the writer."""
        queue = self._socket.queue
        try:
            frames = [await queue.get()]
        except asyncio.CancelledError:
            if self.parting != _CUT:
                raise
            return []  # Cancelled by `cut` alone; raised, it would pass by the library's own farewell.
        while frames[-1] is not None and not queue.empty():
            frames.append(queue.get_nowait())
        if frames[-1] is None:
            frames.pop()
            if frames:
                queue.put_nowait(None)
        return frames

    async def send(self, message: str | bytes) -> None:
        """Send one frame; may wait for a slow peer for as long as `cut` is not called."""
        if self._writing is None:
            self._writing = asyncio.current_task()
        if self._over:
            raise OSError
        kind = "text" if isinstance(message, str) else "bytes"
        await self.asgi_send({"type": "websocket.send", kind: message})

    async def close(self) -> None:
        """Close with the code and reason in `parting`."""
        code, reason = self.parting
        if self.parting == _CUT:
            return
        try:
            await self.asgi_send({"type": "websocket.close", "code": code, "reason": reason})
        except Exception:  # noqa: BLE001 - the peer is gone already; each ASGI server has its own word for it
            logger.debug("socket %s was gone before it was closed", self._sid)

    async def part(self, reason: tuple[int, str], patience: float) -> None:
        """Send nothing more of what waits, only why; a peer that does not even take that is cut."""
        self.parting, self._over = reason, True
        self._socket.queue.put_nowait(None)
        await asyncio.sleep(patience)
        if self._sid in self._engine.wires:
            self.cut()

    def cut(self) -> None:
        """End the connection without waiting for the peer to read anything more."""
        self.parting = _CUT
        for task in (self._writing, self._reading):
            if task is not None:
                task.cancel()


class Engine(EngineServer):  # type: ignore[misc]  # the base class is untyped
    """The transport below Socket.IO."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._async: dict[str, Any] = {**asgi._async, "websocket": Wire}  # noqa: SLF001 - no public way in
        self.wires: dict[str, Wire] = {}
        self._empty = asyncio.Event()
        self.tasks: set[asyncio.Future[Any]] = set()
        self.strangers: dict[str, asyncio.TimerHandle] = {}
        self.refused_frames = 0
        self.overflows = 0

    async def handle_request(self, scope: Scope, receive: Receive, send: Send) -> Any:
        """Serve one request or connection."""
        try:
            return await super().handle_request(scope, receive, send)
        except KeyError:
            if scope["type"] != "http":
                raise
            # A poll of a session that has just ended: the library looks twice, and then it is gone.
            environ = {"asgi.scope": scope, "asgi.send": send}
            headers = [("Content-Type", "text/plain")]
            return await asgi.make_response("400 BAD REQUEST", headers, b'"Invalid session"', environ)

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
        self.eio.expect(eio_sid, self._strangers_seconds)

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
