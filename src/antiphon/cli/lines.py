"""Lines to standard output, written and flushed beside the event loop: a slow reader holds up nobody."""

from __future__ import annotations

import asyncio
import os
import queue
import select
import stat
import sys
import threading
from collections.abc import Callable

MOST_WAITING = 1_000
"""Lines that wait for a slow reader."""


class Lines:
    """Writes lines in a thread of its own. `gone` is set when the reader has closed its end.

    `emptied` is called in the loop each time that nothing waits any more.
    """

    def __init__(self, emptied: Callable[[], None] = lambda: None) -> None:
        self.gone = asyncio.Event()
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._emptied = emptied
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._waiting = 0
        self._lock = threading.Lock()
        self._fd = sys.stdout.fileno()
        # A daemon: a reader that never reads must not keep the process from ending.
        self._thread = threading.Thread(target=self._write, name="antiphon:lines", daemon=True)
        self._thread.start()
        self._watched = _is_pipe(self._fd)
        if self._watched:  # the other end of a pipe that closes makes it readable, on every POSIX system
            self._loop.add_reader(self._fd, self._looked)

    @property
    def room(self) -> bool:
        """Whether another line can wait."""
        return self._waiting < MOST_WAITING

    def put(self, line: str) -> None:
        """Write a line, in its turn."""
        with self._lock:
            self._waiting += 1
        self._queue.put(line)

    async def close(self, limit: float) -> None:
        """Write what waits, as far as that is possible within `limit` seconds."""
        if self._watched:
            self._loop.remove_reader(self._fd)
        self._queue.put(None)
        try:
            async with asyncio.timeout(limit):
                await self._ended.wait()
        except TimeoutError:
            pass  # nobody reads
        if self.gone.is_set() or not self._ended.is_set():
            # What Python would still write at its end goes nowhere instead of raising there.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._fd)

    def _looked(self) -> None:
        if _hung_up(self._fd):
            self._loop.remove_reader(self._fd)
            self._watched = False
            self.gone.set()

    def _write(self) -> None:
        self._write_all()
        self._tell(self._ended.set)

    def _write_all(self) -> None:
        while (line := self._queue.get()) is not None:
            lines = [line]
            ended = False
            while not self._queue.empty():
                more = self._queue.get()
                if more is None:
                    ended = True
                    break
                lines.append(more)
            try:
                _write_all(self._fd, "".join(f"{one}\n" for one in lines).encode())
            except OSError:  # the reader is gone, or the disk is full: nothing more can be written
                self._tell(self.gone.set)
                return
            with self._lock:
                self._waiting -= len(lines)
            if not self._waiting:
                self._tell(self._emptied)
            if ended:
                return

    def _tell(self, callback: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            return  # the loop has ended, and nobody wants to know


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _is_pipe(fd: int) -> bool:
    if os.name != "posix":
        return False
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _hung_up(fd: int) -> bool:
    look = select.poll()
    look.register(fd, 0)
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in look.poll(0))
