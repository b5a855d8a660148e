"""What the parts of one chat's handle share."""

from __future__ import annotations

from dataclasses import dataclass, field

from antiphon.client.chats.chat_list import ChatList
from antiphon.client.chats.turns import Turns
from antiphon.client.context import Context
from antiphon.client.store import Store
from antiphon.wire import ChatRow

TEMPORARY = ("local:", "temporary:")
"""Chats with such ids are stored nowhere; the first is of 0.6.41, and 0.12.4 and ours know it too."""


def is_temporary(chat_id: str | None) -> bool:
    """Tell whether a chat is stored nowhere: nobody but its own handle is told of it."""
    return chat_id is not None and chat_id.startswith(TEMPORARY)


@dataclass(slots=True)
class ChatState:
    """Shared by reference. `id` is empty until a new chat has been given one."""

    id: str
    context: Context
    chats: ChatList
    turns: Turns = field(init=False)
    row: Store[ChatRow | None] = field(default_factory=lambda: Store[ChatRow | None](None))

    def __post_init__(self) -> None:
        self.turns = Turns(temporary=self.temporary)

    @property
    def temporary(self) -> bool:
        """Whether the chat is stored nowhere."""
        return is_temporary(self.id)
