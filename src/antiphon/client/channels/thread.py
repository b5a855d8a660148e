"""The thread under one message of a channel: its own timeline, its own typing, and its root."""

from __future__ import annotations

from typing import TYPE_CHECKING

from antiphon.client.channels.held import Held
from antiphon.client.channels.optimistic import OwnChanges
from antiphon.client.channels.paging import Page, Paging
from antiphon.client.channels.timeline import Timeline
from antiphon.client.context import Context
from antiphon.client.errors import NotFound, Refused
from antiphon.client.outbox.outbox import Sending
from antiphon.client.refetch import Refetch
from antiphon.client.rest.channels import PAGE
from antiphon.client.store import Store
from antiphon.client.tasks import together
from antiphon.wire import Message

if TYPE_CHECKING:
    from antiphon.client.channels.channel import Channel

COUNTERS = {"reply_count", "latest_reply_at"}
LONG_PAGE = 100
"""Replies in a page on the way to one of them; no release gives more."""


class Thread:
    """A handle; `channel.thread(message_id)` gives the same one for the same id."""

    def __init__(self, root_id: str, channel: Channel, context: Context, own: OwnChanges) -> None:
        self.id = root_id
        self.channel = channel
        self.root: Store[Message | None] = Store(None)
        """The message that the thread hangs from; None while it is not known, and once it is gone."""
        self.gone: Store[bool] = Store(False)
        """Whether the root was deleted, and with it the thread (W-31)."""
        self.timeline = Timeline(root_id, own)
        self._opened = False
        self._context = context
        self._own = own
        self._held: Held | None = None
        self._as_of = 0
        self._paging = Paging(self.timeline, context.arrivals, self._page, PAGE, self._pages_by_message)
        self._refetch = Refetch(context, self.refresh, "a thread's messages")

    @property
    def followed(self) -> bool:
        """Whether somebody listens to it, or a message waits to be sent."""
        listeners = self.timeline.subscribers or self.root.subscribers or self.gone.subscribers
        return bool(listeners or self.timeline.unconfirmed)

    @property
    def wanted(self) -> bool:
        """Whether a catching up has to fetch it; one that is gone too, for a refusal may have ended."""
        return self._opened or self.timeline.loaded

    # Fetching

    async def open(self) -> None:
        """Fetch the root and the newest replies. Raises `NotFound` when the root is gone, `Unreachable` …"""
        self._opened = True
        await self.refresh()

    async def refresh(self) -> None:
        """Fetch the root and every page that is held, again."""
        try:
            await together(self._paging.refresh(), self._fetch_root())
        except (NotFound, Refused):
            if not self.gone.value:
                self.is_gone()
                self.channel.look_after()
            raise
        self.gone.set(False)

    async def load_earlier(self, limit: int = PAGE) -> bool:
        """Fetch earlier replies; give whether there are still earlier ones."""
        return await self._paging.load_earlier(limit)

    async def reach(self, message_id: str) -> bool:
        """Fetch until a reply is held; False when it is not in this thread. Raises `NotFound`.

        All replies from that one on are held then: a timeline has no holes.
        """
        message = await self._context.rest.channels.message(self.channel.id, message_id)
        if message.parent_id != self.id:
            return False
        return await self._paging.reach(message, LONG_PAGE)

    def forget(self) -> None:
        """Drop what was fetched, as stale; messages that are being sent stay."""
        self._paging.forget()

    # Doing

    def send(self, text: str, *, temp_id: str | None = None, reply_to_id: str | None = None) -> Sending:
        """Reply in the thread; see `Channel.send`."""
        return self.channel.send(text, temp_id=temp_id, reply_to_id=reply_to_id, parent_id=self.id)

    async def edit(self, message_id: str, text: str) -> None:
        """Change a reply's text, or the root's."""
        await self.channel.edit(message_id, text)

    async def delete(self, message_id: str) -> None:
        """Delete a reply, or the root and with it the thread."""
        await self.channel.delete(message_id)

    async def react(self, message_id: str, name: str) -> None:
        """React to a reply."""
        await self.channel.react(message_id, name)

    async def unreact(self, message_id: str, name: str) -> None:
        """Take a reaction back."""
        await self.channel.unreact(message_id, name)

    async def pin(self, message_id: str, pinned: bool = True) -> None:
        """Pin or unpin a reply."""
        await self.channel.pin(message_id, pinned)

    def typing(self, active: bool = True) -> None:
        """Tell the others that this person types in the thread, or has stopped."""
        self.channel.typing(active, thread_id=self.id)

    def close(self) -> None:
        """The person has left the thread: whoever saw them type sees that end."""
        self.typing(False)

    # What the channel hears

    def changed(self, message: Message, stamp: int) -> None:
        """Take an account of any message of the channel."""
        if message.id == self.id:
            self._take_root(message, stamp)
        self.timeline.changed(message, stamp)

    def deleted(self, message_id: str) -> None:
        """Take a deletion; without its root a thread is gone."""
        if message_id == self.id:
            self.is_gone()
        self.timeline.deleted(message_id)

    def redraw(self, message_id: str) -> None:
        """An own change of a message came or went."""
        if message_id == self.id:
            self._show_root()
        self.timeline.redraw(message_id)

    def is_gone(self) -> None:
        """The root is gone, or the channel is."""
        self._held = None
        self._as_of = self._context.arrivals.next()
        self.forget()
        self.root.set(None)
        self.gone.set(True)

    def look_again(self) -> None:
        """Fetch again what is held: an answer may speak of a message that was deleted meanwhile."""
        self._refetch.ask()

    # Inside

    def _pages_by_message(self) -> bool:
        return self._context.version.value is not None and not self._context.old_dialect

    async def _page(self, skip: int, limit: int, before: str | None) -> Page:
        asked_at = self._context.arrivals.next()
        channels = self._context.rest.channels
        page = await channels.thread(self.channel.id, self.id, skip, limit, before=before)
        replies = [message for message in page if message.id != self.id]
        root = next((message for message in page if message.id == self.id), None)
        if root is not None:
            # Open WebUI leaves the counters at nothing here.
            fields = root.model_fields_set - COUNTERS
            self._take_root(Message.model_construct(_fields_set=fields, **dict(root)), asked_at)
        elif len(replies) < limit:
            # A short page has the root, always: it is gone, or the server does not know where to read on.
            if skip == 0 and before is None:
                raise NotFound(404, "The message that this thread belongs to is gone.")
            return Page([], complete=False, whole=False)
        return Page(replies, complete=root is not None)

    async def _fetch_root(self) -> None:
        asked_at = self._context.arrivals.next()
        root = await self._context.rest.channels.message(self.channel.id, self.id)
        self._own.fetched(self.id, asked_at)
        self._take_root(root, asked_at)

    def _take_root(self, message: Message, stamp: int) -> None:
        if stamp < self._as_of:
            return  # It was asked for before the root was seen to be gone.
        if self._held is None:
            self._held = Held(message, stamp, stamp, self.id)
        else:
            self._held.take(message, stamp)
        self._show_root()

    def _show_root(self) -> None:
        if self._held is not None:
            self.root.set(self._own.shown(self._held.message))
