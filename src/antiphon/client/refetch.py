"""Fetching one thing again, soon."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from antiphon.client.context import Context
from antiphon.client.errors import AntiphonError, passing
from antiphon.client.link.backoff import Backoff

log = logging.getLogger(__name__)

Fetch = Callable[[], Coroutine[Any, Any, None]]


class Refetch:
    """Fetches one thing again when asked; wishes that come while it waits or runs are one wish."""

    def __init__(self, context: Context, fetch: Fetch, name: str) -> None:
        self._context = context
        self._fetch = fetch
        self._name = name
        self._wanted = False
        self._running = False

    def ask(self) -> None:
        """Fetch soon. While the link is down nothing is done: catching up will."""
        self._wanted = True
        if not self._running and self._context.link.value.state.joined:
            self._running = True
            self._context.background().spawn(self._run(), f"refetch {self._name}")

    async def _run(self) -> None:
        delays = self._context.delays
        backoff = Backoff(delays.retry_first, delays.retry_most, delays.random)
        wait = delays.refetch
        try:
            while self._wanted and self._context.link.value.state.joined:
                await self._context.clock.sleep(wait)
                self._wanted, wait = False, delays.refetch
                try:
                    await self._fetch()
                except AntiphonError as error:
                    log.info("%s could not be fetched again: %s", self._name, type(error).__name__)
                    if passing(error):
                        # Whoever asked has a hole, or waits for an end: it is not forgotten.
                        self._wanted, wait = True, backoff.next()
        finally:
            self._running = False
