"""The rooms of the chats that are shown, and having read them (0.12.4 and ours).

In a chat's room a client hears of other viewers and of their turns; and the server knows by it which session
can be asked again what an earlier one of the same person was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from antiphon.client.attention.windows import Windows
from antiphon.client.chats.state import is_temporary
from antiphon.client.context import Context
from antiphon.client.store import Unsubscribe


class ChatRooms:
    """Joins and leaves. A new connection is in no room, so that all are joined again."""

    def __init__(self, context: Context, windows: Windows, running: Callable[[], Iterable[str]]) -> None:
        self._context = context
        self._windows = windows
        self._running = running
        self._joined: set[str] = set()
        self._read: set[str] = set()
        self._sid: str | None = None

    def attach(self) -> list[Unsubscribe]:
        """Follow the windows and the link; give what ends it."""
        return [
            self._windows.store.subscribe(lambda _: self.update()),
            self._context.link.subscribe(lambda _: self.update()),
        ]

    def update(self) -> None:
        """Bring the rooms in line with what is shown."""
        context = self._context
        if not context.link.value.state.joined:
            self._joined.clear()
            self._sid = None
            return
        if context.old_dialect:
            return
        if context.sid() != self._sid:
            self._sid = context.sid()
            self._joined.clear()
        shown = self._windows.shown().chats
        wanted = {id_ for id_ in (*shown, *self._running()) if id_ and not is_temporary(id_)}
        for id_ in sorted(wanted - self._joined):
            if self._say(id_, "join"):
                self._joined.add(id_)
        for id_ in sorted(self._joined - wanted):
            if self._say(id_, "leave"):
                self._joined.discard(id_)
        looked_at = {id_ for id_ in shown if self._windows.looked_at(("chat", id_))}
        for id_ in sorted(looked_at ^ self._read):
            self.read(id_)
        self._read = looked_at

    def ended(self, chat_id: str) -> None:
        """An answer of a chat has ended: whoever looks at it has read it."""
        if self._windows.looked_at(("chat", chat_id)):
            self.read(chat_id)

    def read(self, chat_id: str) -> None:
        """The person has read a chat."""
        if not self._context.old_dialect and not is_temporary(chat_id):
            self._say(chat_id, "last_read_at")

    def _say(self, chat_id: str, kind: str) -> bool:
        return self._context.say("events:chat", {"chat_id": chat_id, "data": {"type": kind}})
