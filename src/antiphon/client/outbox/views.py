"""Where the outbox shows what waits: the timelines of channels and threads that somebody holds."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from antiphon.client.channels.timeline import Timeline
from antiphon.client.context import Context
from antiphon.client.outbox.entries import Entry
from antiphon.wire import Message

LookAgain = Callable[[], None]

_Place = tuple[str, str | None]


@dataclass(slots=True)
class _View:
    timeline: weakref.ref[Timeline]
    look_again: Callable[[], LookAgain | None]


class Views:
    """Timelines by channel and thread. None is kept alive: a row that waits keeps its handle in use."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._views: dict[_Place, _View] = {}

    def attach(
        self,
        channel_id: str,
        timeline: Timeline,
        look_again: LookAgain,
        entries: Callable[[], Iterable[Entry]],
    ) -> None:
        """Show what waits in a channel or thread in this timeline."""
        place = (channel_id, timeline.parent_id)
        held = self._views.get(place)
        if held is not None and held.timeline() is timeline:
            return

        def gone(ref: weakref.ref[Timeline]) -> None:
            view = self._views.get(place)
            if view is not None and view.timeline is ref:
                del self._views[place]

        look: Callable[[], LookAgain | None]
        look = weakref.WeakMethod(look_again) if inspect.ismethod(look_again) else lambda: look_again
        self._views[place] = _View(weakref.ref(timeline, gone), look)
        for entry in entries():
            if (entry.channel_id, entry.parent_id) == place:
                self.show(entry)

    def show(self, entry: Entry) -> None:
        """Show an entry after all others."""
        timeline = self._timeline(entry)
        if timeline is None:
            return
        quoted = timeline.row(entry.reply_to_id) if entry.reply_to_id else None
        shown = entry.shown(self._context.me, quoted.message if quoted else None)
        timeline.add_pending(entry.temp_id, shown)
        self.update(entry)

    def update(self, entry: Entry) -> None:
        """Show an entry's state."""
        timeline = self._timeline(entry)
        if timeline is not None and entry.open:
            timeline.set_pending(
                entry.temp_id, "failed" if entry.state == "failed" else "pending", entry.error
            )

    def redraw(self, entry: Entry) -> None:
        """Show an entry anew: its text has changed."""
        self.drop(entry)
        self.show(entry)

    def drop(self, entry: Entry) -> None:
        """Show an entry no more."""
        timeline = self._timeline(entry)
        if timeline is not None:
            timeline.drop_pending(entry.temp_id)

    def confirm(self, entry: Entry, message: Message, stamp: int, asked_at: int | None) -> None:
        """Show the stored message in an entry's place."""
        timeline = self._timeline(entry)
        if timeline is not None:
            timeline.confirm(entry.temp_id, message, stamp, asked_at=asked_at)

    def newest(self, entry: Entry) -> int:
        """Give the moment (ns) of the newest message that is shown where an entry stands."""
        timeline = self._timeline(entry)
        newest = timeline.newest() if timeline is not None else None
        return newest.created_at if newest is not None else 0

    def refreshed_after(self, entry: Entry, asked_at: int) -> bool:
        """Whether the newest page was asked for after that moment."""
        timeline = self._timeline(entry)
        return timeline is not None and timeline.refreshed_at > asked_at

    def look_again(self, entry: Entry) -> None:
        """Fetch anew where an entry stands."""
        view = self._views.get((entry.channel_id, entry.parent_id))
        look_again = view.look_again() if view is not None else None
        if look_again is not None:
            look_again()

    def _timeline(self, entry: Entry) -> Timeline | None:
        view = self._views.get((entry.channel_id, entry.parent_id))
        return view.timeline() if view is not None else None
