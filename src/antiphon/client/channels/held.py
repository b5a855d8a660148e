"""The confirmed messages of a timeline: by id, in their order, and who quotes whom. No rules live here."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass

from antiphon.client.channels.message_merge import merged
from antiphon.client.channels.rows import Row
from antiphon.wire import Message

Place = tuple[int, str]
"""Where a message stands: its `created_at` (ns) and its id."""


def place_of(message: Message) -> Place:
    """Give the place of a message."""
    return message.created_at, message.id


@dataclass(slots=True)
class Held:
    """A message as the server has it, and the row that shows it."""

    message: Message
    stamp: int  # how new what we know of it is: the number of the latest account that was merged
    heard: int  # when we last heard that it exists
    key: str
    temp_id: str | None = None
    row: Row | None = None  # None while an own change hides it

    def take(self, account: Message, stamp: int, heard: int | None = None) -> None:
        """Bring the message up to date by another account of it."""
        self.message = merged(self.message, account, later=stamp >= self.stamp)
        self.stamp = max(self.stamp, stamp)
        self.heard = max(self.heard, stamp if heard is None else heard)


class HeldMessages:
    """A run of the server's list. Each operation costs a binary search and a move in a list."""

    def __init__(self) -> None:
        self._by_id: dict[str, Held] = {}
        self._order: list[Place] = []
        self._quoting: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._by_id

    def __iter__(self) -> Iterator[Held]:
        return (self._by_id[id_] for _, id_ in self._order)

    def get(self, message_id: str) -> Held | None:
        """Give a message that is held."""
        return self._by_id.get(message_id)

    def at(self, index: int) -> Held:
        """Give the message that stands there, counted from the oldest."""
        return self._by_id[self._order[index][1]]

    def put(self, held: Held) -> None:
        """Add a message."""
        message = held.message
        self._by_id[message.id] = held
        insort(self._order, place_of(message))
        if message.reply_to_id:
            self._quoting.setdefault(message.reply_to_id, set()).add(message.id)

    def drop(self, message_id: str) -> Held:
        """Take a message out."""
        held = self._by_id.pop(message_id)
        message = held.message
        del self._order[bisect_left(self._order, place_of(message))]
        if message.reply_to_id and (quoting := self._quoting.get(message.reply_to_id)):
            quoting.discard(message_id)
            if not quoting:
                del self._quoting[message.reply_to_id]
        return held

    def clear(self) -> None:
        """Take all out."""
        self._by_id.clear()
        self._order.clear()
        self._quoting.clear()

    def after(self, message: Message) -> Iterator[Held]:
        """Give what stands after a message, from the next one on."""
        start = bisect_right(self._order, place_of(message))
        return (self._by_id[self._order[index][1]] for index in range(start, len(self._order)))

    def last_before(self, message: Message) -> bool:
        """Tell whether a message would stand last."""
        return not self._order or self._order[-1] < place_of(message)

    def older_than(self, place: Place) -> list[str]:
        """Give the ids of what stands before a place."""
        return [id_ for _, id_ in self._order[: bisect_left(self._order, place)]]

    def oldest(self, count: int) -> list[str]:
        """Give the ids of the oldest messages."""
        return [id_ for _, id_ in self._order[: max(count, 0)]]

    def strictly_between(self, low: int | None, high: int | None) -> list[Held]:
        """Give what stands between two moments (ns); None is without end.

        Messages of the very moment of an end are left out: they may lie on either side of it.
        """
        start = 0 if low is None else bisect_right(self._order, low, key=_moment)
        end = len(self._order) if high is None else bisect_left(self._order, high, key=_moment)
        return [self._by_id[id_] for _, id_ in self._order[start:end]]

    def quoting(self, message_id: str) -> tuple[Held, ...]:
        """Give the messages that quote a message."""
        return tuple(self._by_id[id_] for id_ in self._quoting.get(message_id, ()))


def _moment(place: Place) -> int:
    return place[0]
