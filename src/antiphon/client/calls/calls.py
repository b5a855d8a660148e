"""Calls: events for which the server waits. Each gets exactly one answer, before the server's deadline.

Who carries one out is a handler of its class, or, for questions to the person, whoever watches `questions`.
Without either it is refused at once, in the words that the asking release understands.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from antiphon.client.calls.answers import refusal
from antiphon.client.context import Context
from antiphon.client.errors import AntiphonError
from antiphon.client.inbox import Answer
from antiphon.wire import Event, ExecuteScript

log = logging.getLogger(__name__)

Handler = Callable[[Any], Awaitable[object]]
"""Carries out a call and gives what is acknowledged."""

MOST_AT_ONCE = 32
"""Calls that may be under way; a server that asks for more than that is answered with an error at once."""
FAREWELL = 1.0
"""Seconds for the last answers when the client closes."""

NOBODY = "This client cannot carry out this request."
BUSY = "This client is busy with too many requests."
NO_SCRIPTS = "This client never runs a script that a server sends."
LATE = "The request was not answered in time."
GONE = "The client is closing."


class Call:
    """One call and its one answer."""

    def __init__(self, calls: Calls, event: Event | object, answer: Answer) -> None:
        self.event = event
        self.answered = False
        self.work: asyncio.Task[None] | None = None
        """What carries it out, where a handler does."""
        self._calls = calls
        self._answer = answer

    def settle(self, value: object) -> Awaitable[None] | None:
        """Give the answer, unless it was given already; what comes back ends when it is sent."""
        if self.answered:
            return None
        self.answered = True
        return self._calls.send(self, self._answer, value)

    def refuse(self, reason: str) -> Awaitable[None] | None:
        """Answer that it is not carried out."""
        return self.settle(refusal(self.event, reason))


class Calls:
    """Handlers by event class, and the calls that are under way."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._handlers: dict[type[Any], Handler] = {}
        self._open: dict[Call, None] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self.ask: Callable[[Call], bool] = lambda call: False
        """Takes a question to the person; False when nobody is there to answer it."""

    def __len__(self) -> int:
        return len(self._open)

    def handle(self, kind: type[Any], handler: Handler) -> Callable[[], None]:
        """Let `handler` answer the calls of one class; gives a function that takes it away again.

        Raises `AntiphonError` for page scripts (`execute`): they are never run (W-41).
        """
        if issubclass(kind, ExecuteScript):
            raise AntiphonError(NO_SCRIPTS)
        self._handlers[kind] = handler

        def release() -> None:
            if self._handlers.get(kind) is handler:
                del self._handlers[kind]

        return release

    def take(self, event: Event | object, answer: Answer) -> None:
        """Answer a call, now or when it is carried out."""
        call = Call(self, event, answer)
        handler = self._handlers.get(type(event))
        if isinstance(event, ExecuteScript):
            call.refuse(NO_SCRIPTS)
        elif len(self._open) >= MOST_AT_ONCE:
            call.refuse(BUSY)
        elif handler is not None:
            self._open[call] = (
                None  # Here, not in the work: a burst of calls must not pass before any has begun.
            )
            call.work = self._context.background().spawn(self._carry_out(handler, call), "call")
        else:
            self._open[call] = None
            try:
                taken = self.ask(call)
            except BaseException:  # whatever it was goes on, but the server is not left waiting for it
                call.refuse(NOBODY)
                raise
            if not taken:
                call.refuse(NOBODY)

    def refuse(self, answer: Answer, reason: str, event: Event | object = None) -> None:
        """Answer a call that cannot even be taken."""
        Call(self, event, answer).refuse(reason)

    def link_lost(self) -> None:
        """Nobody hears the answers any more that handlers are still working on: they end."""
        for call in tuple(self._open):
            if call.work is not None:
                call.refuse("The connection was lost.")
                call.work.cancel()

    async def close(self) -> None:
        """Answer everything that is still open, as far as it can be sent within a moment."""
        for call in tuple(self._open):
            call.refuse(GONE)
        if self._sending:
            await asyncio.wait(tuple(self._sending), timeout=FAREWELL)

    def send(self, call: Call, answer: Answer, value: object) -> Awaitable[None]:
        """Send a call's answer in the background: nothing waits for the network."""
        self._open.pop(call, None)
        sending = self._context.background().spawn(_give(answer, value), "call")
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)
        return sending

    async def _carry_out(self, handler: Handler, call: Call) -> None:
        try:
            async with asyncio.timeout(self._context.delays.call):
                result = await handler(call.event)
            json.dumps(result)  # What cannot travel must not become silence.
        except TimeoutError:
            call.refuse(LATE)
        except Exception as error:  # a handler is foreign code: its fault is logged, the server hears of it
            log.exception("a call's handler raised an error")
            call.refuse(f"The request failed: {type(error).__name__}.")
        else:
            call.settle(result)


async def _give(answer: Answer, value: object) -> None:
    await answer(value)
