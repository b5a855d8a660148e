"""The work of the outbox: a worker for each channel in which something waits, in order, until it is sent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Protocol

from antiphon.client.context import Context
from antiphon.client.errors import BadAnswer, NotFound, Refused, RequestFailed, SignedOut, Unreachable
from antiphon.client.link.backoff import Backoff
from antiphon.client.outbox.delivery import Delivery, Taken
from antiphon.client.outbox.entries import Entry
from antiphon.client.outbox.ledger import Ledger
from antiphon.client.tasks import first
from antiphon.wire import Message

log = logging.getLogger(__name__)


class Books(Protocol):
    """Where the workers look, and what they tell."""

    def waiting(self, channel_id: str) -> Iterable[Entry]:
        """Give what waits in a channel, in order."""
        ...

    def claimed(self, entry: Entry) -> Entry:
        """Take an entry as the file gave it, to be sent now, and give the one that is held."""
        ...

    async def nothing_waits(self, channel_id: str) -> bool:
        """The file has nothing that waits in a channel; tell whether that is so by now."""
        ...

    async def sent(self, entry: Entry, message: Message, stamp: int, asked_at: int, *, tried: bool) -> None:
        """The server has it. `tried`: an earlier post, not answered, may be what it has stored."""
        ...

    async def refused(self, entry: Entry, reason: str, posted: str | None) -> None:
        """The server does not take it."""
        ...


class Workers:
    """Start by themselves and end when nothing waits any more."""

    def __init__(self, context: Context, ledger: Ledger, delivery: Delivery, books: Books) -> None:
        self._context = context
        self._ledger = ledger
        self._delivery = delivery
        self._books = books
        self._news: dict[str, asyncio.Event] = {}
        self.under_way: dict[str, Entry] = {}
        """What is being posted at this moment, by `temp_id`."""
        self.idle = asyncio.Event()
        """Whether nothing is."""
        self.idle.set()

    def wake(self, channel_id: str) -> None:
        """Something has changed in a channel: look at once."""
        news = self._news.get(channel_id)
        if news is not None:
            news.set()
        elif self._context.tasks is not None and not self._context.tasks.closed:
            self._news[channel_id] = asyncio.Event()
            self._context.tasks.spawn(self._work(channel_id), "outbox")

    def wake_all(self) -> None:
        """Look at once everywhere."""
        for channel_id in tuple(self._news):
            self.wake(channel_id)

    async def _work(self, channel_id: str) -> None:
        news = self._news[channel_id]
        delays = self._context.delays
        backoff = Backoff(delays.retry_first, delays.retry_most, delays.random)
        try:
            while True:
                await self._context.until_joined()
                news.clear()
                claimed = await self._ledger.claim(channel_id, self._books.waiting(channel_id))
                if claimed is None:
                    if await self._books.nothing_waits(channel_id) and not news.is_set():
                        return
                elif isinstance(claimed, float):
                    left = claimed - self._context.clock.now()
                    if left > 0:
                        cancel = self._context.clock.call_later(left, news.set)
                        try:
                            await news.wait()
                        finally:
                            cancel()
                else:
                    await self._send(self._books.claimed(claimed), backoff)
        finally:
            self._news.pop(channel_id, None)

    async def _send(self, entry: Entry, backoff: Backoff) -> None:
        self.under_way[entry.temp_id] = entry
        self.idle.clear()
        try:
            await first(self._attempt(entry, backoff), self._hold(entry))
        finally:
            del self.under_way[entry.temp_id]
            if not self.under_way:
                self.idle.set()

    async def _hold(self, entry: Entry) -> None:
        """Keep the lease; ends when the entry is another's by now, and with it our attempt."""
        while True:
            await self._context.clock.sleep(self._context.delays.lease / 3)
            if not await self._ledger.renew(entry):
                return

    async def _attempt(self, entry: Entry, backoff: Backoff) -> None:
        """Try to post; on a passing failure the entry waits again."""
        asked_at = self._context.arrivals.next()
        before = entry.posted
        try:
            message = await self._delivery.deliver(entry)
        except Taken:
            return
        except Unreachable as error:
            await self._again(entry, backoff, entry.posted if error.sent else before)
        except SignedOut:
            await self._again(entry, backoff, before)  # The link will end, and the entry is kept.
        except RequestFailed as error:
            if error.retryable:
                await self._again(entry, backoff, entry.posted if error.status >= 500 else before)
            else:
                await self._books.refused(entry, error.detail, before)
                if isinstance(error, Refused | NotFound):
                    self._context.refused(entry.channel_id, entry.parent_id)
        except BadAnswer as error:
            if error.foreign:
                await self._again(entry, backoff, entry.posted)
            else:
                await self._books.refused(entry, str(error), entry.posted)
        else:
            backoff.reset()
            tried = before is not None and not self._context.ours
            await self._books.sent(entry, message, self._context.arrivals.next(), asked_at, tried=tried)

    async def _again(self, entry: Entry, backoff: Backoff, posted: str | None) -> None:
        if entry.waits:  # It may have been confirmed by its event, or discarded, meanwhile.
            await self._ledger.release(entry, posted, self._context.clock.now() + backoff.next())
