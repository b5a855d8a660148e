"""One chat: its turns, and what a person can do in it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections import deque
from collections.abc import AsyncGenerator, Callable

from antiphon import wire
from antiphon.wire import ChatDocument, ChatMessage, ChatRow, History

from . import asking
from .chat_list import ChatList
from .context import Context
from .errors import AntiphonError, RequestFailed, Unreachable
from .refetch import Refetch
from .responses import Applied
from .store import Store, Unsubscribe
from .turns import ChatChange, Turns

log = logging.getLogger(__name__)

EARLY = 2_000
"""Events that are kept while the chat's document is fetched."""


class Chat:
    """A handle; `client.chat(id)` gives the same one for the same id."""

    def __init__(self, id_: str, context: Context, chats: ChatList) -> None:
        self.id = id_
        self.row: Store[ChatRow | None] = Store(None)
        self.loaded = False
        self._turns = Turns()
        self._context = context
        self._list = chats
        self._refetch_soon = Refetch(context, self.refresh, "a chat")
        self._asked: set[str] = set()
        self._early: deque[tuple[wire.ChatEvent, int]] = deque(maxlen=EARLY)
        self._requests = 0
        self._as_of = 0  # when what is held was asked for
        self._stale_until = 0  # what was asked for before is stale: something was missed since

    # Reading

    @property
    def title(self) -> str:
        """The title, from wherever it is known."""
        row = self.row.value
        entry = self._list.get(self.id)
        return row.title if row else entry.title if entry else ""

    def turns(self) -> tuple[ChatMessage, ...]:
        """Give the branch on screen, oldest first."""
        return self._turns.branch()

    @property
    def running(self) -> bool:
        """Whether an answer is being written."""
        return self._turns.running

    def subscribe(self, callback: Callable[[ChatChange], None]) -> Unsubscribe:
        """Call `callback` with every change from now on."""
        return self._turns.subscribe(callback)

    @property
    def followed(self) -> bool:
        """Whether somebody listens to it, or an answer is being written."""
        return bool(self._turns.subscribers or self.row.subscribers or self.running)

    @property
    def known(self) -> bool:
        """Whether there is anything to bring up to date."""
        return self.loaded or self._turns.current_id is not None

    @property
    def subscribers(self) -> int:
        """How many listen."""
        return self._turns.subscribers

    # Fetching

    async def open(self) -> None:
        """Fetch the chat. Raises `NotFound`, `Refused`, `Unreachable` …"""
        await self.refresh()

    async def refresh(self) -> None:
        """Fetch the chat again; events that come meanwhile are kept and applied to what comes (W-16)."""
        while not await self._fetch():
            log.debug("something was missed while a chat was being fetched; fetching it again")

    async def _fetch(self) -> bool:
        """Fetch the chat; False when what came is stale."""
        rest = self._context.rest
        asked_at = self._context.arrivals.next()
        self._requests += 1
        try:
            row = await rest.chats.get(self.id)
            running = False
            if _unfinished(row):
                running = bool(await rest.completions.tasks(self.id))
                if not running:
                    # The run ended after the document was read, or was cut: only now has it the last word.
                    asked_at = self._context.arrivals.next()
                    row = await rest.chats.get(self.id)
            history = row.chat.history or History()
            if asked_at < self._stale_until:
                return False
            if asked_at < self._as_of:
                return True  # A later request has overtaken this one (W-15).
            self._as_of = asked_at
            self.row.set(row)
            kept = self._turns.load(history, running=running)
            self.loaded = True
            # What the document replaced may be older than an event that came after its request.
            late = [e for e, stamp in self._early if stamp > asked_at and e.message_id not in kept]
            if self._turns.replay(late) is Applied.GAP:
                self._refetch()
        finally:
            self._requests -= 1
            if not self._requests:
                self._early.clear()
        return True

    def refresh_soon(self) -> None:
        """Fetch the chat again in the background."""
        self._refetch_soon.ask()

    def forget(self) -> None:
        """Drop what was fetched, as stale."""
        self._stale_until = self._context.arrivals.next()
        self.loaded = False

    def gone(self) -> None:
        """The chat, or our access to it, is gone; nobody will hear of the end of its answers."""
        self.forget()
        self._turns.stop_all()

    # Events

    def apply(self, event: wire.ChatEvent, stamp: int) -> None:
        """Take an event of this chat."""
        if self._requests:
            self._early.append((event, stamp))
        match event:
            case wire.TitleChanged():
                self._retitle(event.payload)
            case wire.SharedMessages():
                self._turns.merge(event.payload.messages, event.payload.current_id)
            case wire.Outlet():
                self._turns.outlet(event)
            case wire.ChatReload() | wire.AccessChanged() | wire.TagsChanged():
                self._refetch()
            case wire.ChatActive():
                self._active(event)
            case _:
                if self._turns.apply(event) is Applied.GAP:
                    self._refetch()
        if isinstance(event, wire.Completion) and event.payload.done and event.message_id in self._asked:
            self._asked.discard(event.message_id)
            if self._context.old_dialect:
                self._context.background().spawn(self._complete(event.message_id), "complete")

    def _active(self, event: wire.ChatActive) -> None:
        if event.payload.active:
            if event.message_id is not None and event.message_id in self._turns:
                self._turns.start(event.message_id)
        elif self._turns.running:
            # The server has no run, but an end is missing: the document knows it.
            self._refetch()

    def _refetch(self) -> None:
        if self.known:
            self._refetch_soon.ask()

    def _retitle(self, title: str) -> None:
        row = self.row.value
        if row is not None and row.title != title:
            self.row.set(row.model_copy(update={"title": title}))

    async def stream(self) -> AsyncGenerator[ChatMessage]:
        """Give the latest answer as it grows, whole each time, until it has ended. A slow reader skips steps.

        Raises `AntiphonError` when the link ends for good before the answer does.
        """
        changed, shown = asyncio.Event(), None
        release = (
            self._turns.subscribe(lambda _: changed.set()),
            self._context.link.subscribe(lambda _: changed.set()),
        )
        try:
            while True:
                changed.clear()
                running, turn = self.running, self._latest()
                if turn is not None and turn is not shown:
                    shown = turn
                    yield turn
                if not running:
                    return
                self._context.still_wanted()
                await changed.wait()
        finally:
            for unsubscribe in release:
                unsubscribe()

    async def finished(self) -> ChatMessage | None:
        """Wait until no answer is being written, and give the latest one; `error` tells whether it failed."""
        async with contextlib.aclosing(self.stream()) as answers:
            async for _ in answers:
                pass
        return self._latest()

    def _latest(self) -> ChatMessage | None:
        return next((turn for turn in reversed(self.turns()) if turn.role == "assistant"), None)

    # Doing

    async def ask(
        self,
        text: str,
        model: str,
        *,
        parent_id: str | None = None,
        message_id: str | None = None,
        turn_id: str | None = None,
    ) -> None:
        """Ask a model; returns when the server has taken the question, the answer comes as changes.

        `parent_id`: the message that the question follows, by default the last one of the branch on screen.
        `message_id` and `turn_id` name the question and the answer. A repeat with a `turn_id` that is known
        asks nothing; after a failure it asks again, which on our server is exact. On failure the answer says
        why, and the error is raised.
        """
        if not self.known:
            await self.refresh()
        await self._ask(text, model, parent_id or self._turns.current_id, message_id, turn_id, new=False)

    async def ask_first(self, text: str, model: str, message_id: str | None, turn_id: str | None) -> str:
        """Ask the first question of a chat that does not exist yet, and give the id that the chat got."""
        return await self._ask(text, model, None, message_id, turn_id, new=True)

    async def _ask(
        self,
        text: str,
        model: str,
        parent_id: str | None,
        message_id: str | None,
        turn_id: str | None,
        *,
        new: bool,
    ) -> str:
        context, turns = self._context, self._turns
        sid = context.sid()
        if sid is None:
            raise Unreachable("there is no link to the server at the moment")
        message_id, turn_id = message_id or str(uuid.uuid4()), turn_id or str(uuid.uuid4())
        if turn_id in turns and turn_id not in turns.refused:
            return self.id  # What it has written must not be lost to a repeat.
        now = context.clock.now()
        again = turn_id in turns.refused
        if message_id in turns:
            parent_id = turns.message(message_id).parent_id  # A repeat stands where the first try stood.
        asked = asking.question(message_id, parent_id, turn_id, text, model, now)
        turn = asking.answer(turn_id, message_id, model, now)
        turns.restart(asked, turn)
        self._asked.add(turn_id)
        try:
            branch = turns.branch()
            if context.old_dialect and new:
                document = asking.new_document(turns.history(), branch, model, now)
                row = await context.rest.chats.create(document)
                self.id = row.id
                self.row.set(row)
            elif context.old_dialect:
                await context.rest.chats.save(
                    self.id, asking.saved_document(turns.history(), branch, [model])
                )
            chat_id = None if new and not context.old_dialect else self.id
            form = asking.completion(
                branch[:-1], turn, chat_id=chat_id, sid=sid, old_dialect=context.old_dialect
            )
            accepted = await context.rest.completions.ask(form)
        except AntiphonError as error:
            self._asked.discard(turn_id)
            detail = error.detail if isinstance(error, RequestFailed) else str(error)
            turns.fail(turn_id, detail)
            raise
        finally:
            turns.unsent.discard(turn_id)
        if again:
            # The first try may have arrived, and its answer may have ended while the link was down.
            self.refresh_soon()
        if new and accepted.chat_id is not None:
            self.id = accepted.chat_id
        return self.id

    async def stop(self) -> None:
        """Stop the answers that are being written."""
        completions = self._context.rest.completions
        if self._context.old_dialect:
            for task_id in await completions.tasks(self.id):
                await completions.stop_task(task_id)
        else:
            await completions.stop_chat(self.id)

    async def rename(self, title: str) -> None:
        """Give the chat another title."""
        row = await self._context.rest.chats.save(self.id, ChatDocument(title=title))
        self._retitle(row.title)
        self._list.renamed(self.id, row.title)

    async def delete(self) -> None:
        """Delete the chat."""
        await self._context.rest.chats.delete(self.id)
        self._list.removed(self.id)
        self.gone()

    def mark_read(self) -> None:
        """This person has read the chat (0.12.4 and ours)."""
        if not self._context.old_dialect:
            self._context.say("events:chat", {"chat_id": self.id, "data": {"type": "last_read_at"}})

    async def _complete(self, turn_id: str) -> None:
        """Finish an answer as 0.6.41 wants it: outlet filters, then the document; by the asking client alone
        (W-46).
        """
        context, turns = self._context, self._turns
        if turn_id not in turns:
            return  # The answer was deleted, elsewhere, at this very moment.
        try:
            branch = turns.branch()
            form = asking.completed(branch, turns.message(turn_id), chat_id=self.id, sid=context.sid() or "")
            changed = await context.rest.completions.completed(form)
            for message in changed.messages:
                turns.filtered(message)
            models = sorted({m.model for m in branch if m.model})
            await context.rest.chats.save(
                self.id, asking.saved_document(turns.history(), turns.branch(), models)
            )
        except AntiphonError as error:
            log.warning("an answer could not be completed on the server: %s", type(error).__name__)


def _unfinished(row: ChatRow) -> bool:
    history = row.chat.history or History()
    return any(m.role == "assistant" and not m.done and not m.error for m in history.messages.values())
