"""One process: serve on a socket, and be gone within three seconds when told to."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, Self, TypeVar

import uvicorn

from antiphon.cli.failures import first_cause, in_one_line, report, say

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

DRAIN_LIMIT = 1.6
"""Seconds that the application has to end its streams, sockets and answers."""
CLOSE_LIMIT = 1
"""Seconds that connections then have to close (uvicorn counts whole ones)."""
STOP_LIMIT = 2.8
"""Seconds from the signal to the end of the process, whatever hangs: below the 3 that we promise."""
INTERRUPTED = 130
"""Exit code of a process that a second Ctrl-C ended, as a shell gives it."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Serving(Protocol):
    """What a process serves: an ASGI application with its four moments."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""

    async def start(self) -> None:
        """Prepare for the first connection."""

    async def drain(self) -> None:
        """End what is open: the process was told to end."""

    async def stop(self) -> None:
        """Close what the start opened."""


S = TypeVar("S", bound=Serving)


def run(sock: socket.socket, load: Callable[[], S], ready: Callable[[S], Coroutine[Any, Any, None]]) -> int:
    """Serve on a listening socket until SIGINT or SIGTERM; gives the exit code.

    `load` makes the application (its imports are the slow part of a start); `ready` runs with it, beside
    the serving, once connections are answered, and ends the process if it raises.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with Stop() as stop:
        try:
            return asyncio.run(_serve(load(), sock, ready, stop))
        except Exception as error:  # noqa: BLE001 - the last resort of a start: one line instead of a traceback
            return report(error)


async def _serve(
    application: S, sock: socket.socket, ready: Callable[[S], Coroutine[Any, Any, None]], stop: Stop
) -> int:
    try:
        await application.start()
        gc.freeze()  # what is loaded now stays: never look at it again
        gc.enable()
        told = stop.attach(asyncio.get_running_loop())
        server = _Server(
            uvicorn.Config(
                application,
                ws="websockets-sansio",
                ws_per_message_deflate=False,  # costs more time than loopback or a LAN gives back
                ws_ping_interval=None,  # Engine.IO has its own heartbeat
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=CLOSE_LIMIT,
            )
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve(sockets=[sock]))
            await server.accepting.wait()
            announcing = group.create_task(ready(application))
            await told.wait()
            announcing.cancel()
            server.refuse()
            await _drain(application)
            server.should_exit = True
    finally:
        await application.stop()
    return 0


async def _drain(application: Serving) -> None:
    """Give the application its time to say goodbye; what goes wrong there is said, and the end goes on."""
    try:
        async with asyncio.timeout(DRAIN_LIMIT):
            await application.drain()
    except TimeoutError:
        say(f"not everything had ended after {DRAIN_LIMIT} s; closing it")
    except Exception as error:  # noqa: BLE001 - a failure while ending must not keep the process alive
        say(f"while ending: {in_one_line(first_cause(error))}")


class _Server(uvicorn.Server):
    """Uvicorn on a socket of ours: signals and lifespan are handled by this module."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()

    def refuse(self) -> None:
        """Accept no more: whoever comes back now is refused, and not held by a process that ends."""
        for listener in self.servers:
            listener.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


class Stop:
    """The signals: the first one asks for an end and bounds it, a second one is the end.

    Before `attach` nothing is open yet, and the first signal ends the process at once.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = asyncio.Event()
        self._asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._handle) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def attach(self, loop: asyncio.AbstractEventLoop) -> asyncio.Event:
        """From now on, set the event that this gives at the first signal."""
        self._loop = loop
        return self._told

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._asked:
            self._end(INTERRUPTED)
        self._asked = True
        with contextlib.suppress(OSError):  # nobody reads it any more
            # Not by way of sys.stdout, which refuses to be entered again when the signal comes in mid-print.
            os.write(1, "Stopping…\n".encode(getattr(sys.stdout, "encoding", None) or "utf-8", "replace"))
        if self._loop is None:
            self._end(0)
        watchdog = threading.Timer(STOP_LIMIT, self._give_up)
        watchdog.daemon = True
        watchdog.start()
        self._loop.call_soon_threadsafe(self._told.set)

    def _give_up(self) -> None:
        say(f"something hung for {STOP_LIMIT} s; ended without it")
        self._end(1)

    @staticmethod
    def _end(code: int) -> NoReturn:
        os._exit(code)  # threads and tasks that hang must not keep the process
