"""Telling the server what this person has read: at once, then gathered, and kept until the link can carry it
(W-24, W-27).
"""

from __future__ import annotations

from collections.abc import Callable

from antiphon.client.clock import Cancel
from antiphon.client.context import Context
from antiphon.client.link.link import LinkState


class Reading:
    """Read marks of channels. `seen` is told at once, so that the list shows the channel as read."""

    def __init__(
        self,
        context: Context,
        seen: Callable[[str], None],
        last_message_at: Callable[[str], int] = lambda _: 0,
        unread: Callable[[str], int] = lambda _: 0,
        looked_at: Callable[[str], bool] = lambda _: False,
        unsaid: Callable[[], None] = lambda: None,
    ) -> None:
        """`last_message_at`: when something last came to a channel (ns). `looked_at`: whether the person
        looks at it now. `unsaid`: a channel was shown as read and is not.
        """
        self._context = context
        self._seen = seen
        self._last_message_at = last_message_at
        self._unread = unread
        self._looked_at = looked_at
        self._unsaid = unsaid
        self._marks: dict[str, int] = {}  # the newest message (ns) that the person can have seen
        self._said: dict[str, int] = {}  # the newest message (ns) when the last mark was said over this link
        self._timer: Cancel | None = None

    def read(self, channel_id: str) -> None:
        """Mark a channel as read up to now."""
        newest, unread = self._last_message_at(channel_id), self._unread(channel_id)
        live = self._context.link.value.state is LinkState.LIVE
        if live and self._said.get(channel_id) == newest and not unread:
            return  # It would tell nothing new.
        self._seen(channel_id)
        self._marks[channel_id] = newest
        if self._timer is None and not self._context.over:
            self._due()
            self._timer = self._context.clock.call_later(self._context.delays.read_throttle, self._again)

    def left(self) -> None:
        """The person looks elsewhere now: what they have read is said before more comes there."""
        if any(not self._looked_at(channel_id) for channel_id in self._marks):
            self._due()

    def _again(self) -> None:
        self._timer = None
        if self._marks and not self._context.over:
            self._due()
            self._timer = self._context.clock.call_later(self._context.delays.read_throttle, self._again)

    def _due(self) -> None:
        # Before the link is live, what has come meanwhile is not known: `caught_up` says the marks then.
        if self._context.link.value.state is LinkState.LIVE:
            self.flush()

    def flush(self) -> None:
        """Say what has been gathered; what the link cannot carry now is said after the next catching up.

        A mark has no time of its own: the server takes the moment at which it comes. So it is not said where
        more has come that nobody has seen.
        """
        for channel_id, seen in tuple(self._marks.items()):
            if channel_id not in self._marks:
                continue  # Said meanwhile: telling what was seen may lead back here.
            if self._last_message_at(channel_id) > seen and not self._looked_at(channel_id):
                del self._marks[channel_id]
                self._unsaid()
                continue
            mark = {"channel_id": channel_id, "message_id": None, "data": {"type": "last_read_at"}}
            if not self._context.say("events:channel", mark):
                return
            del self._marks[channel_id]
            self._said[channel_id] = self._last_message_at(channel_id)
            # Said again now: a list that was asked for meanwhile is older than the mark.
            self._seen(channel_id)

    def caught_up(self) -> None:
        """Say what was read before the link was lost."""
        self._said.clear()
        self.flush()

    def close(self) -> None:
        """Say what can still be said, and end the timer."""
        self.flush()
        timer, self._timer = self._timer, None
        if timer is not None:
            timer()
