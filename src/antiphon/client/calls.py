"""Calls: events for which the server waits. Each gets exactly one answer, before the server's deadline."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from antiphon.wire import ChatEvent, Event

from .context import Context
from .inbox import Answer

log = logging.getLogger(__name__)

Handler = Callable[[Any], Awaitable[object]]
"""Carries out a call and gives what is acknowledged."""

MOST_AT_ONCE = 32
"""Calls that may be under way; a server that asks for more than that is answered with an error at once."""


class Calls:
    """Handlers by event class. A call that nobody handles is answered at once with `{"error": …}`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._handlers: dict[type[Event], Handler] = {}
        self._under_way = 0

    def handle(self, kind: type[Any], handler: Handler) -> Callable[[], None]:
        """Let `handler` answer the calls of one class; gives a function that takes it away again."""
        self._handlers[kind] = handler

        def release() -> None:
            if self._handlers.get(kind) is handler:
                del self._handlers[kind]

        return release

    def take(self, event: ChatEvent | object, answer: Answer) -> None:
        """Answer a call, now or when its handler is done."""
        handler = self._handlers.get(type(event))  # type: ignore[arg-type]  # an unknown event has no handler
        if handler is None:
            work = _give(answer, {"error": "This client cannot carry out this request."})
        elif self._under_way >= MOST_AT_ONCE:
            work = _give(answer, {"error": "This client is busy with too many requests."})
        else:
            self._under_way += (
                1  # Here, not in the work: a burst of calls must not pass before any has begun.
            )
            work = self._carry_out(handler, event, answer)
        self._context.background().spawn(work, "call")

    def refuse(self, answer: Answer, reason: str) -> None:
        """Answer a call that cannot even be taken."""
        self._context.background().spawn(_give(answer, {"error": reason}), "call")

    async def _carry_out(self, handler: Handler, event: object, answer: Answer) -> None:
        try:
            async with asyncio.timeout(self._context.delays.call):
                result = await handler(event)
            json.dumps(result)  # What cannot travel must not become silence.
        except TimeoutError:
            result = {"error": "The request was not answered in time."}
        except Exception as error:
            log.exception("a call's handler raised an error")
            result = {"error": f"The request failed: {type(error).__name__}."}
        finally:
            self._under_way -= 1
        await _give(answer, result)


async def _give(answer: Answer, value: object) -> None:
    await answer(value)
