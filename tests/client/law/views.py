"""What a person has on screen: windows that open what they show and follow every change, as a page does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from antiphon import Client
from antiphon.client import Inserted, Removed, Replaced, Row, Timeline
from antiphon.client.errors import AntiphonError, passing

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class View:
    """One window. `rows` is what a view of its channel has painted, made of the changes alone."""

    def __init__(self, client: Client, spawn: Spawn) -> None:
        self._client = client
        self._spawn = spawn
        self._window = client.open_window()
        self._release: Callable[[], None] = lambda: None
        self._opening: asyncio.Task[None] | None = None
        self.place: tuple[str, str] | None = None
        self.timeline: Timeline
        self.refused = False
        """Whether the server would not show it; the application leaves it at that."""
        self.rows: list[Row] = []
        self.wrong: list[str] = []

    def show(self, kind: str, id_: str) -> None:
        """Show a channel, a chat, or (`channel/message`) a thread."""
        self.leave()
        self.place, self.refused = (kind, id_), False
        handle: Any
        if kind in {"channel", "thread"}:
            channel_id, _, root_id = id_.partition("/")
            self._window.show_channel(channel_id, root_id or None)
            handle = self._client.channel(channel_id)
            handle = handle.thread(root_id) if root_id else handle
            self.timeline = handle.timeline
            self.rows = list(handle.timeline.rows())
            self._release = handle.timeline.subscribe(self._changed)
            loaded = handle.timeline.loaded
        else:
            self._window.show_chat(id_)
            handle = self._client.chat(id_)
            self._release = handle.subscribe(lambda _: None)
            loaded = handle.loaded
        if not loaded:
            self._opening = self._spawn(self._open(handle))

    def leave(self) -> None:
        """Show nothing."""
        self._release()
        self._release = lambda: None
        if self._opening is not None:
            self._opening.cancel()
        self.place, self.rows, self._opening = None, [], None
        self._window.show_nothing()

    def focus(self, focused: bool) -> None:
        """The person looks here, or elsewhere."""
        self._window.focus(focused)

    @property
    def focused(self) -> bool:
        """Whether the person looks here."""
        return self._window.focused

    def close(self) -> None:
        """Close the window."""
        self.leave()
        self._window.close()

    async def _open(self, handle: Any) -> None:
        while True:
            try:
                await handle.open()
            except AntiphonError as error:
                if not passing(error):
                    self.refused = True
                    return
                await asyncio.sleep(1)
            else:
                return

    def _changed(self, change: Any) -> None:
        if self.place is None:
            return
        keys = [row.key for row in self.rows]
        match change:
            case Inserted(row, before):
                if row.key in keys:
                    self.wrong.append(f"{row.key} is inserted twice")
                if before is not None and before not in keys:
                    self.wrong.append(f"{row.key} is inserted before {before}, which is not there")
                else:
                    self.rows.insert(len(keys) if before is None else keys.index(before), row)
            case Replaced(key, row):
                if key not in keys:
                    self.wrong.append(f"{key} is replaced and not there")
                else:
                    self.rows[keys.index(key)] = row
            case Removed(key):
                if key not in keys:
                    self.wrong.append(f"{key} is removed and not there")
                else:
                    del self.rows[keys.index(key)]
            case _:
                self.rows = list(self.timeline.rows())
