"""Running a program until Ctrl-C or SIGTERM: the first one asks it to end, a second one cuts it off."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_until_told(work: Callable[[], Coroutine[Any, Any, T]], stop: Callable[[], None]) -> T:
    """Run `work` in a new event loop; `stop` is called in it at the first signal, and must let `work` return.

    Raises `KeyboardInterrupt` after a second signal.
    """
    return asyncio.run(_run(work, stop))


async def _run(work: Callable[[], Coroutine[Any, Any, T]], stop: Callable[[], None]) -> T:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work())
    asked = False
    cut_off = False

    def told() -> None:
        nonlocal asked, cut_off
        if asked:
            cut_off = True
            task.cancel()
        asked = True
        stop()

    def handle(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(told)

    # Not the loop's own signal handlers, which Windows lacks.
    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        return await task
    except asyncio.CancelledError:
        if cut_off:
            raise KeyboardInterrupt from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
