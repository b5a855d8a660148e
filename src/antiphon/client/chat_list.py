"""The list of chats, newest first. No I/O: it may ask for the list to be fetched again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from antiphon import wire
from antiphon.wire import ChatEntry

from .store import Store

LATE = 1_000
"""Changes that are kept while a page is under way."""


class ChatList:
    """The first page of chats, and whatever else was fetched after it.

    What happens while a page is under way is kept and done again to what comes, because the page may be older
    (W-16).
    """

    def __init__(self, ask: Callable[[], None], store: Store[tuple[ChatEntry, ...]] | None = None) -> None:
        self.store: Store[tuple[ChatEntry, ...]] = Store(()) if store is None else store
        self.loaded = False
        self.has_more = False
        self._ask = ask
        self._requests = 0
        self._late: deque[Callable[[], None]] = deque(maxlen=LATE)

    def get(self, chat_id: str | None) -> ChatEntry | None:
        """Give an entry."""
        return next((entry for entry in self.store.value if entry.id == chat_id), None)

    @contextmanager
    def being_fetched(self) -> Iterator[None]:
        """Say that pages are on their way."""
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1
            if not self._requests:
                self._late.clear()

    def load(self, entries: Iterable[ChatEntry], *, has_more: bool, more: bool = False) -> None:
        """Take fetched pages: from the first one on, or (`more`) those after what is held."""
        self.loaded = True
        self.has_more = has_more
        self._set((*self.store.value, *entries) if more else entries)
        for change in tuple(self._late):
            change()

    def apply(self, event: wire.ChatEvent) -> None:
        """Take an event that concerns the list."""
        self._do(partial(self._apply, event))

    def _do(self, change: Callable[[], None]) -> None:
        if self._requests:
            self._late.append(change)
        change()

    def _apply(self, event: wire.ChatEvent) -> None:
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
        self._do(partial(self._rename, chat_id, title))

    def removed(self, chat_id: str) -> None:
        """A chat was deleted here."""
        self._do(partial(self._remove, chat_id))

    def _rename(self, chat_id: str, title: str) -> None:
        entry = self.get(chat_id)
        if entry is not None:
            self._replace(entry, title=title)

    def _remove(self, chat_id: str) -> None:
        if self.get(chat_id) is not None:
            self._set(entry for entry in self.store.value if entry.id != chat_id)

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
