"""The reducer of chat events: the list, the chats that are held, and calls. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from antiphon import wire

from .chat import Chat
from .chat_list import ChatList
from .context import Context
from .handles import Handles
from .windows import Windows

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
        self._ask_tags = ask_tags
        self._making = 0
        self._unclaimed: deque[tuple[wire.ChatEvent, int]] = deque(maxlen=UNCLAIMED)

    def handle(self, chat_id: str) -> Chat:
        """Give the handle of a chat, the same one each time."""
        return self.handles.of(chat_id)

    def apply(self, event: wire.ChatEvent, stamp: int) -> None:
        """Take an event; `stamp` is the number of its arrival."""
        if isinstance(event, wire.TagsChanged):
            self._ask_tags()
        self._list.apply(event)
        if event.chat_id is None:
            return
        handle = self.handles.get(event.chat_id)
        if handle is not None:
            handle.apply(event, stamp)
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
