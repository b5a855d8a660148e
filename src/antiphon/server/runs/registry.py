"""All runs of a server: they are begun, listed, stopped and, at the server's end, interrupted here."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from antiphon.server.channels.replies import Reply, end_those_left
from antiphon.server.chats import live as chat_events
from antiphon.server.errors import Problem
from antiphon.server.runs import states, store
from antiphon.server.runs.clock import Clock, RealClock
from antiphon.server.runs.dialects import dialect_of
from antiphon.server.runs.patience import Limits
from antiphon.server.runs.plain import PlainStreams
from antiphon.server.runs.reply import ModelReply, chat_id_of
from antiphon.server.runs.run import Run, envelope
from antiphon.server.runs.turns import Known, Turn, is_temporary, known_turn, store_turn, temporary_turn
from antiphon.server.security.principals import Principal
from antiphon.server.storage.database import Database
from antiphon.wire.completions import CompletionForm

if TYPE_CHECKING:
    from antiphon.server.state import ServerState

logger = logging.getLogger("antiphon.server.runs")

DRAIN = 0.8
"""Seconds within which every run must have stored its interruption when the server ends."""
PER_PERSON = 200
"""Runs of one person that may be open; one person's must not fill the line for all."""
TEMPORARY_KNOWN = 10_000
"""Turns of chats that are not stored whose ids are remembered, so that a repeated request starts nothing."""


class Runs:
    """The runs of one server. Every run it begins ends in a stored final state."""

    def __init__(
        self, state: ServerState, *, clock: Clock | None = None, limits: Limits | None = None
    ) -> None:
        self._state = state
        settings = state.providers.settings
        self.clock = clock or RealClock()
        self.limits = limits or Limits(
            first=settings.provider_first_timeout,
            idle=settings.provider_idle_timeout,
            total=settings.provider_total_timeout,
            background=settings.background_timeout,
        )
        self.dialect = dialect_of(state.settings.dialect)
        self.slots = asyncio.Semaphore(settings.runs_at_once)
        self.plain = PlainStreams()
        self._runs: dict[str, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._chats: dict[str, set[str]] = {}
        self._temporary: dict[tuple[str, str], Known] = {}
        self._draining = False

    @property
    def database(self) -> Database:
        """Where runs are stored."""
        return self._state.database

    async def start(self) -> None:
        """End the runs that an earlier process left open."""
        await self._end_those_left()
        chat_events.attach(self._state)

    async def begin_anew(self) -> None:
        """End the runs of a database that was replaced, and those that the new one holds as open."""
        await self._interrupt()
        self._temporary.clear()
        await self._end_those_left()

    async def drain(self) -> None:
        """Take no more, and end every run as interrupted, stored, within a second."""
        self._draining = True
        await self._interrupt()

    async def _end_those_left(self) -> None:
        cut = await store.interrupt_open_runs(self.database)
        async with self.database.write() as connection:
            cut += await end_those_left(connection, self.database.clock, states.INTERRUPTED_TEXT)
        if cut:
            logger.info("%d answers of the last time were cut short; they are marked as interrupted", cut)

    async def _interrupt(self) -> None:
        self.plain.close()
        for run in self._runs.values():
            run.halt(states.INTERRUPTED)
        if self._tasks:
            _done, late = await asyncio.wait(self._tasks, timeout=DRAIN)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def ask(self, principal: Principal, form: CompletionForm) -> Known:
        """Begin to answer a turn; one that was asked before is not begun again. Raises `Problem`."""
        if self._draining:
            raise Problem(503, "The server is going down. Ask again in a moment.")
        temporary = is_temporary(form.chat_id)
        if temporary and (known := self._temporary.get((principal.id, form.id or ""))):
            return known
        self.require_room(principal)
        model = await self._state.providers.find(form.model)
        if model is None:
            # A turn that was asked before is answered the same, even if its model has gone since.
            if known := await self._known(principal, form):
                return known
            raise Problem(400, "Model not found")
        if temporary and (known := self._temporary.get((principal.id, form.id or ""))):
            return known  # the same request came twice, and both waited for the list of models
        if temporary:
            turn: Turn | Known = temporary_turn(principal, form, model, waiting=self.slots.locked())
        else:
            turn = await store_turn(self.database, principal, form, model, waiting=self.slots.locked())
        if isinstance(turn, Known):
            return turn
        known = Known(turn.run_id, turn.chat_id)
        if temporary:
            self._temporary[principal.id, turn.message_id] = known
            if len(self._temporary) > TEMPORARY_KNOWN:
                del self._temporary[next(iter(self._temporary))]
        await self._begin(turn)
        return known

    def require_room(self, principal: Principal) -> None:
        """Raise `Problem` if no further answer may be begun for this person now."""
        if self._draining:
            raise Problem(503, "The server is going down. Ask again in a moment.")
        if len(self.open_runs(user_id=principal.id)) >= PER_PERSON:
            raise Problem(
                429, "Too many answers are being written for you. Wait for some to end, or stop them."
            )

    def reply(self, place: Reply) -> None:
        """Begin a model's answer in a channel, whose place is stored and told."""
        self._carry_out(ModelReply(self, self._state, place))

    def drop_replies(self, channel_id: str, message_id: str | None = None) -> None:
        """Ask no further for answers in a channel, or for one message and those in the thread under it."""
        for run in self.open_runs(chat_id=chat_id_of(channel_id)):
            if message_id in {None, run.turn.message_id, run.turn.question_id}:
                run.halt(states.STOPPED)

    def is_written(self, channel_id: str, message_id: str) -> bool:
        """Whether a model is writing this message of a channel."""
        return any(
            run.turn.message_id == message_id for run in self.open_runs(chat_id=chat_id_of(channel_id))
        )

    async def tell(self, turn: Turn, message_id: str | None, kind: str, data: Any) -> None:
        """Send one event to all windows of the person whose turn it is."""
        payload = envelope(turn.chat_id, message_id, kind, data)
        await self._state.live.emit("events", payload, f"user:{turn.user_id}")

    async def left(self, run: Run) -> None:
        """Note that a run is over, background and all."""
        turn = run.turn
        self._runs.pop(turn.run_id, None)
        of_chat = self._chats.get(turn.chat_id)
        if of_chat is None:
            return  # no run of a chat
        of_chat.discard(turn.run_id)
        if not of_chat:
            del self._chats[turn.chat_id]
            for kind, data in self.dialect.active(active=False, folder_id=turn.folder_id):
                await self.tell(turn, turn.message_id, kind, data)

    def open_runs(self, *, user_id: str | None = None, chat_id: str | None = None) -> list[Run]:
        """Return the runs that have not ended, of a person, of a chat, or of all."""
        return [
            run
            for run in self._runs.values()
            if not run.ended.is_set()
            and (user_id is None or run.turn.user_id == user_id)
            and (chat_id is None or run.turn.chat_id == chat_id)
        ]

    def is_active(self, chat_id: str) -> bool:
        """Whether a chat is being answered."""
        return chat_id in self._chats

    def run(self, run_id: str) -> Run | None:
        """Return a run that has not ended."""
        run = self._runs.get(run_id)
        return None if run is None or run.ended.is_set() else run

    async def stop(self, runs: list[Run]) -> None:
        """Stop runs, and return when their ends are stored."""
        for run in runs:
            run.halt(states.STOPPED)
        await asyncio.gather(*(run.ended.wait() for run in runs))

    async def snapshots(self, chat_id: str) -> dict[str, dict[str, Any]]:
        """Return message id → what to show of it now, for the answers of a chat that are being written."""
        return {run.turn.message_id: await run.snapshot() for run in self.open_runs(chat_id=chat_id)}

    async def _known(self, principal: Principal, form: CompletionForm) -> Known | None:
        async with self.database.read() as connection:
            return await known_turn(connection, principal.id, form.id or "")

    async def _begin(self, turn: Turn) -> None:
        """Tell that the turn is there and start its run; emitting never waits, so events keep their order."""
        if turn.stored:
            for kind, data in self.dialect.chat_listed(turn.chat_id, turn.folder_id):
                await self.tell(turn, turn.question_id, kind, data)
        run = Run(self, turn)
        of_chat = self._chats.setdefault(turn.chat_id, set())
        of_chat.add(turn.run_id)
        if len(of_chat) == 1:
            for kind, data in self.dialect.active(active=True, folder_id=turn.folder_id):
                await self.tell(turn, turn.message_id, kind, data)
        if turn.new_title and "title" in turn.background:
            await self.tell(turn, turn.message_id, "chat:title", turn.new_title)
        self._carry_out(run)

    def _carry_out(self, run: Run) -> None:
        self._runs[run.turn.run_id] = run
        if self._draining:  # the server was told to end while the turn was stored
            run.halt(states.INTERRUPTED)
        task = asyncio.create_task(run.carry_out(), name=f"run {run.turn.run_id}")
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s could not be ended properly", task.get_name(), exc_info=error)
