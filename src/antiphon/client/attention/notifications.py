"""From events to notifications: gathers what the rule looks at, claims, and delivers each once (W-57 … W-59).

Taking an event is plain and quick. Claiming needs the disk, so it has a task of its own; the order stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from antiphon import wire
from antiphon.client.attention.attention import (
    Chime,
    Notification,
    Outcome,
    Seen,
    Situation,
    decide,
    unfinished_reply,
)
from antiphon.client.attention.claims import Claims, Granted, Wish, in_process
from antiphon.client.attention.missed import Missed, MissedThing, summary
from antiphon.client.attention.pace import Pace
from antiphon.client.attention.windows import Place, Windows
from antiphon.client.channels.channel_list import ChannelList
from antiphon.client.chats.chat_list import ChatList
from antiphon.client.chats.reducer import ChatReducer
from antiphon.client.clock import Cancel
from antiphon.client.context import Context
from antiphon.client.kept.account_file import AccountFile
from antiphon.client.listeners import EventListeners
from antiphon.client.store import Store
from antiphon.wire import UserSettings

log = logging.getLogger(__name__)

T = TypeVar("T")

WAITING = 5_000
"""Events that may wait to be claimed; a disk that is that slow must not fill the memory."""
AT_ONCE = 200
"""Events that are claimed in one go."""
REMEMBERED = 500
"""Unfinished replies of models, and notices, that are remembered."""

_KINDS = (
    wire.MessageCreated,
    wire.MessageUpdated,
    wire.Completion,
    wire.TurnFailed,
    wire.Notification,
    wire.CalendarAlert,
)


@dataclass(slots=True)
class _Waiting:
    """What is to be told once it is claimed: one thing, or what was missed."""

    wish: Wish
    what: Notification | Chime | MissedThing | None = None


class Notifier:
    """One for each client. `take` every event after the reducers, and let `run` run."""

    def __init__(
        self,
        context: Context,
        windows: Windows,
        channels: ChannelList,
        chats: ChatReducer,
        chat_list: ChatList,
        settings: Store[UserSettings],
        listeners: EventListeners,
        file: Callable[[], Awaitable[AccountFile | None]],
    ) -> None:
        self.missed = Missed(channels, chats, windows)
        self._context = context
        self._windows = windows
        self._channels = channels
        self._chats = chats
        self._chat_list = chat_list
        self._settings = settings
        self._listeners = listeners
        self._file = file
        self._pace = Pace(context.clock, self._deliver)
        self._waiting: deque[_Waiting] = deque()
        self._last_call: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._timers: set[Cancel] = set()
        self._unfinished: OrderedDict[str, None] = OrderedDict()
        self._notices: OrderedDict[str, int] = OrderedDict()
        self._claims: Claims | None = None
        self._ranked = 0.0
        self.dropped = 0

    @property
    def timers(self) -> int:
        """How many timers run."""
        return len(self._timers) + self._pace.timers

    # The way in

    def take(self, event: object) -> None:
        """Look at an event; what it means is told a moment later."""
        if not isinstance(event, _KINDS):
            return
        awaited = self._awaited(event)
        self.missed.heard(event, self._context.user_id)
        wanted = self._wanted
        attended = self._windows.places(attended=True)
        if not wanted and not attended:
            return
        outcome = decide(event, self._situation(event, attended, awaited))
        if isinstance(outcome, Notification | Chime) and not wanted:
            return
        if isinstance(outcome, Notification) and outcome.kind == "notice":
            outcome = self._numbered(outcome)
        wish = _wish(event, outcome)
        if wish is not None:
            self._put(_Waiting(wish, None if isinstance(outcome, Seen) else outcome))

    def catching_up(self) -> None:
        """What may have been missed is about to be fetched."""
        self.missed.before()

    def caught_up(self) -> None:
        """It was fetched: one notification tells of all that was missed, of nothing that was there before."""
        things = self.missed.after()
        if self._wanted:
            for thing in things:
                self._put(_Waiting(thing.wish, thing))

    def windows_changed(self) -> None:
        """Another window may be the one that the person looks at: other processes are to know."""
        if self._looked_at() != self._ranked:
            self._wake.set()

    @property
    def _wanted(self) -> bool:
        return self._listeners.wants(Notification) or self._listeners.wants(Chime)

    def _awaited(self, event: object) -> bool:
        """Remember a model's reply that is being written; tell whether this is the end of one."""
        if not isinstance(event, wire.MessageCreated | wire.MessageUpdated):
            return False
        id_ = event.payload.id
        if unfinished_reply(event.payload):
            _remember(self._unfinished, id_, None)
            return False
        return self._unfinished.pop(id_, id_) is None

    def _situation(self, event: object, attended: frozenset[Place], awaited: bool) -> Situation:
        config = self._context.config.value
        now = Situation(
            me=self._context.user_id,
            settings=self._settings.value,
            attended=attended,
            shown=self._windows.places(attended=False),
            source=config.name or "" if config is not None else "",
            awaited=awaited,
        )
        if isinstance(event, wire.MessageCreated | wire.MessageUpdated):
            channel = self._channels.get(event.channel_id)
            return replace(now, channel=channel, known_until=self.missed.known_until(event.channel_id))
        chat_id = getattr(event, "chat_id", None)
        if chat_id is None:
            return now
        handle = self._chats.handles.get(chat_id)
        entry = self._chat_list.get(chat_id)
        title = handle.title if handle is not None else entry.title if entry is not None else ""
        answer = ""
        if handle is not None and isinstance(event, wire.Completion):
            turns = {turn.id: turn for turn in handle.turns()}
            turn = turns.get(event.message_id or "")
            answer = turn.content if turn is not None else ""
        return replace(now, held=handle is not None, chat_title=title, answer=answer)

    def _numbered(self, notice: Notification) -> Notification:
        """Tell the same notice from its repetition: its event has no id of its own."""
        number = self._notices.get(notice.id, 0) + 1
        _remember(self._notices, notice.id, number)
        return replace(notice, id=f"{notice.id}:{number}")

    def _put(self, waiting: _Waiting) -> None:
        if len(self._waiting) >= WAITING:
            if not self.dropped:
                log.warning("too many notifications wait for the account's file; further ones are left out")
            self.dropped += 1
            return
        self._waiting.append(waiting)
        self._wake.set()

    # The way out

    async def run(self) -> None:
        """Claim and deliver, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._work_off()
            except Exception as error:  # noqa: BLE001 - what is wrong with one must not silence all others
                self._context.faults.report("telling notifications", error)
                self._wake.set()
            self.dropped = 0

    async def _work_off(self) -> None:
        if self._looked_at() != self._ranked and self._context.user_id is not None:
            self._ranked = self._looked_at()
            await self._own_claims().rank(self._ranked)
        while self._last_call or self._waiting:
            last_call = bool(self._last_call)
            source = self._last_call if last_call else self._waiting
            batch = [source.popleft() for _ in range(min(len(source), AT_ONCE))]
            await self._claim(batch, last_call=last_call)

    async def close(self) -> None:
        """End the timers and let other processes come first."""
        self._pace.close()
        timers, self._timers = self._timers, set()
        for cancel in timers:
            cancel()
        self._waiting.clear()
        if self._claims is not None:
            await self._claims.rank(0.0)

    async def _claim(self, batch: list[_Waiting], *, last_call: bool) -> None:
        wishes = [waiting.wish for waiting in batch]
        granted = await self._own_claims().claim(wishes, self._looked_at(), last_call=last_call)
        missed: list[MissedThing] = []
        later: list[_Waiting] = []
        for waiting in batch:
            id_, what = waiting.wish.id, waiting.what
            if id_ in granted.waiting:
                later.append(waiting)
            if what is None or id_ not in granted.sounds:
                continue
            if isinstance(what, MissedThing):
                missed.append(what)
            else:
                self._tell(what, granted.sounds.pop(id_))
        if missed:
            self._tell_missed(missed, granted)
        if later:
            self._defer(later)

    def _own_claims(self) -> Claims:
        if self._claims is None:
            here = in_process(self._context.url, self._context.user_id or "")
            self._claims = Claims(here, self._file, self._context.clock.now)
        return self._claims

    def _defer(self, batch: list[_Waiting]) -> None:
        def due() -> None:
            self._timers.discard(cancel)
            self._last_call.extend(batch)
            self._wake.set()

        cancel = self._context.clock.call_later(self._context.delays.attention, due)
        self._timers.add(cancel)

    def _looked_at(self) -> float:
        """When a window was looked at last; nobody waits for a process that tells nothing."""
        window = self._windows.foremost() if self._wanted else None
        return window.attended_at if window is not None else 0.0

    def _tell(self, what: Notification | Chime, sound: bool) -> None:
        if isinstance(what, Notification):
            self._pace.take(replace(what, sound=sound))
        elif sound:
            self._listeners.tell(replace(what, window=self._windows.foremost()))

    def _tell_missed(self, things: list[MissedThing], granted: Granted) -> None:
        settings, config = self._settings.value, self._context.config.value
        sound = any(granted.sounds.get(thing.wish.id, False) for thing in things)
        told = summary(things, settings, config.name or "" if config is not None else "")
        self._pace.take(replace(told, sound=told.sound and sound))

    def _deliver(self, notification: Notification) -> None:
        self._listeners.tell(replace(notification, window=self._windows.foremost()))


def _wish(event: object, outcome: Outcome) -> Wish | None:
    """What to claim for an outcome; a message is known in any case, so that nobody tells it as missed."""
    place, until = None, 0
    if isinstance(event, wire.MessageCreated):
        place, until = event.channel_id, event.payload.created_at
    match outcome:
        case Notification():
            return Wish(outcome.id, sound=outcome.sound, place=place, until=until)
        case Chime():
            return Wish(outcome.id, sound=True)
        case Seen():
            return Wish(outcome.id, seen=True, place=place, until=until)
    return Wish("", place=place, until=until) if place is not None else None


def _remember(kept: OrderedDict[str, T], key: str, value: T) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)
