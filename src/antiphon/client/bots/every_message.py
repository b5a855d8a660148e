"""Every message of the channels, once and in order: live, and after a break those that came meanwhile.

Events alone lose what is said while the link is down. So each channel has a mark of how far it was heard; as
long as the link is not live, events are held back, and when it is live again everything since the mark is
fetched, in the channel and in its threads, and told before what was held back. The same is done for a channel
in which whoever listens has fallen behind: what has no room now is fetched when there is some.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable

from antiphon.client.bots import missed
from antiphon.client.bots.heard import Heard, Mark
from antiphon.client.channels.message_merge import plain
from antiphon.client.client import Client
from antiphon.client.errors import AntiphonError, NotFound, Refused, passing
from antiphon.client.link.backoff import Backoff
from antiphon.client.link.link import Link, LinkState
from antiphon.wire import ChannelDeleted, ChannelEntry, Message, MessageCreated

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Channels that are fetched at a time."""
MOST_HELD = 1_000
"""Events of one channel that are held back; further ones are fetched instead."""
MOST_ROOTS = 20
"""Threads of one channel that are looked into after a break because something was heard in them."""
MOST_LEFT = 1_000
"""Channels that are gone whose marks are kept, in case they come back."""
SETTLING = 1.0
"""Seconds until the rooms of a channel that is new to us have surely been joined."""


class _Ear:
    """What is known of one channel."""

    def __init__(self, id_: str, mark: Mark | None, *, joined_late: bool) -> None:
        self.id = id_
        self.mark = mark  # None: nothing has been fetched yet, and what stands there now is old
        self.behind = True
        self.working = False
        self.again = False
        self.joined_late = joined_late
        self.held: dict[str, MessageCreated] = {}
        self.roots: OrderedDict[str, None] = OrderedDict()

    def hold(self, event: MessageCreated) -> None:
        """Keep a live message until what was missed has been told; what does not fit is fetched."""
        if len(self.held) < MOST_HELD:
            self.held[event.payload.id] = event
        else:
            self.again = True


class MessageFeed:
    """Tells `take` of each message of the wanted channels, own ones too; `run` does the work.

    `wanted(id, entry)` chooses channels (the entry is None as long as the list does not know the channel);
    `room(id)` says whether another message of a channel can be taken now, and `go_on(id)` that there is room
    again. `history` messages of each channel are told at the start, before any live one. `lost(id)` hears of
    a channel in which more was missed than is fetched.
    """

    def __init__(
        self,
        client: Client,
        take: Callable[[Heard], None],
        *,
        wanted: Callable[[str, ChannelEntry | None], bool] = lambda id_, entry: True,
        room: Callable[[str], bool] = lambda id_: True,
        lost: Callable[[str], None] = lambda id_: None,
        history: int = 0,
    ) -> None:
        self._client = client
        self._take = take
        self._wanted = wanted
        self._room = room
        self._lost = lost
        self._history = history
        self._ears: dict[str, _Ear] = {}
        self._left: OrderedDict[str, Mark] = OrderedDict()
        self._entries: dict[str, ChannelEntry] = {}
        self._listed = False  # whether the list of channels has been seen
        self._began = 0  # the newest moment (ns, the server's) that was known when it was
        self._live = False
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()
        self.ready = asyncio.Event()
        """Set once every channel that there was at the start is listened to."""

    async def run(self) -> None:
        """Listen until the client is signed out or closed. The client must have been started."""
        client = self._client
        async with asyncio.TaskGroup() as group:
            self._group = group
            release = [
                client.on(MessageCreated, self._heard),
                client.on(ChannelDeleted, lambda event: self._forget(event.channel_id)),
                client.channels.subscribe(self._list_changed),
                client.link.subscribe(self._link_changed),
            ]
            try:
                await self._over.wait()
            finally:
                for unsubscribe in release:
                    unsubscribe()
                self._group = None
                for task in tuple(self._tasks):
                    task.cancel()

    def go_on(self, channel_id: str) -> None:
        """There is room again for the messages of a channel."""
        ear = self._ears.get(channel_id)
        if ear is not None and ear.behind:
            self._work_on(ear)

    # What the client tells

    def _link_changed(self, link: Link) -> None:
        if link.state in {LinkState.SIGNED_OUT, LinkState.CLOSED}:
            self._over.set()
        live = link.state is LinkState.LIVE
        if live and not self._live:
            self._live = True
            self._see_list()
            for ear in tuple(self._ears.values()):
                self._work_on(ear)
            self._look_ready()
        elif not live and self._live:
            self._live = False
            for ear in self._ears.values():
                ear.behind = ear.again = True

    def _list_changed(self, entries: tuple[ChannelEntry, ...]) -> None:
        before, self._entries = self._entries.keys(), {entry.id: entry for entry in entries}
        if not entries:
            return
        if self._listed:
            for id_ in self._entries.keys() - before:
                if (ear := self._ears.get(id_)) is not None:
                    ear.behind = ear.again = ear.joined_late = True  # It was away for a while.
                    self._work_on(ear)
        self._see_list()

    def _see_list(self) -> None:
        """Begin to listen in channels that are new; those of the first list are old, with all they hold."""
        first, self._listed = not self._listed, True
        if first:
            now = int(self._client.clock.now() * 1e9)
            self._began = max((_newest_in(entry) for entry in self._entries.values()), default=now)
        for id_ in self._entries.keys() - self._ears.keys():
            self._begin(id_, first=first)

    def _begin(self, id_: str, *, first: bool) -> _Ear:
        entry = self._entries.get(id_)
        # One that was made after we had begun is ours from its first message on; an older one, to which we
        # were let in, from now on.
        made_since = not first and entry is not None and entry.created_at > self._began
        mark = self._left.pop(id_, None) or (Mark() if made_since else None)
        ear = self._ears[id_] = _Ear(id_, mark, joined_late=not first)
        if self._live:
            self._work_on(ear)
        return ear

    def _heard(self, event: MessageCreated) -> None:
        if not self._wanted(event.channel_id, self._entries.get(event.channel_id)):
            return
        ear = self._ears.get(event.channel_id) or self._begin(event.channel_id, first=not self._listed)
        if ear.behind:
            ear.hold(event)
        elif self._room(ear.id):
            self._tell(ear, _live(event))
        else:
            ear.behind = True  # Not told, so not marked: it is fetched when there is room.

    def _tell(self, ear: _Ear, heard: Heard) -> None:
        message = heard.message
        mark = ear.mark = ear.mark or Mark(message.created_at - 1)
        if mark.known(message.id):
            return
        mark.note(message)
        if message.parent_id is not None:
            ear.roots[message.parent_id] = None
            ear.roots.move_to_end(message.parent_id)
            if len(ear.roots) > MOST_ROOTS:
                ear.roots.popitem(last=False)
        self._take(heard)

    # What was missed

    def _work_on(self, ear: _Ear) -> None:
        if not ear.working and self._live and self._group is not None:
            ear.working = True
            task = self._group.create_task(self._catch_up(ear), name="antiphon:missed messages")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _catch_up(self, ear: _Ear) -> None:
        """Fetch and tell what a channel has missed, until nothing is missing or the link is lost."""
        delays = self._client.delays
        backoff = Backoff(delays.retry_first, delays.retry_most, delays.random)
        try:
            while ear.behind and self._live and (ear.mark is None or self._room(ear.id)):
                ear.again = False
                if not self._wanted(ear.id, self._entries.get(ear.id)):
                    ear.behind = False
                    return
                try:
                    async with self._slots:
                        await self._fetch(ear)
                except (NotFound, Refused):
                    self._forget(ear.id)
                    return
                except AntiphonError as error:
                    if not passing(error):
                        log.warning("missed messages could not be fetched: %s", type(error).__name__)
                        self._lost(ear.id)
                        self._tell_held(ear)
                        ear.behind = ear.again
                        continue
                    log.info("missed messages could not be fetched: %s", type(error).__name__)
                    await self._client.clock.sleep(backoff.next())
                else:
                    ear.behind = ear.again or not self._live
        finally:
            ear.working = False
            if self._live and ear.behind and self._room(ear.id) and ear.id in self._ears:
                self._work_on(ear)  # The link came back while this was ending.
            self._look_ready()
        if ear.joined_late and self._live:
            # What was said between the list and our entering its room came without an event.
            ear.joined_late = False
            await self._client.clock.sleep(SETTLING)
            ear.behind = ear.again = True
            self._work_on(ear)

    async def _fetch(self, ear: _Ear) -> None:
        channels = self._client.rest.channels
        if ear.mark is None:
            page = await missed.newest(channels, ear.id, self._history)
            old = [one for one in page if one.id not in ear.held]
            ear.mark = Mark(max((_moment(one) for one in old), default=0))
            history = old[: self._history][::-1] if self._history and not ear.joined_late else []
            found = [Heard(one, "history") for one in history]
        else:
            walk = await missed.since(channels, ear.id, ear.mark.floor, tuple(ear.roots))
            if not walk.complete:
                log.warning("more was missed in a channel than is fetched; what is older is left out")
                self._lost(ear.id)
            fresh = [one for one in walk.messages.values() if not ear.mark.heard(one)]
            found = [Heard(one, "missed") for one in fresh]
        self._tell_held(ear, found)

    def _tell_held(self, ear: _Ear, found: Iterable[Heard] = ()) -> None:
        """Tell what was found and what was held back, in the order of the server."""
        told = {one.message.id: one for one in found}
        told |= {id_: _live(event) for id_, event in ear.held.items()}
        ear.held.clear()
        for heard in sorted(told.values(), key=lambda one: (one.message.created_at, one.message.id)):
            self._tell(ear, heard)

    def _forget(self, channel_id: str) -> None:
        """The channel, or our access to it, is gone; if it comes back, nothing is told twice."""
        ear = self._ears.pop(channel_id, None)
        if ear is not None:
            ear.behind = False
            if ear.mark is not None:
                self._left[channel_id] = ear.mark
                if len(self._left) > MOST_LEFT:
                    self._left.popitem(last=False)

    def _look_ready(self) -> None:
        if self._live and not any(ear.behind and ear.mark is None for ear in self._ears.values()):
            self.ready.set()


def _live(event: MessageCreated) -> Heard:
    return Heard(plain(event.payload), "live", event)


def _moment(message: Message) -> int:
    return max(message.created_at, message.latest_reply_at or 0)


def _newest_in(entry: ChannelEntry) -> int:
    return max(entry.created_at, entry.updated_at, entry.last_message_at or 0)
