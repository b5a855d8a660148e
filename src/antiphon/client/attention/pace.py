"""A flood of messages is no flood of notifications: a burst passes one by one, the rest is gathered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from antiphon.client.attention.attention import Notification
from antiphon.client.clock import Cancel, Clock

BURST = 30
"""Notifications that pass one by one, at once."""
EVERY = 2.0
"""Seconds after which a further one may pass."""
GATHER = 10.0
"""Seconds for which the others are gathered, by where they lead."""
MOST_SEPARATE = 3
"""Summaries at a time; where there would be more, there is one."""
MOST_GATHERED = 200
"""Conversations that are told apart while gathering."""


@dataclass(slots=True)
class _Heap:
    count: int
    first: Notification
    last: Notification


class Pace:
    """Lets notifications through to `deliver`, one by one or gathered. It owns one timer."""

    def __init__(self, clock: Clock, deliver: Callable[[Notification], None]) -> None:
        self._clock = clock
        self._deliver = deliver
        self._room = float(BURST)
        self._as_of = clock.monotonic()
        self._heaps: OrderedDict[str, _Heap] = OrderedDict()
        self._timer: Cancel | None = None

    @property
    def timers(self) -> int:
        """How many timers run."""
        return int(self._timer is not None)

    def take(self, notification: Notification) -> None:
        """Deliver it now, or as one of many soon."""
        now = self._clock.monotonic()
        self._room = min(BURST, self._room + (now - self._as_of) / EVERY)
        self._as_of = now
        if self._room >= 1 and notification.path not in self._heaps:
            self._room -= 1
            self._deliver(notification)
            return
        self._gather(notification)

    def close(self) -> None:
        """End the timer; what was gathered is told to nobody any more."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer()
        self._heaps.clear()

    def _gather(self, notification: Notification) -> None:
        path = notification.path
        if path not in self._heaps and len(self._heaps) >= MOST_GATHERED:
            path = "/"
        heap = self._heaps.get(path)
        if heap is None:
            self._heaps[path] = _Heap(1, notification, notification)
        else:
            heap.count += 1
            heap.last = notification
        if self._timer is None:
            self._timer = self._clock.call_later(GATHER, self._due)

    def _due(self) -> None:
        self._timer = None
        heaps, self._heaps = self._heaps, OrderedDict()
        if len(heaps) <= MOST_SEPARATE:
            for path, heap in heaps.items():
                self._deliver(_summary(path, heap, heap.last.title))
            return
        newest = next(reversed(heaps.values()))
        total = _Heap(sum(heap.count for heap in heaps.values()), newest.first, newest.last)
        self._deliver(_summary("/", total, newest.last.source, len(heaps)))


def _summary(path: str, heap: _Heap, title: str, places: int = 1) -> Notification:
    if heap.count == 1:
        return heap.last
    where = f" in {places} conversations" if places > 1 else ""
    return replace(
        heap.last,
        id=f"more:{heap.first.id}",
        kind="more",
        title=title,
        body=f"{heap.count} more notifications{where}",
        path=path,
        sound=False,
        level="info",
        author_id=None,
        count=heap.count,
    )
