"""Errors of our own that the client survives: logged with their trace, counted, repaired by catching up."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

from antiphon.client.clock import Cancel, Clock, Delays
from antiphon.client.link.backoff import Backoff

log = logging.getLogger(__name__)

MOST_DELAY = 60.0
"""Seconds between two repairs at most, and the quiet after which the next one is immediate again."""


MOST_KINDS = 100
"""Kinds of errors that are told apart in the log."""


class Faults:
    """Counts them, and asks for a catch-up after each: whatever they left undone is fetched.

    One whose cause comes back with each catch-up must not become a storm: repairs follow each other with
    growing delays.
    """

    def __init__(self, clock: Clock, delays: Delays) -> None:
        self.count = 0
        self.ask: Callable[[], None] = lambda: None
        """Asks for a catch-up."""
        self._clock = clock
        self._backoff = Backoff(delays.retry_first, MOST_DELAY, delays.random)
        self._last: float | None = None
        self._timer: Cancel | None = None
        self._closed = False
        self._seen: dict[str, int] = {}

    def report(self, where: str, error: BaseException) -> None:
        """An error that nobody expected. Its text may hold contents and is left out of the log.

        The same error at the same place is logged at its first, second, fourth, eighth … time: one that comes
        with each event must not fill a disk.
        """
        self.count += 1
        said = f"{where}: {outline(error)}"
        times = self._seen.pop(said, 0) + 1
        self._seen[said] = times
        if len(self._seen) > MOST_KINDS:
            del self._seen[next(iter(self._seen))]
        if times == 1:
            log.error("an error in %s", said)
        elif times & (times - 1) == 0:
            log.error("an error in %s: %s, %d times by now", where, type(error).__name__, times)
        self.repair()

    def repair(self) -> None:
        """Something was missed: catch up, now or after a while."""
        if self._timer is not None or self._closed:
            return
        now = self._clock.monotonic()
        if self._last is None or now - self._last >= MOST_DELAY:
            self._backoff.reset()
            self._last = now
            self.ask()
            return
        self._timer = self._clock.call_later(self._backoff.next(), self._due)

    def close(self) -> None:
        """End the timer; there is nothing to be repaired any more."""
        self._closed = True
        timer, self._timer = self._timer, None
        if timer is not None:
            timer()

    def _due(self) -> None:
        self._timer = None
        self._last = self._clock.monotonic()
        self.ask()


def outline(error: BaseException) -> str:
    """Give an error's kind and where it arose, without its text; of a group, each of its errors."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(outline(each) for each in error.exceptions)
    frames = "".join(traceback.format_tb(error.__traceback__)[-12:]).rstrip()
    return f"{type(error).__name__}\n{frames}" if frames else type(error).__name__
