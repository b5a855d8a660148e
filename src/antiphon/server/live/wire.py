"""One connection under the engine: what waits for it, and a WebSocket that ends when it should."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

# python-engineio carries no type information (no py.typed); hence the ignores in this module.
from engineio.async_drivers import asgi  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from antiphon.server.live.engine import Engine

logger = logging.getLogger("antiphon.server.live")

MAX_QUEUED_FRAMES = 4_096
MAX_QUEUED_CHARACTERS = 8 * 1024 * 1024
"""What may wait for one socket. More means that it does not read; it is closed, and fetches again when it
returns.
"""
MAX_FRAME_BYTES = 1024 * 1024
"""The largest frame a client may send; what people write goes by REST."""
PROBE_SECONDS = 10.0
"""How long a WebSocket may take for each step of its taking over from polling."""

_FRAME_TYPES = frozenset("0123456")
_CUT = (0, "")


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
        self._probed = False
        self._stands = False

    async def __call__(self, environ: Mapping[str, Any]) -> str:
        """Run the connection to its end. One that follows polling stands after its probe."""
        if self._sid in self._engine.probing:
            refusal = {"type": "websocket.close", "code": 1008, "reason": "the session is being upgraded"}
            await environ["asgi.send"](refusal)
            return ""
        self._reading = asyncio.current_task()
        if self._socket.connected:
            self._engine.probing[self._sid] = self
        else:
            self._stand()
        try:
            return str(await super().__call__(environ))
        finally:
            if self._stands:
                self._engine.remove(self._sid)
            else:
                # The library would answer each poll with nothing from now on.
                self._socket.upgrading = False
                del self._engine.probing[self._sid]
                await self.close()

    def _stand(self) -> None:
        """From here on the session is this connection's."""
        self._stands = True
        self._writing = None
        self._engine.probing.pop(self._sid, None)
        self._engine.wires[self._sid] = self
        # The library's own poll starts a task and a timer for each wake-up; a fan-out wakes every socket.
        self._socket.poll = self.poll

    async def _probe(self) -> str:
        """The next step of an upgrade: `2probe`, then `5`. Anything else, or none in time, ends it."""
        frame: str = await asyncio.wait_for(super().wait(), PROBE_SECONDS)
        if frame != ("5" if self._probed else "2probe"):
            self.parting = (1002, "not an upgrade")
            raise OSError
        if self._probed:
            self._stand()
        self._probed = True
        return frame

    async def wait(self) -> str | bytes:
        """The next frame. Anything that is no engine frame ends the connection like a lost one."""
        if self.parting == _CUT:
            # The library takes a cancelled handler for a failed one, and would read on.
            raise OSError
        if not self._stands:
            return await self._probe()
        frame: str | bytes = await super().wait()
        if isinstance(frame, str) and frame[:1] in _FRAME_TYPES and len(frame) <= MAX_FRAME_BYTES:
            if frame[0] == "1":  # the client's goodbye: the library would wait for it to hang up
                raise OSError
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
