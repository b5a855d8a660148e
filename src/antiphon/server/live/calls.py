"""Calls: events to one socket for which the server waits, as for a person's answer or for `execute:tool`."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from itertools import count
from typing import Any

SECONDS = 60.0
"""How long an answer may take where the caller says nothing else."""
MOST_AT_ONCE = 32
"""Calls that may wait for one socket; a client of ours refuses more."""


class CallFailed(Exception):
    """A call without an answer; the text is a sentence for the person whose call it was."""


class NoSuchSession(CallFailed):
    """The session is not there, or not the caller's: which of the two is told to nobody."""

    def __init__(self) -> None:
        super().__init__("The window that was asked is not open.")


class SessionGone(CallFailed):
    """The session ended, or became somebody else's, before it answered."""

    def __init__(self) -> None:
        super().__init__("The window that was asked has gone before it answered.")


class CallLate(CallFailed):
    """No answer within the time limit."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The window that was asked did not answer within {seconds:g} seconds.")


class TooManyCalls(CallFailed):
    """So many calls wait for this session already that no further one is sent."""

    def __init__(self) -> None:
        super().__init__("The window that was asked has too many questions open.")


class Calls:
    """The calls that wait, by socket and acknowledgement number. A number is never used twice."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._waiting: defaultdict[str, dict[int, asyncio.Future[Any]]] = defaultdict(dict)

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self._waiting.values())

    async def ask(self, sid: str, send: Callable[[int], int], seconds: float) -> Any:
        """Send with a number, and wait for what is acknowledged under it. Raises `CallFailed`.

        `send` gives for how many sockets the event was queued.
        """
        if len(self._waiting.get(sid, ())) >= MOST_AT_ONCE:
            raise TooManyCalls
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[sid][number] = answer
        try:
            if not send(number):
                raise NoSuchSession
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            raise CallLate(seconds) from None
        finally:
            # Also when whoever asked was cancelled: an answer that comes later finds nobody.
            self._take(sid, number)

    def answered(self, sid: str, number: int | None, arguments: list[Any]) -> bool:
        """Give an answer to whoever waits for it; False when nobody does, or it was given already."""
        answer = None if number is None else self._take(sid, number)
        if answer is None or answer.done():
            return False
        answer.set_result(arguments[0] if arguments else None)
        return True

    def gone(self, sid: str) -> None:
        """Fail every call to a socket that is gone or is no longer the same person's."""
        for answer in self._waiting.pop(sid, {}).values():
            if not answer.done():
                answer.set_exception(SessionGone())

    def _take(self, sid: str, number: int) -> asyncio.Future[Any] | None:
        waiting = self._waiting.get(sid)
        if waiting is None:
            return None
        answer = waiting.pop(number, None)
        if not waiting:
            del self._waiting[sid]
        return answer
