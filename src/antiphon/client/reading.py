"""Telling the server what this person has read: gathered, and kept until the link can carry it (W-24,
W-27).
"""

from __future__ import annotations

from collections.abc import Callable

from .clock import Cancel
from .context import Context
from .link import LinkState


class Reading:
    """Read marks of channels. `seen` is told at once, so that the list shows the channel as read."""

    def __init__(
        self,
        context: Context,
        seen: Callable[[str], None],
        last_message_at: Callable[[str], int] = lambda _: 0,
    ) -> None:
        self._context = context
        self._seen = seen
        self._last_message_at = last_message_at
        self._marks: dict[str, int] = {}  # the newest message (ns) that the person can have seen
        self._timer: Cancel | None = None

    def read(self, channel_id: str) -> None:
        """Mark a channel as read up to now."""
        self._seen(channel_id)
        self._marks[channel_id] = self._last_message_at(channel_id)
        if self._timer is None and not self._context.over:
            self._timer = self._context.clock.call_later(self._context.delays.read_throttle, self._due)

    def _due(self) -> None:
        self._timer = None
        # Before the link is live, what has come meanwhile is not known: `caught_up` says the marks then.
        if self._context.link.value.state is LinkState.LIVE:
            self.flush()

    def flush(self) -> None:
        """Say what has been gathered; what the link cannot carry now is said after the next catching up."""
        self._end_timer()
        for channel_id in tuple(self._marks):
            mark = {"channel_id": channel_id, "message_id": None, "data": {"type": "last_read_at"}}
            if not self._context.say("events:channel", mark):
                return
            self._marks.pop(channel_id, None)

    def caught_up(self, looked_at: Callable[[str], bool]) -> None:
        """Say what was read before the link was lost, but not where more has come that nobody has seen.

        A mark has no time of its own: the server takes the moment at which it comes.
        """
        for channel_id, seen in tuple(self._marks.items()):
            if self._last_message_at(channel_id) > seen and not looked_at(channel_id):
                del self._marks[channel_id]
        self.flush()

    def close(self) -> None:
        """Say what can still be said, and end the timer."""
        self.flush()
        self._end_timer()

    def _end_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer()
