"""One channel: its detail, its messages, its threads, and what a person can do in it."""

from __future__ import annotations

from collections.abc import Iterable

from antiphon.client.channels.affairs import ChannelAffairs
from antiphon.client.channels.changing import Changing
from antiphon.client.channels.channel_list import ChannelList
from antiphon.client.channels.optimistic import OwnChanges
from antiphon.client.channels.paging import Page, Paging
from antiphon.client.channels.pinned import PinnedMessages
from antiphon.client.channels.reading import Reading
from antiphon.client.channels.thread import LONG_PAGE, Thread
from antiphon.client.channels.timeline import Timeline
from antiphon.client.channels.typing import OwnTyping
from antiphon.client.context import Context
from antiphon.client.errors import NotFound, Refused
from antiphon.client.handles import Handles
from antiphon.client.outbox.outbox import Outbox, Sending
from antiphon.client.refetch import Refetch
from antiphon.client.rest.channels import PAGE
from antiphon.client.tasks import together
from antiphon.wire import JsonObject, Message

IDLE_THREADS = 20
"""Threads that are kept although nothing uses them."""


class Channel(ChannelAffairs):
    """A handle; `client.channel(id)` gives the same one for the same id."""

    def __init__(
        self,
        id_: str,
        context: Context,
        outbox: Outbox,
        reading: Reading,
        channels: ChannelList | None = None,
    ) -> None:
        super().__init__(id_, context, channels if channels is not None else ChannelList(lambda: None))
        self._own = OwnChanges()
        self.timeline = Timeline(None, self._own)
        self._paging = Paging(self.timeline, context.arrivals, self._page, PAGE, lambda: context.ours)
        self._outbox = outbox
        self._reading = reading
        self._opened = False
        self._own_typing: dict[str | None, OwnTyping] = {}
        self._changing = Changing(context, self._own, self)
        self._pinned: PinnedMessages | None = None
        self._threads: Handles[Thread] = Handles(
            self._make_thread,
            lambda _, thread: thread.followed,
            IDLE_THREADS,
        )
        self._refetch = Refetch(context, self._paging.refresh, "a channel's messages")
        outbox.attach(id_, self.timeline, self._look_again)

    @property
    def followed(self) -> bool:
        """Whether somebody listens to it or to a thread in it, or a message waits to be sent."""
        listeners = self.timeline.subscribers or self.detail.subscribers or self.timeline.unconfirmed
        return bool(listeners or self.followed_threads or (self._pinned and self._pinned.store.subscribers))

    @property
    def wanted(self) -> bool:
        """Whether a catching up has to fetch anything of it: it was opened, though it may hold nothing since
        because the server refused it or could not be reached.
        """
        return self._opened or self.timeline.loaded or any(thread.wanted for thread in self.followed_threads)

    @property
    def followed_threads(self) -> tuple[Thread, ...]:
        """The threads that somebody listens to."""
        return tuple(thread for thread in self._all_threads() if thread.followed)

    # Fetching

    async def open(self) -> None:
        """Fetch the detail and the newest page. Raises `NotFound`, `Refused`, `Unreachable` …

        While somebody listens, catching up goes on trying, and brings back what was refused for a while.
        """
        self._opened = True
        try:
            await self.refresh()
        except (NotFound, Refused):
            self.gone()
            self._list.removed(self.id, self._context.arrivals.next())
            raise

    async def refresh(self) -> None:
        """Fetch again the detail, every page that is held, and the threads that somebody listens to."""
        await together(self.refresh_detail(), self._paging.refresh())
        for thread in self._all_threads():
            if not (thread.followed and thread.wanted):
                thread.forget()
                continue
            try:
                await thread.refresh()
            except (NotFound, Refused):
                thread.is_gone()
        if self._pinned is not None:
            if self._pinned.loaded and self._pinned.store.subscribers:
                await self._pinned.refresh()
            else:
                self._pinned.forget()

    async def load_earlier(self, limit: int = PAGE) -> bool:
        """Fetch an earlier page; give whether there are still earlier messages."""
        return await self._asked(lambda: self._paging.load_earlier(limit))

    async def find(self, message_id: str) -> Thread | None:
        """Fetch until a message is held: in `timeline`, or in the thread that is given back.

        All messages from that one on are held then. Raises `NotFound`, also where it is too far back to be
        held.
        """
        message = await self._context.rest.channels.message(self.id, message_id)
        thread = self.thread(message.parent_id) if message.parent_id is not None else None
        if thread is not None:
            if not thread.timeline.loaded:
                await thread.open()
            found = await thread.reach(message_id)
        else:
            found = await self._paging.reach(message, LONG_PAGE)
        if not found:
            raise NotFound(404, "This message cannot be reached.")
        return thread

    async def data(self, message_id: str) -> JsonObject | None:
        """Give what a message carries beside its text, files for instance.

        0.12.4 says in its lists only that there is something (`message.data` is true); it is fetched then,
        and the row has it from then on.
        """
        message = self.known(message_id)
        if message is not None and not isinstance(message.data, bool):
            return message.data
        if message is not None and not message.data:
            return None
        data = await self._context.rest.channels.data(self.id, message_id)
        if message is not None:
            for timeline in self._timelines():
                timeline.data_fetched(message_id, data, message.updated_at)
        return data

    def known(self, message_id: str) -> Message | None:
        """Give a message that is held, as the server has it."""
        found = (timeline.known(message_id) for timeline in self._timelines())
        return next((message for message in found if message is not None), None)

    def as_of(self, message_id: str) -> int:
        """Give the arrival number of the latest account of a message that is held; else 0."""
        return max(timeline.as_of(message_id) for timeline in self._timelines())

    def forget(self) -> None:
        """Drop what was fetched, as stale; messages that are being sent stay."""
        self._forget_detail()
        self._paging.forget()
        for thread in self._all_threads():
            thread.forget()
        if self._pinned is not None:
            self._pinned.forget()

    def gone(self) -> None:
        """The channel, or our access to it, is gone."""
        self.forget()
        for thread in self._all_threads():
            thread.is_gone()
        super().gone()

    # Threads and pins

    def thread(self, message_id: str) -> Thread:
        """Give the handle of the thread under a message."""
        return self._threads.of(message_id)

    def timeline_of(self, parent_id: str | None) -> Timeline:
        """Give the timeline of the channel (None) or of a thread in it."""
        return self.timeline if parent_id is None else self.thread(parent_id).timeline

    def pinned(self) -> PinnedMessages:
        """Give the list of pinned messages; `open` it first."""
        if self._pinned is None:
            self._pinned = PinnedMessages(self.id, self._context, self._own, self.known)
        return self._pinned

    def refused(self, parent_id: str | None) -> None:
        """The server did not take a message: the channel, or the thread under `parent_id`, may be gone."""
        thread = self._threads.get(parent_id)
        if thread is not None and thread.wanted:
            thread.look_again()
        self.look_after()

    # Messages

    def send(
        self,
        text: str,
        *,
        temp_id: str | None = None,
        reply_to_id: str | None = None,
        parent_id: str | None = None,
    ) -> Sending:
        """Send a message: shown at once as pending, posted in order, tried again until the server has
        answered. `parent_id`: in the thread under that message.

        A repeated call with the same `temp_id` gives the first call's `Sending` and sends nothing.
        """
        own = self._own_typing.get(parent_id)
        if own is not None:
            own.sent()
        return self._outbox.send(
            self.id,
            self.timeline_of(parent_id),
            text,
            temp_id=temp_id,
            reply_to_id=reply_to_id,
            parent_id=parent_id,
            look_again=self._look_again if parent_id is None else self.thread(parent_id).look_again,
        )

    def retry(self, temp_id: str) -> None:
        """Send a failed message again."""
        self._outbox.retry(temp_id)

    def discard(self, temp_id: str) -> None:
        """Give up a message that was not sent."""
        self._outbox.discard(temp_id)

    async def edit(self, message_id: str, text: str) -> None:
        """Change a message's text: at once here, and back again if the server refuses. Raises its error."""
        await self._changing.edit(message_id, text)

    async def delete(self, message_id: str) -> None:
        """Delete a message, and back again if the server refuses."""
        await self._changing.delete(message_id)

    async def react(self, message_id: str, name: str) -> None:
        """React to a message, and back again if the server refuses."""
        await self._changing.react(message_id, name, True)

    async def unreact(self, message_id: str, name: str) -> None:
        """Take a reaction back, and back again if the server refuses."""
        await self._changing.react(message_id, name, False)

    async def pin(self, message_id: str, pinned: bool = True) -> None:
        """Pin or unpin a message, and back again if the server refuses."""
        await self._changing.pin(message_id, pinned)

    def typing(self, active: bool = True, *, thread_id: str | None = None) -> None:
        """Tell the others that this person types, or has stopped; call it on every key."""
        own = self._own_typing.get(thread_id)
        if own is None:
            if not active:
                return
            own = OwnTyping(
                self._context.clock, self._context.delays, lambda on: self._say_typing(on, thread_id)
            )
            self._own_typing[thread_id] = own
        own.sign(active)

    def mark_read(self) -> None:
        """This person has read everything in the channel."""
        self._reading.read(self.id)

    # What the reducer tells

    def created(self, message: Message, stamp: int) -> None:
        """Take a new message of the channel, or of a thread in it."""
        for timeline in self._timelines():
            timeline.created(message, stamp)

    def heard(self, message: Message, stamp: int) -> None:
        """Take an event about a message."""
        self._own.heard(message, stamp)
        self.changed(message, stamp)

    def changed(self, message: Message, stamp: int) -> None:
        """Take an account of a message, wherever it stands."""
        self.timeline.changed(message, stamp)
        for place in self._places():
            place.changed(message, stamp)

    def fetched(self, message: Message, asked_at: int) -> None:
        """Take a message that was asked for by itself."""
        self._own.fetched(message.id, asked_at)
        self.changed(message, asked_at)

    def deleted(self, message_id: str) -> None:
        """Take a deletion, wherever the message stands."""
        self._own.gone(message_id)
        self.timeline.deleted(message_id)
        for place in self._places():
            place.deleted(message_id)

    def redraw(self, message_id: str) -> None:
        """An own change of a message came or went."""
        self.timeline.redraw(message_id)
        for place in self._places():
            place.redraw(message_id)

    # Inside

    async def _page(self, skip: int, limit: int, before: str | None) -> Page:
        page = await self._context.rest.channels.messages(self.id, skip, limit, before=before)
        return Page(page, complete=len(page) < limit)

    def _make_thread(self, root: str) -> Thread:
        thread = Thread(root, self, self._context, self._own)
        self._outbox.attach(self.id, thread.timeline, thread.look_again)
        return thread

    def _all_threads(self) -> tuple[Thread, ...]:
        return tuple(thread for _, thread in self._threads.items())

    def _places(self) -> Iterable[Thread | PinnedMessages]:
        threads = self._all_threads()
        return threads if self._pinned is None else (*threads, self._pinned)

    def _timelines(self) -> Iterable[Timeline]:
        return (self.timeline, *(thread.timeline for thread in self._all_threads()))

    def _look_again(self) -> None:
        # A method, so that the outbox keeps this handle for as long as it keeps a message of it.
        self._refetch.ask()

    def _say_typing(self, active: bool, thread_id: str | None) -> bool:
        data = {"type": "typing", "data": {"typing": active}}
        return self._context.say(
            "events:channel", {"channel_id": self.id, "message_id": thread_id, "data": data}
        )
