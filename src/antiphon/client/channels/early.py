"""What a page that is still on its way must not undo: what events said of its rows, and deletions (W-16)."""

from __future__ import annotations

from antiphon.wire import Message


class Early:
    """What events said of rows that are not held, kept while a request may bring them."""

    def __init__(self) -> None:
        self._requests = 0
        self._accounts: dict[str, list[tuple[Message, int]]] = {}

    def requested(self) -> None:
        """A request began."""
        self._requests += 1

    def answered(self) -> None:
        """A request is over; what nobody waits for any more is forgotten."""
        self._requests -= 1
        if not self._requests:
            self._accounts.clear()

    def keep(self, message: Message, stamp: int) -> None:
        """Keep an account while a request is on its way."""
        if self._requests:
            self._accounts.setdefault(message.id, []).append((message, stamp))

    def of(self, message_id: str) -> list[tuple[Message, int]]:
        """Give what was kept of a message, with the number of each arrival."""
        return self._accounts.get(message_id, [])

    def take(self, message_id: str) -> list[tuple[Message, int]]:
        """Give and forget it."""
        return self._accounts.pop(message_id, [])


REMEMBERED_DELETIONS = 10_000
"""Ids of deleted messages that are kept in mind; an answer that was under way can only bring back a recent
one.
"""


class Deletions:
    """The messages that are gone and do not come back."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._ids

    def add(self, message_id: str) -> None:
        """Remember one; the oldest are forgotten."""
        self._ids[message_id] = None
        if len(self._ids) > REMEMBERED_DELETIONS:
            del self._ids[next(iter(self._ids))]
