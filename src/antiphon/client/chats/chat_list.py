"""The list of chats, newest first, with the pinned ones and the folders beside it. No I/O: it may ask for the
list to be fetched again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from antiphon import wire
from antiphon.client.store import Store
from antiphon.wire import ChatEntry, ChatFolder

LATE = 1_000
"""Changes that are kept while a page is under way."""

Entries = tuple[ChatEntry, ...]
Folders = tuple[ChatFolder, ...]


def unread(entry: ChatEntry) -> bool:
    """Tell whether something came in a chat since the person looked (0.12.4 and ours; else never)."""
    return entry.last_read_at is not None and entry.updated_at > entry.last_read_at and not entry.active


class ChatList:
    """The first page of chats, and whatever else was fetched after it; the pinned chats; the folders.

    What happens while a page is under way is kept and done again to what comes, because the page may be older
    (W-16).
    """

    def __init__(
        self,
        ask: Callable[[], None],
        store: Store[Entries] | None = None,
        pinned: Store[Entries] | None = None,
        folders: Store[Folders] | None = None,
    ) -> None:
        self.store: Store[Entries] = Store(()) if store is None else store
        self.pinned: Store[Entries] = Store(()) if pinned is None else pinned
        self.folders: Store[Folders] = Store(()) if folders is None else folders
        self.loaded = False
        self.has_more = False
        self.retagged: Callable[[], None] = lambda: None
        """Asks for the tags to be fetched again."""
        self._ask = ask
        self._requests = 0
        self._late: deque[Callable[[], None]] = deque(maxlen=LATE)

    def get(self, chat_id: str | None) -> ChatEntry | None:
        """Give an entry, pinned or not."""
        entries = (*self.store.value, *self.pinned.value)
        return next((entry for entry in entries if entry.id == chat_id), None)

    def refetch(self) -> None:
        """Ask for the list to be fetched again."""
        self._ask()

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

    def load(
        self,
        entries: Iterable[ChatEntry],
        *,
        has_more: bool,
        more: bool = False,
        pinned: Iterable[ChatEntry] | None = None,
        folders: Iterable[ChatFolder] | None = None,
    ) -> None:
        """Take fetched pages: from the first one on, or (`more`) those after what is held."""
        self.loaded = True
        self.has_more = has_more
        _set(self.store, (*self.store.value, *entries) if more else entries)
        if pinned is not None:
            _set(self.pinned, pinned)
        if folders is not None:
            self.folders.set(tuple(sorted(folders, key=lambda folder: (folder.name.casefold(), folder.id))))
        for change in tuple(self._late):
            change()

    def apply(self, event: wire.ChatEvent) -> None:
        """Take an event that concerns the list."""
        self._do(partial(self._apply, event))

    def renamed(self, chat_id: str, title: str) -> None:
        """A chat was renamed here, which moves it to the front; Open WebUI tells nobody of it."""
        self._do(partial(self._retitle, chat_id, title))
        self._ask()

    def removed(self, chat_id: str) -> None:
        """A chat was deleted here."""
        self._do(partial(self._remove, chat_id))

    def _do(self, change: Callable[[], None]) -> None:
        if self._requests:
            self._late.append(change)
        change()

    def _apply(self, event: wire.ChatEvent) -> None:
        match event:
            case wire.TitleChanged():
                self._rewrite_or_ask(event.chat_id, title=event.payload)
            case wire.ChatActive():
                self._rewrite_or_ask(event.chat_id, active=event.payload.active)
            case wire.ChatListChanged():
                self._news(event.payload)
            case wire.Completion() if event.payload.done:
                self._ask()  # 0.6.41 says no `chat:list`: only the end of an answer tells that it moved.
            case wire.TurnFailed() | wire.TasksCancelled():
                self._ask()

    def _news(self, news: wire.ChatListNews) -> None:
        if news.folder_unread_counts is not None:
            self._count(news.folder_unread_counts)
        if news.last_read_at is None or not self._rewrite(news.chat_id, last_read_at=news.last_read_at):
            self._ask()

    def _count(self, counts: dict[str, object]) -> None:
        folders = tuple(
            folder.model_copy(update={"unread_count": count})
            if isinstance(count := counts.get(folder.id), int) and count != folder.unread_count
            else folder
            for folder in self.folders.value
        )
        if folders != self.folders.value:
            self.folders.set(folders)

    def _rewrite_or_ask(self, chat_id: str | None, **update: object) -> None:
        if not self._rewrite(chat_id, **update):
            self._ask()

    def _rewrite(self, chat_id: str | None, **update: object) -> bool:
        """Change an entry; False where there is none."""
        found = False
        for store in (self.store, self.pinned):
            old = next((entry for entry in store.value if entry.id == chat_id), None)
            if old is not None:
                found = True
                new = old.model_copy(update=update)
                _set(store, [new if entry is old else entry for entry in store.value])
        return found

    def _retitle(self, chat_id: str, title: str) -> None:
        self._rewrite(chat_id, title=title)

    def _remove(self, chat_id: str) -> None:
        for store in (self.store, self.pinned):
            if any(entry.id == chat_id for entry in store.value):
                _set(store, [entry for entry in store.value if entry.id != chat_id])


def _set(store: Store[Entries], entries: Iterable[ChatEntry]) -> None:
    unique = {entry.id: entry for entry in entries}
    store.set(tuple(sorted(unique.values(), key=lambda entry: (-entry.updated_at, entry.id))))
