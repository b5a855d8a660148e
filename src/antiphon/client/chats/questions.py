"""Asking in a chat: questions, further answers to one, and what 0.6.41 wants done afterwards."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from types import EllipsisType

from antiphon import wire
from antiphon.client.chats import asking
from antiphon.client.chats.fetch import ChatFetch
from antiphon.client.chats.state import ChatState
from antiphon.client.errors import AntiphonError, RequestFailed, Unreachable
from antiphon.wire import ChatMessage

log = logging.getLogger(__name__)


class Asking:
    """The asking side of one chat."""

    def __init__(self, state: ChatState, saved: Callable[[], None] = lambda: None) -> None:
        """`saved` hears that the document was written here, which moves the chat to the front."""
        self._state = state
        self._saved = saved
        self._mine: set[str] = set()  # answers that this client asked for and that have not ended
        self._tasks: dict[str, str] = {}  # the server's tasks behind them (0.6.41)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The server's tasks behind the answers that were asked for here and are being written (0.6.41)."""
        return tuple(task for id_, task in self._tasks.items() if id_ in self._state.turns.running_ids)

    async def ask(
        self,
        text: str,
        model: str | None,
        fetch: ChatFetch,
        *,
        after: str | EllipsisType | None,
        message_id: str | None,
        turn_id: str,
    ) -> None:
        """Ask a question behind the message `after`; None begins at the root, `...` goes on where the branch
        on screen ends.
        """
        state, turns = self._state, self._state.turns
        if not state.temporary and not (fetch.loaded or turns.current_id is not None):
            await fetch.refresh()
        if turn_id in turns and turn_id not in turns.refused:
            return  # What it has written must not be lost to a repeat.
        parent_id = turns.current_id if isinstance(after, EllipsisType) else after
        again = turn_id in turns.refused
        try:
            await self._ask(text, model or await self._model(), parent_id, message_id, turn_id, new=False)
        except AntiphonError:
            fetch.soon()  # It may have been taken nevertheless.
            raise
        if again:
            # The first try may have arrived, and its answer may have ended while the link was down.
            fetch.soon()

    async def ask_first(self, text: str, model: str, message_id: str | None, turn_id: str | None) -> str:
        """Ask the first question of a chat that does not exist yet, and give the id that the chat got."""
        return await self._ask(text, model, None, message_id, turn_id or str(uuid.uuid4()), new=True)

    async def answer_again(self, question_id: str, model: str | None, fetch: ChatFetch, turn_id: str) -> None:
        """Have a question of the chat answered once more, beside the answers that it has."""
        turns = self._state.turns
        if turn_id in turns and turn_id not in turns.refused:
            return
        question = turns.message(question_id)
        given = [turns.message(id_).model for id_ in question.children_ids if id_ in turns]
        model = model or (given[-1] if given else None) or await self._model()
        turn = asking.answer(turn_id, question_id, model, self._state.context.clock.now())
        try:
            await self._send(question, turn, model, new=False)
        except AntiphonError:
            fetch.soon()  # As above.
            raise

    async def _ask(
        self, text: str, model: str, parent_id: str | None, message_id: str | None, turn_id: str, *, new: bool
    ) -> str:
        turns, now = self._state.turns, self._state.context.clock.now()
        message_id = message_id or str(uuid.uuid4())
        if message_id in turns:
            parent_id = turns.message(message_id).parent_id  # A repeat stands where the first try stood.
        asked = asking.question(message_id, parent_id, turn_id, text, model, now)
        return await self._send(asked, asking.answer(turn_id, message_id, model, now), model, new=new)

    async def _send(self, asked: ChatMessage, turn: ChatMessage, model: str, *, new: bool) -> str:
        """Show a question and its empty answer, and tell the server; give the chat's id."""
        state, context, turns = self._state, self._state.context, self._state.turns
        sid = context.sid()
        if sid is None:
            raise Unreachable("there is no link to the server at the moment")
        turns.restart(asked, turn)
        self._mine.add(turn.id)
        old = context.old_dialect
        try:
            if old and not state.temporary:
                await self._store_first(model, new=new)
            form = asking.completion(
                turns.path(asked.id),
                turn,
                chat_id=None if new and not old else state.id,
                sid=sid,
                old_dialect=old,
                named=state.temporary or asked.parent_id is not None or len(asked.children_ids) > 1,
            )
            accepted = await context.rest.completions.ask(form)
        except AntiphonError as error:
            self._mine.discard(turn.id)
            turns.fail(turn.id, error.detail if isinstance(error, RequestFailed) else str(error))
            raise
        finally:
            turns.unsent.discard(turn.id)
        self._tasks = {id_: task for id_, task in self._tasks.items() if id_ in self._mine}
        if accepted.task_id is not None:
            self._tasks[turn.id] = accepted.task_id
        if new and accepted.chat_id is not None:
            state.id = accepted.chat_id
        return state.id

    async def _store_first(self, model: str, *, new: bool) -> None:
        """0.6.41: the chat is made, or written, before the question is asked."""
        state, turns = self._state, self._state.turns
        chats, now = state.context.rest.chats, state.context.clock.now()
        if new:
            row = await chats.create(asking.new_document(turns.history(), turns.branch(), model, now))
            state.id = row.id
            state.row.set(row)
        else:
            await chats.save(state.id, asking.saved_document(turns.history(), turns.branch(), [model]))

    async def _model(self) -> str:
        """Give the model that answered last here, the chat's own, or the server's first."""
        state = self._state
        for turn in reversed(state.turns.branch()):
            if turn.role == "assistant" and turn.model:
                return turn.model
        row = state.row.value
        if row is not None and row.chat.models:
            return row.chat.models[0]
        models = await state.context.rest.completions.models()
        if not models:
            raise AntiphonError("there is no model to ask")
        return models[0].id

    # After the end (0.6.41)

    def heard(self, event: wire.ChatEvent) -> None:
        """An event came: if it ends an answer that was asked for here, 0.6.41 wants it completed, by the
        asking client alone (W-46).
        """
        id_ = event.message_id
        if id_ is None or id_ not in self._mine or id_ in self._state.turns.running_ids:
            return
        self._mine.discard(id_)
        self._complete_soon(id_, filters=isinstance(event, wire.Completion))

    def loaded(self, running: bool) -> None:
        """A document came: an answer that was asked for here and has no run any more has ended unheard.

        On 0.6.41 nobody else would ever write that it is done.
        """
        turns, old = self._state.turns, self._state.context.old_dialect
        for id_ in tuple(self._mine - turns.running_ids - turns.unsent):
            self._mine.discard(id_)
            if old and not running and id_ in turns and not turns.message(id_).done:
                turns.end(id_)
                self._complete_soon(id_, filters=True)

    def _complete_soon(self, id_: str, *, filters: bool) -> None:
        context = self._state.context
        if context.old_dialect:
            context.background().spawn(self._complete(id_, filters=filters), "complete")

    async def _complete(self, turn_id: str, *, filters: bool) -> None:
        """Finish an answer as 0.6.41 wants it: outlet filters, then the document."""
        state, context, turns = self._state, self._state.context, self._state.turns
        if turn_id not in turns:
            return  # The answer was deleted, elsewhere, at this very moment.
        try:
            branch = turns.path(turn_id)
            if filters:
                form = asking.completed(
                    branch, turns.message(turn_id), chat_id=state.id, sid=context.sid() or ""
                )
                for message in (await context.rest.completions.completed(form)).messages:
                    turns.filtered(message)
            if not state.temporary:
                models = sorted({m.model for m in branch if m.model})
                await context.rest.chats.save(
                    state.id, asking.saved_document(turns.history(), turns.branch(), models)
                )
                self._saved()
        except AntiphonError as error:
            log.warning("an answer could not be completed on the server: %s", type(error).__name__)
