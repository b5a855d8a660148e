"""Windows: the places where the person looks. What they show is fetched first; what they look at is read."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import filterfalse
from typing import Literal

from .store import Store

View = tuple[Literal["channel", "chat"], str]


class Window:
    """A browser tab or a terminal. It says what it shows and whether the person looks at it, and is closed in
    the end.
    """

    def __init__(self, windows: Windows) -> None:
        self._windows = windows
        self.view: View | None = None
        self.focused = False
        self.open = True

    @property
    def channel_id(self) -> str | None:
        """The channel it shows."""
        return self.view[1] if self.view and self.view[0] == "channel" else None

    @property
    def chat_id(self) -> str | None:
        """The chat it shows."""
        return self.view[1] if self.view and self.view[0] == "chat" else None

    def show_channel(self, channel_id: str) -> None:
        """It shows a channel now."""
        self._show(("channel", channel_id))

    def show_chat(self, chat_id: str) -> None:
        """It shows a chat now."""
        self._show(("chat", chat_id))

    def show_nothing(self) -> None:
        """It shows neither a channel nor a chat."""
        self._show(None)

    def focus(self, focused: bool) -> None:
        """The person looks at it, or has turned away."""
        if focused != self.focused:
            self.focused = focused
            self._windows.changed(self)

    def close(self) -> None:
        """It is gone."""
        if self.open:
            self.open = False
            self._windows.closed(self)

    def _show(self, view: View | None) -> None:
        if view != self.view:
            self.view = view
            self._windows.changed(self)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the windows show, those looked at first."""

    channels: tuple[str, ...]
    chats: tuple[str, ...]


class Windows:
    """All windows of a client, the one touched last at the end."""

    def __init__(self, store: Store[tuple[Window, ...]] | None = None) -> None:
        self.store: Store[tuple[Window, ...]] = Store(()) if store is None else store

    def open(self) -> Window:
        """Open a window."""
        window = Window(self)
        self.store.set((*self.store.value, window))
        return window

    def changed(self, window: Window) -> None:
        """A window shows something else, or is looked at, or no longer."""
        if window.open:
            self.store.set((*(other for other in self.store.value if other is not window), window))

    def closed(self, window: Window) -> None:
        """A window is gone."""
        self.store.set(tuple(other for other in self.store.value if other is not window))

    def shown(self) -> Shown:
        """Give what is shown, each once: in focused windows first, then the latest first."""
        latest = self.store.value[::-1]
        order = [*filter(_focused, latest), *filterfalse(_focused, latest)]
        channels = dict.fromkeys(window.channel_id for window in order if window.channel_id)
        chats = dict.fromkeys(window.chat_id for window in order if window.chat_id)
        return Shown(tuple(channels), tuple(chats))

    def looked_at(self, view: View) -> bool:
        """Tell whether the person looks at this now."""
        return any(window.focused and window.view == view for window in self.store.value)


def _focused(window: Window) -> bool:
    return window.focused
