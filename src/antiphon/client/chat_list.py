"""The list of chats, newest first. No I/O: it may ask for the list to be fetched again."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from antiphon import wire
from antiphon.wire import ChatEntry

from .store import Store


class ChatList:
    """The first page of chats, and whatever else was fetched after it."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self.store: Store[tuple[ChatEntry, ...]] = Store(())
        self.has_more = False
        self._ask = ask

    def get(self, chat_id: str | None) -> ChatEntry | None:
        """Give an entry."""
        return next((entry for entry in self.store.value if entry.id == chat_id), None)

    def load(self, entries: Iterable[ChatEntry], *, has_more: bool) -> None:
        """Take fetched pages, from the first one on."""
        self.has_more = has_more
        self._set(entries)

    def apply(self, event: wire.ChatEvent) -> None:
        """Take an event that concerns the list."""
        entry = self.get(event.chat_id)
        match event:
            case wire.TitleChanged() if entry is not None:
                self._replace(entry, title=event.payload)
            case wire.ChatActive() if entry is not None:
                self._replace(entry, active=event.payload.active)
            case wire.ChatListChanged():
                self._news(event.payload)
            case wire.TitleChanged() | wire.ChatActive():
                self._ask()

    def renamed(self, chat_id: str, title: str) -> None:
        """A chat was renamed here."""
        entry = self.get(chat_id)
        if entry is not None:
            self._replace(entry, title=title)

    def removed(self, chat_id: str) -> None:
        """A chat was deleted here."""
        if self.get(chat_id) is not None:
            self._set(entry for entry in self.store.value if entry.id != chat_id)

    def clear(self) -> None:
        """Forget everything: nobody is signed in."""
        self.has_more = False
        self.store.set(())

    def _news(self, news: wire.ChatListNews) -> None:
        entry = self.get(news.chat_id)
        if news.last_read_at is not None and entry is not None:
            self._replace(entry, last_read_at=news.last_read_at)
        else:
            self._ask()

    def _replace(self, entry: ChatEntry, **update: object) -> None:
        new = entry.model_copy(update=update)
        self._set(new if other is entry else other for other in self.store.value)

    def _set(self, entries: Iterable[ChatEntry]) -> None:
        unique = {entry.id: entry for entry in entries}
        self.store.set(tuple(sorted(unique.values(), key=lambda entry: (-entry.updated_at, entry.id))))
