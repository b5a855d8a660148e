"""Windows: the places where the person looks. What they show is fetched first; what they look at is read."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import filterfalse
from typing import Literal

from antiphon.client.store import Store

View = tuple[Literal["channel", "chat"], str]
Place = tuple[Literal["channel", "thread", "chat"], str]
"""Where something is said: a channel, a thread (by its first message) or a chat."""


class Window:
    """A browser tab or a terminal. It says what it shows and whether the person looks at it, and is closed in
    the end.
    """

    def __init__(self, windows: Windows) -> None:
        self._windows = windows
        self.view: View | None = None
        self.thread_id: str | None = None
        """The thread that is open beside the channel, by its first message."""
        self.focused = False
        self.visible = True
        self.attended_at = 0.0
        """When the person last looked at it (unix seconds); 0 for one that was never looked at (W-57)."""
        self.open = True

    @property
    def channel_id(self) -> str | None:
        """The channel it shows."""
        return self.view[1] if self.view and self.view[0] == "channel" else None

    @property
    def chat_id(self) -> str | None:
        """The chat it shows."""
        return self.view[1] if self.view and self.view[0] == "chat" else None

    @property
    def attended(self) -> bool:
        """Whether the person looks at it: it has the focus and can be seen (W-56)."""
        return self.focused and self.visible

    def show_channel(self, channel_id: str, thread_id: str | None = None) -> None:
        """It shows a channel now, and perhaps one of its threads beside it."""
        self._show(("channel", channel_id), thread_id)

    def show_chat(self, chat_id: str) -> None:
        """It shows a chat now."""
        self._show(("chat", chat_id))

    def show_nothing(self) -> None:
        """It shows neither a channel nor a chat."""
        self._show(None)

    def focus(self, focused: bool) -> None:
        """The person looks at it, or has turned away."""
        self._attend(focused, self.visible)

    def show(self, visible: bool = True) -> None:
        """It can be seen, or is hidden: behind another tab, minimised."""
        self._attend(self.focused, visible)

    def close(self) -> None:
        """It is gone."""
        if self.open:
            self.open = False
            self._windows.closed(self)

    def _attend(self, focused: bool, visible: bool) -> None:
        if (focused, visible) == (self.focused, self.visible):
            return
        before = self.attended
        self.focused, self.visible = focused, visible
        if before or self.attended:
            self.attended_at = self._windows.now()
        self._windows.changed(self)

    def _show(self, view: View | None, thread_id: str | None = None) -> None:
        if (view, thread_id) != (self.view, self.thread_id):
            self.view, self.thread_id = view, thread_id
            self._windows.changed(self)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the windows show, those looked at first."""

    channels: tuple[str, ...]
    chats: tuple[str, ...]


class Windows:
    """All windows of a client, the one touched last at the end. `now` gives unix seconds."""

    def __init__(
        self, store: Store[tuple[Window, ...]] | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self.store: Store[tuple[Window, ...]] = Store(()) if store is None else store
        self.now = now

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
        """Give what is shown, each once: in windows looked at first, then the latest first."""
        latest = self.store.value[::-1]
        order = [*filter(_attended, latest), *filterfalse(_attended, latest)]
        channels = dict.fromkeys(window.channel_id for window in order if window.channel_id)
        chats = dict.fromkeys(window.chat_id for window in order if window.chat_id)
        return Shown(tuple(channels), tuple(chats))

    def looked_at(self, view: View) -> bool:
        """Tell whether the person looks at this now."""
        return any(window.attended and window.view == view for window in self.store.value)

    def places(self, *, attended: bool) -> frozenset[Place]:
        """Give all that is on screen, threads too; `attended`: only what the person looks at now."""
        windows = [window for window in self.store.value if window.attended or not attended]
        if not windows:
            return frozenset()
        threads: list[Place] = [("thread", window.thread_id) for window in windows if window.thread_id]
        return frozenset([*(window.view for window in windows if window.view), *threads])

    def foremost(self) -> Window | None:
        """Give the window that the person looks at, or looked at last: it tells them what happens (W-57)."""
        latest = self.store.value[::-1]
        return max(latest, key=lambda window: (window.attended, window.attended_at), default=None)


def _attended(window: Window) -> bool:
    return window.attended
