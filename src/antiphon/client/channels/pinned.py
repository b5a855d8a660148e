"""The pinned messages of a channel, the last pinned first, by pages of twenty, and kept true by events."""

from __future__ import annotations

from collections.abc import Callable

from antiphon.client.channels.held import Held
from antiphon.client.channels.message_merge import plain
from antiphon.client.channels.optimistic import OwnChanges
from antiphon.client.context import Context
from antiphon.client.rest.channels import PINNED_PAGE
from antiphon.client.store import Store
from antiphon.wire import Message

MOST_ROUNDS = 3
"""Times that the pages are fetched anew because pins moved from one to the other meanwhile."""


class PinnedMessages:
    """A handle; `channel.pinned()` gives the same one each time.

    Open WebUI 0.6 tells nobody of a pin: there the pins of others are seen with the next `refresh`.
    """

    def __init__(
        self, channel_id: str, context: Context, own: OwnChanges, known: Callable[[str], Message | None]
    ) -> None:
        self.store: Store[tuple[Message, ...]] = Store(())
        self.loaded = False
        self.has_more = False
        self._channel_id = channel_id
        self._context = context
        self._own = own
        self._known = known
        self._held: dict[str, Held] = {}
        self._pages = 1
        self._since: list[tuple[str, Message | None, int]] = []  # what came while pages were on their way
        self._fetching = 0
        self._epoch = 0

    async def open(self) -> None:
        """Fetch the first page."""
        await self.refresh()

    async def refresh(self) -> None:
        """Fetch again the pages that are held."""
        await self._fetch(self._pages)

    async def load_more(self) -> bool:
        """Fetch a further page; give whether there are still more."""
        if not self.loaded or self.has_more:
            await self._fetch(self._pages + 1 if self.loaded else 1)
        return self.has_more

    def forget(self) -> None:
        """Drop what is held, as stale."""
        self._epoch += 1
        self._held.clear()
        self._pages, self.loaded, self.has_more = 1, False, False
        self.store.set(())

    # What the channel hears

    def changed(self, message: Message, stamp: int) -> None:
        """Take an account of any message of the channel."""
        if self._fetching:
            self._since.append((message.id, message, stamp))
        if self.loaded:
            self._take(message, stamp)
            self._show()

    def deleted(self, message_id: str) -> None:
        """Take a deletion."""
        if self._fetching:
            self._since.append((message_id, None, self._context.arrivals.last))
        if self._held.pop(message_id, None) is not None:
            self._show()

    def redraw(self, message_id: str) -> None:
        """An own change of a message came or went."""
        if self.loaded:
            self._show()

    # Inside

    async def _fetch(self, pages: int) -> None:
        self._fetching += 1
        try:
            for _ in range(MOST_ROUNDS):
                if await self._fetch_once(pages):
                    return
        finally:
            self._fetching -= 1
            if not self._fetching:
                self._since.clear()

    async def _fetch_once(self, pages: int) -> bool:
        """Fetch the first pages; False when pins came or went between two of them."""
        channels, arrivals = self._context.rest.channels, self._context.arrivals
        self._epoch += 1
        epoch, began = self._epoch, len(self._since)
        held: dict[str, Held] = {}
        more = True
        for number in range(1, pages + 1):
            asked_at = arrivals.next()
            page = await channels.pinned(self._channel_id, number)
            if epoch != self._epoch:
                return True  # A later fetch is on its way, or all was forgotten.
            for message in page:
                self._own.fetched(message.id, asked_at)
                held[message.id] = Held(message, asked_at, asked_at, message.id)
            more = len(page) >= PINNED_PAGE
            if not more:
                break
        moved = pages > 1 and any(
            account is None or account.is_pinned is not (id_ in self._held)
            for id_, account, _ in self._since[began:]
        )
        self._held, self._pages, self.loaded, self.has_more = held, pages, True, more
        for id_, account, stamp in self._since[began:]:
            if account is None:
                held.pop(id_, None)
            else:
                self._take(account, stamp)
        self._show()
        return not moved

    def _take(self, message: Message, stamp: int) -> None:
        message = plain(message)
        held = self._held.get(message.id)
        if held is not None:
            held.take(message, stamp)
            if not held.message.is_pinned:
                del self._held[message.id]
        elif message.is_pinned and (not self.has_more or _pinned_at(message) > self._last()):
            self._held[message.id] = Held(message, stamp, stamp, message.id)

    def _last(self) -> int:
        return min((_pinned_at(held.message) for held in self._held.values()), default=0)

    def _show(self) -> None:
        messages = {id_: held.message for id_, held in self._held.items()}
        for id_ in self._own.ids():
            known = self._known(id_)
            if known is not None:
                messages.setdefault(id_, known)
        shown = (self._own.shown(message) for message in messages.values())
        pinned = sorted((one for one in shown if one is not None and one.is_pinned), key=_order)
        self.store.set(tuple(pinned))


def _pinned_at(message: Message) -> int:
    return message.pinned_at or 0


def _order(message: Message) -> tuple[int, str]:
    return -_pinned_at(message), message.id
