"""One run: a provider is asked, what it says is told in frames, and the end is stored whatever happens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from antiphon.server.providers import failures
from antiphon.server.providers.failures import ProviderFailed
from antiphon.server.runs import background, states, store
from antiphon.server.runs.answer import Answer
from antiphon.server.runs.dialects import NOTHING, type_and_data
from antiphon.server.runs.frames import Frames
from antiphon.server.runs.patience import Patience
from antiphon.server.runs.turns import Turn

if TYPE_CHECKING:
    from antiphon.server.runs.registry import Runs

logger = logging.getLogger("antiphon.server.runs")

STORE_EVERY = 1.0
"""Seconds between two times at which the text so far is stored."""
EMPTY_TEXT = "The model ended its answer without a word. Ask again, or try another model."
NOT_STORED_TEXT = "The answer could not be stored; the server's log says why. Ask again."
OUR_FAULT_TEXT = "The answer broke off because of a fault in this server; its log says more. Ask again."


class Run:
    """Answers one turn. `carry_out` runs in a task of its own and is ended by `halt`, not by cancelling."""

    frame: float | None = None
    """Seconds between two frames; None is what the dialect says."""

    def __init__(self, runs: Runs, turn: Turn) -> None:
        self.turn = turn
        self.state: str = states.QUEUED if turn.waiting else states.RUNNING
        self.ended = asyncio.Event()
        """Set when the end is stored and told."""
        self._runs = runs
        self._answer = Answer()
        self._frames = Frames(self._tell_frame, runs.clock, self.frame or runs.dialect.frame)
        self._patience = Patience(runs.clock, runs.limits)
        self._halt: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._stored_at = runs.clock.now()

    def halt(self, state: str) -> None:
        """End the run as `stopped` or `interrupted`; a run that has ended is left alone."""
        if not self._halt.done():
            self._halt.set_result(state)

    async def snapshot(self) -> dict[str, Any]:
        """Return the message as far as it is told: whoever takes it misses nothing and gets nothing twice."""
        await self._frames.now()
        content = self._runs.dialect.content(self._answer, complete=False)
        return {"content": content, "output": self._answer.output("in_progress")}

    async def carry_out(self) -> None:
        """Answer the turn, from its place in the line to its stored end and what comes after."""
        try:
            state, reason = await self._reach_an_end()
            if await self._end_told(state, reason) and state == states.DONE:
                await self._afterwards()
        finally:
            self.ended.set()
            await self._runs.left(self)

    async def _end_told(self, state: str, reason: str | None) -> bool:
        """Store and tell the end. An end that cannot be stored is told as a failure; the next start stores
        it.
        """
        try:
            await self._end(state, reason)
        except Exception:  # the disk may be full: whoever waits for the answer must still hear of its end
            logger.exception("the end of the run %s could not be stored", self.turn.run_id)
            await self._tell(self._runs.dialect.failed(self._answer, NOT_STORED_TEXT, None))
            return False
        return True

    async def _reach_an_end(self) -> tuple[str, str | None]:
        try:
            return await self._answer_it()
        except ProviderFailed as failure:
            return states.FAILED, failure.text
        except Exception:  # a fault of ours must end in a stored state too, not in a run that never ends
            logger.exception("the run %s failed", self.turn.run_id)
            return states.FAILED, OUR_FAULT_TEXT

    async def _answer_it(self) -> tuple[str, str | None]:
        reading = asyncio.ensure_future(self._read())
        watching = asyncio.ensure_future(self._patience.watch())
        telling = asyncio.ensure_future(self._frames.run())
        try:
            await _first_of(reading, watching, telling, self._halt)
            if self._halt.done():
                return self._halted(self._halt.result())
            if reading.done():
                await reading
                return self._finished()
            if watching.done():
                raise failures.stalled(self.turn.model.source.address, *watching.result())
            await telling
            raise RuntimeError("frames end with their run only")
        finally:
            for task in (reading, watching):
                task.cancel()
            await asyncio.gather(reading, watching, return_exceptions=True)
            self._answer.end()
            await self._frames.finish(telling)
            await asyncio.gather(telling, return_exceptions=True)

    def _halted(self, state: str) -> tuple[str, str | None]:
        return state, states.INTERRUPTED_TEXT if state == states.INTERRUPTED else None

    def _finished(self) -> tuple[str, str | None]:
        self._answer.end()
        return (states.FAILED, EMPTY_TEXT) if self._answer.empty else (states.DONE, None)

    async def _read(self) -> None:
        async with self._runs.slots:
            if self.turn.stored and self.state == states.QUEUED:
                await store.store_running(self._runs.database, self.turn)
            self.state = states.RUNNING
            self._patience.begin()
            if self.turn.streamed:
                await self._read_stream()
            else:
                whole = await self.turn.model.source.complete(self.turn.body)
                self._answer.take_whole(whole)
                self._answer.drain()
                await self._tell([("chat:completion", whole)])

    async def _read_stream(self) -> None:
        answer = self._answer
        try:
            async with aclosing(self.turn.model.source.stream(self.turn.body)) as batches:
                async for chunks in batches:
                    self._patience.heard()
                    for chunk in chunks:
                        answer.take(chunk)
                    if answer.untold:
                        self._frames.wake()
        except ProviderFailed as failure:
            if failure.kind != "cut" or answer.finish is None:
                raise  # but a provider that says its finish reason and omits the formal end has said all

    async def _tell_frame(self) -> None:
        now = self._runs.clock.now()
        if self.turn.stored and now - self._stored_at >= STORE_EVERY:
            self._stored_at = now
            content = self._runs.dialect.content(self._answer, complete=False)
            output = self._answer.output("in_progress")
            await store.store_progress(self._runs.database, self.turn, content, output)
        await self._tell(self._runs.dialect.frame_of(self._answer))

    async def _end(self, state: str, reason: str | None) -> None:
        answer, dialect, turn = self._answer, self._runs.dialect, self.turn
        complete = state == states.DONE
        if complete and turn.streamed:
            await self._tell(dialect.stream_over(answer))
        body: dict[str, Any] = {"output": answer.output("completed" if complete else "incomplete")}
        if answer.usage:
            body["usage"] = answer.usage
        if reason:
            body["error"] = {"content": reason}
        title = None
        if turn.stored:
            content = dialect.content(answer, complete=complete)
            title = await store.store_end(self._runs.database, turn, state, content, body, reason)
        self.state = state
        if state == states.STOPPED:
            await self._tell(dialect.stopped(answer))
        else:
            if turn.stored:
                await self._tell(dialect.chat_listed(turn.chat_id, turn.folder_id))
            await self._tell(
                dialect.done(answer, title) if complete else dialect.failed(answer, reason or "", title)
            )
        self.ended.set()

    async def _afterwards(self) -> None:
        """Find title, follow-up questions and tags; a halt or the end of patience quietly ends that."""
        if not self.turn.background:
            return
        working = asyncio.ensure_future(self._background())
        late = asyncio.ensure_future(self._runs.clock.sleep(self._runs.limits.background))
        await _first_of(working, late, self._halt)
        late.cancel()
        if not working.done():
            working.cancel()
        for result in await asyncio.gather(working, late, return_exceptions=True):
            if isinstance(result, Exception):
                logger.error("the background of the run %s failed", self.turn.run_id, exc_info=result)

    async def _background(self) -> None:
        turn, database = self.turn, self._runs.database
        answer = self._answer.text(strip=True)

        async def only(name: str, work: Coroutine[Any, Any, Any]) -> Any:
            if name in turn.background:
                return await work
            work.close()
            return None

        # A title that a person gave, or that an earlier turn found, stays.
        titled = "title" if turn.new_title else ""
        title, questions, tags = await asyncio.gather(
            only(titled, background.model_title(turn, answer)),
            only("follow_ups", background.follow_ups(turn, answer)),
            only("tags", background.tags(turn, answer)),
        )
        if title and await store.store_title(database, turn, title):
            await self._tell([("chat:title", title)])
        if questions:
            if turn.stored:
                await store.store_follow_ups(database, turn, questions)
            await self._tell([("chat:message:follow_ups", {"follow_ups": questions})])
        if tags and await store.store_tags(database, turn, tags):
            await self._tell([("chat:tags", tags)])

    async def _tell(self, events: Iterable[type_and_data]) -> None:
        for kind, data in events:
            await self._runs.tell(self.turn, self.turn.message_id, kind, data)


async def _first_of(*awaited: asyncio.Future[Any]) -> None:
    await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)


def envelope(chat_id: str, message_id: str | None, kind: str, data: Any) -> dict[str, Any]:
    """Return the `events` envelope."""
    inner = {"type": kind} if data is NOTHING else {"type": kind, "data": data}
    if message_id is None:
        return {"chat_id": chat_id, "data": inner}
    return {"chat_id": chat_id, "message_id": message_id, "data": inner}
