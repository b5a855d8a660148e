"""The reducer of chat events: the list, the chats that are held, and calls. No I/O."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Iterable

from antiphon import wire
from antiphon.client.attention.windows import Windows
from antiphon.client.chats.chat import Chat
from antiphon.client.chats.chat_list import ChatList
from antiphon.client.chats.rooms import ChatRooms
from antiphon.client.chats.state import TEMPORARY, is_temporary
from antiphon.client.context import Context
from antiphon.client.handles import Handles
from antiphon.client.store import Unsubscribe

UNCLAIMED = 2_000
"""Events of chats without a handle that are kept while a new chat is being made: they may be its own."""


class ChatReducer:
    """Knows the handles that exist; an event of a chat without one changes the list alone."""

    def __init__(
        self,
        context: Context,
        chats: ChatList,
        windows: Windows,
        ask_tags: Callable[[], None],
    ) -> None:
        self.handles = Handles(self._new, lambda id_, chat: chat.followed or id_ in windows.shown().chats)
        self._context = context
        self._list = chats
        self._rooms = ChatRooms(context, windows, self._running)
        self._ask_tags = chats.retagged = ask_tags
        self.asking: Callable[[], Iterable[str]] = lambda: ()
        """Gives the chats with open questions: the server asks them again of whoever is in their rooms."""
        self._making = 0
        self._unclaimed: deque[tuple[wire.ChatEvent, int]] = deque(maxlen=UNCLAIMED)

    def attach(self) -> list[Unsubscribe]:
        """Follow the windows and the link; give what ends it."""
        return [*self._rooms.attach(), self._clear]

    def handle(self, chat_id: str) -> Chat:
        """Give the handle of a chat, the same one each time."""
        return self.handles.of(chat_id)

    def temporary(self) -> Chat:
        """Give a chat that is stored nowhere. Its id is its own for as long as it lives (W-53)."""
        return self.handles.of(f"{TEMPORARY[0]}{uuid.uuid4()}")

    def missed(self) -> None:
        """Something was missed on the link."""
        for _, chat in self.handles.items():  # noqa: PERF102 - it is no mapping
            chat.missed()

    def apply(self, event: wire.ChatEvent, stamp: int) -> None:
        """Take an event; `stamp` is the number of its arrival."""
        handle = self.handles.get(event.chat_id)
        if is_temporary(event.chat_id):
            # It concerns the one handle that asked; no list, and no other window (W-53, W-54).
            if handle is not None:
                handle.apply(event, stamp)
            return
        if isinstance(event, wire.TagsChanged):
            self._ask_tags()
        self._list.apply(event)
        if event.chat_id is None:
            return
        if handle is not None:
            was_running = handle.running
            handle.apply(event, stamp)
            if was_running and not handle.running:
                self._rooms.ended(event.chat_id)
        elif self._making:
            self._unclaimed.append((event, stamp))

    async def make(self, text: str, model: str, message_id: str | None, turn_id: str | None) -> Chat:
        """Ask the first question of a new chat. Its first events may overtake the answer that names the
        chat.
        """
        chat = self._new("")
        self._making += 1
        try:
            chat_id = await chat.ask_first(text, model, message_id, turn_id)
            self.handles.put(chat_id, chat)
            for event, stamp in self._unclaimed:
                if event.chat_id == chat_id:
                    chat.apply(event, stamp)
        finally:
            self._making -= 1
            if not self._making:
                self._unclaimed.clear()
        return chat

    def _new(self, chat_id: str) -> Chat:
        return Chat(chat_id, self._context, self._list)

    def _running(self) -> list[str]:
        return [*(id_ for id_, chat in self.handles.items() if chat.running), *self.asking()]

    def _clear(self) -> None:
        for _, chat in self.handles.items():  # noqa: PERF102 - as above
            chat.leave()
