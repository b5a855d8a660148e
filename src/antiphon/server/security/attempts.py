"""How often somebody may try passwords: a guesser has to wait, whoever mistypes has not."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from antiphon.server.errors import Problem

LIMIT = 15
"""Wrong passwords for one account from one place within `SECONDS`, as in the original."""
SECONDS = 180.0
_KEPT = 10_000


class Attempts:
    """Counts wrong passwords by account and place; a right one clears them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[tuple[str, str], list[float]] = OrderedDict()

    def refuse_too_many(self, account: str, place: str) -> None:
        """429 with how long to wait, after too many wrong passwords."""
        times = self._wrong.get((account, place), [])
        wait = times[-LIMIT] + SECONDS - self._clock() if len(times) >= LIMIT else 0.0
        if wait > 0:
            seconds = int(wait) + 1
            raise Problem(
                429,
                f"Too many wrong passwords. Please wait {seconds} seconds, then try again.",
                {"Retry-After": str(seconds)},
            )

    def wrong(self, account: str, place: str) -> None:
        """Count a wrong password."""
        times = self._wrong.setdefault((account, place), [])
        times.append(self._clock())
        del times[:-LIMIT]
        self._wrong.move_to_end((account, place))
        if len(self._wrong) > _KEPT:
            self._wrong.popitem(last=False)

    def right(self, account: str, place: str) -> None:
        """Forget the wrong ones."""
        self._wrong.pop((account, place), None)
