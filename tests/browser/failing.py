"""A provider whose models fail in the ways that their names say, for the browser's tests."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AbstractAsyncContextManager
from typing import Self

from tests.server.providers.provider import Provider, providing


class FailingProvider:
    """The server tests' provider in a thread of its own; entering starts it, leaving ends it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._providing: AbstractAsyncContextManager[Provider] = providing()
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        provider = asyncio.run_coroutine_threadsafe(self._providing.__aenter__(), self._loop).result(10)
        self.url = provider.address
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._providing.__aexit__(None, None, None), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
