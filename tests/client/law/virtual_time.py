"""Virtual time: an event loop whose clock jumps to the next timer as soon as nothing is left to do.

Minutes of trouble take milliseconds, and the same script takes the same course each time: nothing here waits
for a socket or looks at the machine's clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from antiphon.client.clock import Cancel

T = TypeVar("T")

EPOCH = 1_800_000_000.0
"""The time of day (unix seconds) at which every script begins."""


MOST_TURNS = 60_000
"""Turns of a loop after which a script counts as endless."""


class NothingWillHappen(Exception):
    """Everybody waits, and no timer is set: without help from outside it stays so."""


class Endless(Exception):
    """It goes on and on."""


class VirtualLoop(asyncio.BaseEventLoop):
    """A loop without I/O. Its selector does not wait: it moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = self
        self._virtual = 0.0
        self._turns = 0
        self.unhandled: list[str] = []
        """What would have been written to the log: tasks that were lost, callbacks that failed."""
        self.set_exception_handler(lambda _, context: self.unhandled.append(_described(context)))

    def time(self) -> float:
        """Give the virtual time in seconds."""
        return self._virtual

    def more_turns(self) -> None:
        """Let an endless script be ended."""
        self._turns = 0

    def select(self, timeout: float | None) -> list[Any]:
        """Let the time until the next timer pass."""
        self._turns += 1
        if timeout is None:
            raise NothingWillHappen
        if self._turns > MOST_TURNS:
            raise Endless(f"after {self._virtual} virtual seconds")
        self._virtual += timeout
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """Nothing comes from outside."""

    def _write_to_self(self) -> None:
        """Nobody sleeps who would have to be woken."""

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Do it now: a thread of its own would come back at a moment that no script knows."""
        done: asyncio.Future[Any] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for it
            done.set_exception(error)
        return done


class VirtualThread:
    """Stands for the thread of an account's file: it does its work at once, for the same reason."""

    def __init__(self, *_: object, **__: object) -> None:
        self.ended = False
        """Whether its process is gone: then nothing more is done."""

    def submit(self, work: Callable[[], None]) -> None:
        """Do it now."""
        if not self.ended:
            work()

    def shutdown(self, *, wait: bool) -> None:
        """There is nothing to end."""


class VirtualClock:
    """The client's clock on a virtual loop. `jumped` is how long the machine has slept."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.jumped = 0.0
        self._timers: set[asyncio.TimerHandle] = set()

    def now(self) -> float:
        """Give the time of day."""
        return EPOCH + self._loop.time() + self.jumped

    def monotonic(self) -> float:
        """Give the steady time."""
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Cancel:
        """Set a timer."""

        def fire() -> None:
            self._timers.discard(timer)
            callback()

        def cancel() -> None:
            self._timers.discard(timer)
            timer.cancel()

        timer = self._loop.call_later(seconds, fire)
        self._timers.add(timer)
        return cancel

    def stop(self) -> None:
        """Whoever set timers is gone."""
        for timer in tuple(self._timers):
            timer.cancel()
        self._timers.clear()

    @property
    def timers(self) -> int:
        """How many timers are set."""
        return len(self._timers)


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end on a fresh loop."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main(loop))
    finally:
        _end(loop)
        loop.close()


def _end(loop: VirtualLoop) -> None:
    """Let go of what a failure left behind, so that the next script is not told of it."""
    loop.more_turns()
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=60))
    loop.run_until_complete(loop.shutdown_asyncgens())


def _described(context: dict[str, Any]) -> str:
    error = context.get("exception")
    return f"{context.get('message')}: {error!r}" if error else str(context.get("message"))
