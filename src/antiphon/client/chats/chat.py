"""One chat: its turns, what they go through, and what a person can do in it."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, Callable
from types import EllipsisType

from antiphon import wire
from antiphon.client.chats.actions import ChatActions
from antiphon.client.chats.answering import Answering
from antiphon.client.chats.chat_list import ChatList
from antiphon.client.chats.fetch import ChatFetch
from antiphon.client.chats.people import ChatPeople, People
from antiphon.client.chats.questions import Asking
from antiphon.client.chats.responses import Applied
from antiphon.client.chats.state import ChatState
from antiphon.client.chats.turns import ChatChange
from antiphon.client.context import Context
from antiphon.client.errors import NotFound, Refused
from antiphon.client.refetch import Refetch
from antiphon.client.store import Store, Unsubscribe
from antiphon.wire import ChatMessage, ChatRow


class Chat(ChatActions):
    """A handle; `client.chat(id)` gives the same one for the same id."""

    def __init__(self, id_: str, context: Context, chats: ChatList) -> None:
        self._state = ChatState(id_, context, chats)
        self._context = context
        self._list = chats
        self._turns = self._state.turns
        self._asking = Asking(self._state, chats.refetch)
        self._fetch = ChatFetch(self._state, self._asking.loaded)
        self._people = ChatPeople(context.clock, context.delays)
        self._look = Refetch(context, self._refresh_or_go, "a chat")
        self._heard_on = context.sid()
        self._opened = False
        self.compaction: Store[wire.CompactionStep | None] = Store(None)
        """The latest step of squeezing the chat's context (0.12.4)."""

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

    def turn(self, id_: str) -> ChatMessage | None:
        """Give a question or answer of any branch."""
        return self._turns.message(id_) if id_ in self._turns else None

    def siblings(self, id_: str) -> tuple[str, ...]:
        """Give the ids of the questions, or answers, that stand in the same place, in their order; `switch`
        goes from one to another.
        """
        return self._turns.siblings(id_) if id_ in self._turns else ()

    @property
    def running(self) -> bool:
        """Whether an answer is being written."""
        return self._turns.running

    @property
    def running_ids(self) -> frozenset[str]:
        """The answers that are being written."""
        return frozenset(self._turns.running_ids)

    @property
    def viewers(self) -> Store[People]:
        """Who looks at the chat, where it is shared (0.12.4)."""
        return self._people.viewers

    @property
    def typing(self) -> Store[People]:
        """Who types in it, where it is shared (0.12.4)."""
        return self._people.typing

    def subscribe(self, callback: Callable[[ChatChange], None]) -> Unsubscribe:
        """Call `callback` with every change from now on."""
        return self._turns.subscribe(callback)

    def watch(self, callback: Callable[[], None]) -> tuple[Unsubscribe, ...]:
        """Call `callback` when the turns or the link change."""
        return (
            self._turns.subscribe(lambda _: callback()),
            self._context.link.subscribe(lambda _: callback()),
        )

    @property
    def followed(self) -> bool:
        """Whether somebody listens to it, or an answer is being written."""
        return bool(self._turns.subscribers or self.row.subscribers or self.running)

    @property
    def known(self) -> bool:
        """Whether there is anything to bring up to date."""
        return self.loaded or self._turns.current_id is not None

    @property
    def wanted(self) -> bool:
        """Whether a catching up has to fetch it: it was opened, though the server could not be reached then,
        or refused it.
        """
        return self._opened or self.known

    @property
    def subscribers(self) -> int:
        """How many listen."""
        return self._turns.subscribers

    def still_wanted(self) -> None:
        """Raise `AntiphonError` when the link will not come back."""
        self._context.still_wanted()

    # Fetching

    @property
    def loaded(self) -> bool:
        """Whether what is held was fetched and nothing was missed since."""
        return self._fetch.loaded

    async def open(self) -> None:
        """Fetch the chat. Raises `NotFound`, `Refused`, `Unreachable` …"""
        self._opened = True
        await self.refresh()

    async def refresh(self) -> None:
        """Fetch the chat again; events that come meanwhile are kept and applied to what comes (W-16)."""
        await self._fetch.refresh()

    def refresh_soon(self) -> None:
        """Fetch the chat again in the background."""
        self._fetch.soon()

    def forget(self) -> None:
        """Drop what was fetched, as stale."""
        if not self.temporary:
            self._fetch.forget()

    def missed(self) -> None:
        """Something was missed on the link."""
        self._heard_on = self._context.sid()
        self._turns.missed()
        self._people.clear()

    def leave(self) -> None:
        """The client ends: no timer of this chat runs on."""
        self._people.clear()

    def gone(self) -> None:
        """The chat, or our access to it, is gone; nobody will hear of the end of its answers."""
        self.forget()
        self._people.clear()
        self._turns.stop_all()
        self._context.chat_gone(self.id)

    async def _refresh_or_go(self) -> None:
        try:
            await self.refresh()
        except (Refused, NotFound):
            self.gone()

    # Events

    def apply(self, event: wire.ChatEvent, stamp: int) -> None:
        """Take an event of this chat."""
        if self._context.sid() != self._heard_on:
            self.missed()
        if self._is_a_copy(event):
            return
        self._fetch.keep(event, stamp)
        match event:
            case wire.TitleChanged():
                self._retitle(event.payload)
            case wire.SharedMessages():
                self._turns.merge(event.payload.messages, event.payload.current_id)
            case wire.Outlet():
                self._turns.outlet(event)
            case wire.ChatReload() | wire.TagsChanged():
                self._refetch()
            case wire.AccessChanged():
                self._people.clear()
                self._look.ask()
            case wire.ChatActive():
                self._active(event)
            case wire.ChatListChanged():
                self._listed(event)
            case wire.Presence():
                self._people.came_and_went(event)
            case wire.ChatTyping():
                self._people.typed(event, self._context.user_id)
            case wire.TaskList():
                self._rewrite_row(tasks=list(event.payload.tasks))
            case wire.ContextCompaction():
                self._compact(event.payload)
            case _:
                if self._turns.apply(event) is Applied.GAP:
                    self._refetch()
        self._asking.heard(event)

    def _is_a_copy(self, event: wire.ChatEvent) -> bool:
        """Whether it is what other viewers get of a run of ours: our own room has told it already."""
        own = event.user_id is not None and event.user_id == self._context.user_id
        return bool(event.shared) and own and not isinstance(event, wire.SharedMessages)

    def _active(self, event: wire.ChatActive) -> None:
        if event.payload.active:
            self._turns.apply(event)
        elif self._turns.running:
            # The server has no run, but an end is missing: the document knows it.
            self._refetch()

    def _listed(self, event: wire.ChatListChanged) -> None:
        """The chat's row changed: perhaps because of a turn, or a write, that nothing else tells of."""
        if event.payload.last_read_at is None and (
            event.message_id is None or event.message_id not in self._turns
        ):
            self._refetch()

    def _compact(self, step: wire.CompactionStep) -> None:
        self.compaction.set(step)
        id_ = step.checkpoint_message_id
        if step.context_summary is not None and id_ is not None and id_ in self._turns:
            self._turns.noted(id_, contextSummary=step.context_summary)

    def _refetch(self) -> None:
        if self.known:
            self._fetch.soon()

    # Following the newest answer

    async def stream(self) -> AsyncGenerator[ChatMessage]:
        """Give the latest answer as it grows, whole each time, until it has ended. A slow reader skips steps.

        Raises `AntiphonError` when the link ends for good before the answer does.
        """
        changed, shown = asyncio.Event(), None
        release = self.watch(changed.set)
        try:
            while True:
                changed.clear()
                running, turn = self.running, self._latest()
                if turn is not None and turn is not shown:
                    shown = turn
                    yield turn
                if not running:
                    return
                self.still_wanted()
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

    # Asking

    def ask(
        self,
        text: str,
        model: str | None = None,
        *,
        parent_id: str | None = None,
        message_id: str | None = None,
        turn_id: str | None = None,
    ) -> Answering:
        """Ask a model. `await` it for the server to have taken the question, or read the answer with
        `async for`.

        `model`: by default the one that answered last. `parent_id`: the message that the question follows, by
        default the last one of the branch on screen. `message_id` and `turn_id` name the question and the
        answer. A repeat with a `turn_id` that is known asks nothing; after a failure it asks again, which on
        our server is exact. On failure the answer says why, and the error is raised.
        """
        after = ... if parent_id is None else parent_id
        return self._ask(text, model, after, message_id, turn_id or str(uuid.uuid4()))

    def edit_question(
        self, message_id: str, text: str, model: str | None = None, *, turn_id: str | None = None
    ) -> Answering:
        """Ask a question in other words: it begins a branch of its own beside the first one."""
        old = self._turns.message(self._one_of_ours(message_id))
        return self._ask(text, model, old.parent_id, None, turn_id or str(uuid.uuid4()))

    def regenerate(
        self, message_id: str, model: str | None = None, *, turn_id: str | None = None
    ) -> Answering:
        """Have a question answered once more; `message_id` names it, or one of its answers."""
        message = self._turns.message(self._one_of_ours(message_id))
        question_id = message.id if message.role == "user" else message.parent_id
        turn_id = turn_id or str(uuid.uuid4())
        if question_id is None or question_id not in self._turns:
            raise NotFound(404, "the question of this answer is gone")
        return Answering(self, turn_id, self._asking.answer_again(question_id, model, self._fetch, turn_id))

    def answer(self, turn_id: str | None = None) -> Answering:
        """Follow an answer that was asked for already, by default the latest one."""
        latest = self._latest()
        id_ = turn_id or (latest.id if latest is not None else None)
        if id_ is None or id_ not in self._turns:
            raise NotFound(404, "there is no such answer in this chat")
        return Answering(self, id_)

    async def ask_first(self, text: str, model: str, message_id: str | None, turn_id: str | None) -> str:
        """Ask the first question of a chat that does not exist yet, and give the id that the chat got."""
        return await self._asking.ask_first(text, model, message_id, turn_id)

    def _ask(
        self,
        text: str,
        model: str | None,
        after: str | EllipsisType | None,
        message_id: str | None,
        turn_id: str,
    ) -> Answering:
        asking = self._asking.ask(
            text, model, self._fetch, after=after, message_id=message_id, turn_id=turn_id
        )
        return Answering(self, turn_id, asking)

    # For the rest of the client

    @property
    def row(self) -> Store[ChatRow | None]:
        """The chat's row, as it was fetched last."""
        return self._state.row

    @property
    def id(self) -> str:
        """The chat's id; empty until a new chat has one."""
        return self._state.id
