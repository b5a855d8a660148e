"""Time as the database keeps it."""

from __future__ import annotations

import threading
import time


class Clock:
    """Wall time that never repeats and never goes back within a process, so that it orders what is stored."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def nanoseconds(self) -> int:
        """Unix time in ns, greater than every value given before."""
        with self._lock:
            self._last = max(time.time_ns(), self._last + 1)
            return self._last

    @staticmethod
    def seconds() -> int:
        """Unix time in whole seconds."""
        return int(time.time())
