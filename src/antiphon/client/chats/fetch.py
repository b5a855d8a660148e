"""Fetching a chat: of two answers the later request wins (W-15), and what comes meanwhile is kept (W-16)."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from antiphon import wire
from antiphon.client.chats.responses import Applied
from antiphon.client.chats.state import ChatState
from antiphon.client.errors import NotFound, Refused
from antiphon.client.refetch import Refetch
from antiphon.wire import ChatRow, History

log = logging.getLogger(__name__)

EARLY = 2_000
"""Events that are kept while the chat's document is fetched."""


class ChatFetch:
    """The fetching side of one chat. `loaded_now` hears of each document, and whether a run goes on."""

    def __init__(self, state: ChatState, loaded_now: Callable[[bool], None]) -> None:
        self.loaded = False
        self._state = state
        self._loaded_now = loaded_now
        self._refetch = Refetch(state.context, self.refresh, "a chat")
        self._early: deque[tuple[wire.ChatEvent, int]] = deque(maxlen=EARLY)
        self._overflown = False  # more came than could be kept
        self._requests = 0
        self._as_of = 0  # when what is held was asked for
        self._stale_until = 0  # what was asked for before is stale: something was missed since

    def keep(self, event: wire.ChatEvent, stamp: int) -> None:
        """Keep an event while a document is under way: that may be older than the event."""
        if self._requests:
            self._overflown |= len(self._early) == EARLY
            self._early.append((event, stamp))

    def soon(self) -> None:
        """Fetch the chat again in the background."""
        self._refetch.ask()

    def forget(self) -> None:
        """What was fetched is stale."""
        self._stale_until = self._state.context.arrivals.next()
        self.loaded = False

    async def refresh(self) -> None:
        """Fetch the chat again. Raises `NotFound`, `Refused`, `Unreachable` …"""
        if self._state.temporary:
            await self._look_after_answers()
            return
        while not await self._fetch():
            log.debug("something was missed while a chat was being fetched; fetching it again")

    async def _fetch(self) -> bool:
        """Fetch the chat; False when what came is stale."""
        state = self._state
        arrivals = state.context.arrivals
        asked_at = arrivals.next()
        self._requests += 1
        try:
            row = await self._get()
            running = False
            if _unfinished(row):
                running = bool(await state.context.rest.completions.tasks(state.id))
                if not running:
                    # The run ended after the document was read, or was cut: only now has it the last word.
                    asked_at = arrivals.next()
                    row = await self._get()
            if asked_at < self._stale_until:
                return False
            if asked_at < self._as_of:
                return True  # A later request has overtaken this one (W-15).
            self._as_of = asked_at
            self._load(row, asked_at, running=running)
        finally:
            self._requests -= 1
            if not self._requests:
                self._early.clear()
                if self._overflown:
                    self._overflown = False
                    self.soon()
        return True

    def _load(self, row: ChatRow, asked_at: int, *, running: bool) -> None:
        turns = self._state.turns
        titles = [e.payload for e, at in self._early if at > asked_at and isinstance(e, wire.TitleChanged)]
        self._state.row.set(row.model_copy(update={"title": titles[-1]}) if titles else row)
        kept = turns.load(row.chat.history or History(), running=running)
        self.loaded = True
        # What the document replaced may be older than an event that came after its request.
        late = [e for e, stamp in self._early if stamp > asked_at and e.message_id not in kept]
        listed = [e.message_id for e in late if isinstance(e, wire.ChatListChanged)]
        if turns.replay(late) is Applied.GAP or any(id_ is not None and id_ not in turns for id_ in listed):
            self.soon()
        self._loaded_now(running)

    async def _get(self) -> ChatRow:
        """Fetch the row. Open WebUI answers 401 where there is no such chat."""
        try:
            return await self._state.context.rest.chats.get(self._state.id)
        except Refused as error:
            if error.status != 401:
                raise
            raise NotFound(404, error.detail) from error

    async def _look_after_answers(self) -> None:
        """No document tells the end of an answer in a temporary chat: whether there is a run does."""
        state = self._state
        self.loaded = True
        if state.turns.running and not await state.context.rest.completions.tasks(state.id):
            state.turns.break_off()


def _unfinished(row: ChatRow) -> bool:
    history = row.chat.history or History()
    return any(m.role == "assistant" and not m.done and not m.error for m in history.messages.values())
