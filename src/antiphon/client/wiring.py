"""The parts of a client: made together for one person, wired to each other, run and ended together.

Another person gets new parts (W-35): nothing that belonged to the first one can be left in them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from antiphon import wire
from antiphon.client.attention.notifications import Notifier
from antiphon.client.attention.windows import Windows
from antiphon.client.calls.calls import Calls
from antiphon.client.calls.questions import Questions
from antiphon.client.catch_up import CatchUp
from antiphon.client.channels.channel_list import ChannelList
from antiphon.client.channels.reducer import ChannelReducer
from antiphon.client.channels.typing import TypingPeople
from antiphon.client.chats.chat_list import ChatList
from antiphon.client.chats.reducer import ChatReducer
from antiphon.client.context import Context
from antiphon.client.inbox import Answer, Inbox, Received
from antiphon.client.kept.account_file import AccountFile
from antiphon.client.kept.drafts import Drafts
from antiphon.client.kept.storage import Storage
from antiphon.client.link.lifecycle import LifecycleEvent, record
from antiphon.client.link.link import Link, LinkState
from antiphon.client.link.supervisor import Supervisor
from antiphon.client.link.transport import UNREADABLE, Transport
from antiphon.client.listeners import EventListeners
from antiphon.client.outbox.outbox import Outbox
from antiphon.client.stores import Stores
from antiphon.client.tasks import Tasks
from antiphon.wire import Counts

log = logging.getLogger(__name__)


class Parts:
    """Everything that works for one person, and the way of an event through it."""

    def __init__(self, context: Context, stores: Stores, transport: Transport, counts: Counts) -> None:
        self.context = context
        self.stores = stores
        self.counts = counts
        self.inbox = Inbox(context.arrivals)
        self.listeners = EventListeners()
        self.calls = Calls(context)
        self.windows = Windows(stores.windows, context.clock.now)
        self.typing = TypingPeople(context.clock, context.delays, stores.typing)
        self.channel_list = ChannelList(
            lambda: self.catch_up.channel_refetch.ask(),  # noqa: PLW0108 - made below
            stores.channels,
            lambda: not context.ours,
        )
        self.storage = Storage(context, stores.storage)
        self.outbox = Outbox(context, self.channel_list.last_message_at, self.storage, stores.unsent)
        self.drafts = Drafts(context, self.storage, stores.drafts)
        self.chat_list = ChatList(
            lambda: self.catch_up.chat_refetch.ask(),  # noqa: PLW0108 - as above
            stores.chats,
            stores.pinned_chats,
            stores.folders,
        )
        self.catch_up = CatchUp(
            context, self.channel_list, self.chat_list, self.windows, stores.settings, self._fetch_tags
        )
        self.channels = ChannelReducer(
            context,
            self.channel_list,
            self.typing,
            self.windows,
            self.outbox,
            lambda _, message_id: self.drafts.set(("thread", message_id), ""),
        )
        self.chats = ChatReducer(context, self.chat_list, self.windows, self.catch_up.tag_refetch.ask)
        self.catch_up.channels, self.catch_up.chats = self.channels, self.chats
        self.questions = Questions(context, self.windows, self.listeners, stores.questions)
        self.calls.ask, context.chat_gone = self.questions.take, self.questions.chat_gone
        context.refused = self.channels.refused
        self.chats.asking = lambda: self.questions.chat_ids
        self.notifier = Notifier(
            context,
            self.windows,
            self.channel_list,
            self.chats,
            self.chat_list,
            stores.settings,
            self.listeners,
            self._account_file,
        )
        self.supervisor = Supervisor(context, transport, self.arrived, self._catch_up_now)
        context.say, context.ask_catch_up = self.supervisor.say, self.supervisor.ask_catch_up
        context.sid = lambda: self.supervisor.sid
        context.announce = self._announce
        context.faults.ask = self.supervisor.ask_catch_up
        self._release = [
            self.windows.store.subscribe(lambda _: self._looked_around()),
            self.channel_list.store.subscribe(lambda _: self._read_what_is_looked_at()),
            context.link.subscribe(self._link_changed),
            self.windows.store.subscribe(lambda _: self.notifier.windows_changed()),
            *self.chats.attach(),
        ]
        self._root: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._last = LinkState.CLOSED

    # Life

    @property
    def started(self) -> bool:
        """Whether they run."""
        return self._root is not None

    async def start(self) -> None:
        """Begin to keep the link."""
        self.context.rest.http.on_signed_out = self.supervisor.suspect
        ready = asyncio.Event()
        self._root = asyncio.create_task(self._run(ready), name="antiphon:client")
        await ready.wait()
        await self.storage.looked()

    async def close(self, last: LinkState = LinkState.CLOSED) -> None:
        """End everything; the link's state is `last` then."""
        root, self._root = self._root, None
        self._last = last
        self._closing.set()
        if root is not None:
            await asyncio.shield(root)

    async def _run(self, ready: asyncio.Event) -> None:
        """Own all work: one group, whose end is the end of every task."""
        context = self.context
        try:
            async with asyncio.TaskGroup() as group:
                tasks = context.tasks = Tasks(group, context.faults)
                tasks.spawn(self.storage.run(), "storage")
                ready.set()
                tasks.spawn(self.inbox.consume(self._take, self._overflowed, self._stumbled), "inbox")
                tasks.spawn(self.notifier.run(), "notifications")
                if context.token is not None:
                    tasks.spawn(self._keep_link(), "link")
                await self._closing.wait()
                await self._end(
                    self.outbox.finish,
                    self.notifier.close,
                    self.questions.close,
                    self.calls.close,
                    self.channels.reading.close,
                )
                tasks.cancel_all()
        finally:
            ready.set()
            context.tasks = None
            await self._end(
                *self._release,
                self.typing.clear,
                self.outbox.close,
                self.drafts.close,
                self.storage.close,
                self.listeners.close,
                context.rest.close,
                context.faults.close,
            )
            context.link.set(Link(self._last, context.clock.now()))

    async def _end(self, *steps: Callable[[], Awaitable[None] | None]) -> None:
        """End one part after the other; an error in one of them leaves none of the others open."""
        for step in steps:
            try:
                ending = step()
                if ending is not None:
                    await ending
            except Exception as error:  # noqa: BLE001 - the others must end as well
                self.context.faults.report(
                    f"ending ({getattr(step, '__qualname__', 'a subscription')})", error
                )

    async def _keep_link(self) -> None:
        """Keep the link; once signed out, nobody waits for what cannot come."""
        await self.supervisor.run()
        reason = self.context.link.value.reason or "signed out"
        self.typing.clear()
        self.context.user.set(None)
        self.outbox.end(reason)
        self.listeners.end(reason)

    # The way in

    def arrived(self, name: str, payload: Any, answer: Answer | None) -> None:
        """Take what a socket brings. Plain and quick: it only puts into the inbox."""
        if self._closing.is_set():
            return
        try:
            event = self._parse(name, payload)
            if not self.inbox.put(event, answer):
                self.chats.missed()  # What is put after it has a gap before it.
                if answer is not None:
                    self.calls.refuse(answer, "This client is too busy.", event)
        except Exception as error:  # noqa: BLE001 - whatever a server may send must not end the socket's reading
            self.context.faults.report("an event's way in", error)

    def _parse(self, name: str, payload: Any) -> wire.ServerEvent:
        if name != UNREADABLE:
            return wire.parse_event(name, payload)
        log.warning("something came that cannot be read (%s); catching up", payload)
        self.context.faults.repair()
        return wire.Malformed(name, "", None, "it cannot be read")

    def _take(self, received: Received) -> None:
        event = received.event
        self.counts.take(event)
        if received.answer is not None:
            self.calls.take(event, received.answer)
        try:
            self._reduce(event, received.stamp)
        except Exception as error:  # noqa: BLE001 - one event must not stop all others: what it did not change is fetched
            self.context.faults.report(f"taking {type(event).__name__}", error)
        self.listeners.tell(event)
        self.questions.apply(event)
        self.notifier.take(event)

    def _reduce(self, event: wire.ServerEvent, stamp: int) -> None:
        match event:
            case wire.ChannelEnvelope() | wire.ChannelCreated():
                self.channels.apply(event, stamp)
            case wire.ChatEnvelope():
                self.chats.apply(event, stamp)
            case wire.AccessUpdated():
                self.supervisor.access_changed()
            case wire.Unknown() | wire.Malformed():
                log.debug("an event was not understood: %s %s", event.name, event.type)

    def _link_changed(self, link: Link) -> None:
        """What waited for an answer over a link that is gone."""
        if not link.state.joined:
            self.calls.link_lost()
            self.questions.link_lost()
        if self.context.over:
            self.questions.close()

    def _stumbled(self, error: Exception) -> None:
        self.context.faults.report("taking an event", error)

    def _announce(self, event: LifecycleEvent) -> None:
        record(event)
        self.listeners.tell(event)

    def _read_what_is_looked_at(self) -> None:
        """Mark as read what a focused window shows, as soon as it is known to be unread (W-27)."""
        # By windows, not by channels: each message changes the list, and windows are few.
        for window in self.windows.store.value:
            entry = self.channel_list.get(window.channel_id)
            if entry is not None and entry.unread_count and self.windows.looked_at(("channel", entry.id)):
                self.channels.reading.read(entry.id)

    def _looked_around(self) -> None:
        """The person looks at something else: what they leave is read as far as it had come (W-27)."""
        self._read_what_is_looked_at()
        self.channels.reading.left()

    def _overflowed(self, dropped: int) -> None:
        self.chats.missed()
        log.warning("%d events were dropped because too many came at once; catching up", dropped)
        self.context.faults.repair()  # With growing delays, where a flood goes on.

    async def _catch_up_now(self) -> None:
        self.typing.clear()
        self.notifier.catching_up()
        await self.catch_up.run()
        self.notifier.caught_up()
        self.channels.reading.caught_up()

    async def _fetch_tags(self) -> None:
        self.stores.tags.set(tuple(await self.context.rest.chats.tags()))

    async def _account_file(self) -> AccountFile | None:
        """The account's file, while it works; one that is being opened is waited for."""
        return await self.storage.ready()
