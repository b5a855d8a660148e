"""What goes wrong in half an hour, and what five clients do meanwhile: both drawn from one seed.

Times are the test's own: a minute of trouble is a second here (see `SCALE`).
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, fields, replace
from random import Random
from typing import Any

from tests.live.fault_proxy import BOTH, FINE, FaultProxy, Way, Weather
from tests.processes import AntiphonProcess

from antiphon import Client
from antiphon.client.channels.channel import Channel
from antiphon.client.chats.chat import Chat
from antiphon.client.clock import Delays
from antiphon.client.errors import AntiphonError
from antiphon.client.outbox.outbox import Sending

SCALE = 60
"""How much faster the test's time goes."""
PINGS = {"ANTIPHON_WEBSOCKET_PING_INTERVAL": "1", "ANTIPHON_WEBSOCKET_PING_TIMEOUT": "1"}
"""The least that the protocol's library can say: a dead link is noticed after two of the test's minutes."""
_LIMITS = {"connect", "ack", "version", "request", "request_connect"}
_LEAST_LIMIT = 1.5
"""Limits are for the machine's work as well, which goes no faster here."""


def scaled() -> Delays:
    """Give the client's durations in the test's time."""
    delays = Delays()
    values = {
        field.name: value / SCALE
        for field in fields(delays)
        if isinstance(value := getattr(delays, field.name), float)
    }
    return replace(delays, **{n: max(v, _LEAST_LIMIT) if n in _LIMITS else v for n, v in values.items()})


async def moment(when: float) -> None:
    """Wait for a moment of the loop's time."""
    come: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_at(when, lambda: come.done() or come.set_result(None))
    await come


# What goes wrong

_WEATHER: dict[str, Callable[[Random], Weather]] = {
    "half-open": lambda _: Weather(silent=BOTH),
    "nothing arrives": lambda _: Weather(silent=frozenset({Way.UP})),
    "nothing comes back": lambda _: Weather(silent=frozenset({Way.DOWN})),
    "delay": lambda random: Weather(delay=random.uniform(0.02, 0.3)),
    "slow reader": lambda random: Weather(slow=random.uniform(2_000, 20_000)),
    "no websockets": lambda _: Weather(websockets=False),
    "refused": lambda _: Weather(refusing=True),
}
_STROKES: dict[str, Callable[[FaultProxy], None]] = {
    "cut": FaultProxy.cut,
    "truncated": FaultProxy.truncate,
}
FAULTS = (*_WEATHER, *_STROKES)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, in seconds from the start."""

    at: float
    lasts: float
    what: str
    weather: Weather


def faults(random: Random, length: float) -> list[Fault]:
    """Draw what befalls one client. Every kind comes once before any comes again."""
    drawn: list[Fault] = []
    kinds: list[str] = []
    at = random.uniform(0.5, 2)
    while at < length:
        if not kinds:
            kinds = random.sample(FAULTS, len(FAULTS))
        what = kinds.pop()
        weather = _WEATHER[what](random) if what in _WEATHER else FINE
        lasts = min(random.uniform(0.2, 3), length - at) if what in _WEATHER else 0.0
        drawn.append(Fault(at, lasts, what, weather))
        at += lasts + random.uniform(0.2, 2)
    return drawn


async def befall(proxy: FaultProxy, drawn: list[Fault], began: float) -> None:
    """Let all of it happen, one after the other."""
    for fault in drawn:
        await moment(began + fault.at)
        if fault.what in _STROKES:
            _STROKES[fault.what](proxy)
        if fault.what == "no websockets":
            proxy.cut()  # Who has a WebSocket already would not notice.
        if fault.weather is not FINE:
            async with proxy.during(fault.weather):
                await moment(began + fault.at + fault.lasts)


async def power_cuts(server: AntiphonProcess, random: Random, length: float, began: float) -> None:
    """Kill the server twice; it is away for up to a minute and a half."""
    for part in (0.25, 0.65):
        await moment(began + length * random.uniform(part, part + 0.15))
        await asyncio.to_thread(server.kill)
        await moment(asyncio.get_running_loop().time() + random.uniform(0.1, 1.5))
        await asyncio.to_thread(server.start)


# What people do


class Actor:
    """A person at one client, doing what comes to mind."""

    def __init__(self, name: str, client: Client, random: Random) -> None:
        self.name = name
        self.client = client
        self.random = random
        self.sent: defaultdict[str, list[tuple[str, Sending]]] = defaultdict(list)
        self.thrown_away: set[str] = set()
        self.asked: list[str] = []
        self.done: defaultdict[str, int] = defaultdict(int)
        self.refused: defaultdict[str, int] = defaultdict(int)
        self.chat: Chat | None = None
        self._count = 0
        self._doing: set[asyncio.Task[None]] = set()
        self._window = client.open_window()

    @property
    def channels(self) -> list[Channel]:
        """Give the handles of all channels."""
        return [self.client.channel(entry.id) for entry in self.client.channels.value]

    def __repr__(self) -> str:
        link, chat = self.client.link.value, self.chat
        turns = [(turn.role, turn.done, turn.content[-30:]) for turn in chat.turns()[-2:]] if chat else None
        return (
            f"{self.name}: {link.state.value} ({link.reason}), {self.client.unsent} unsent, "
            f"{len(self._doing)} begun, asked {len(self.asked)}, running {chat and chat.running}, {turns}"
        )

    async def live(self, until: float) -> None:
        """Do things until a moment; then finish what was begun."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            for channel in self.channels:
                channel.timeline.subscribe(lambda _: None)
                self._doing.add(group.create_task(self._try("open", _nothing(channel.open()))))
            group.create_task(self._ask_now_and_then(until))
            while loop.time() < until:
                await moment(loop.time() + self.random.uniform(0.05, 0.4))
                work = self._act()
                if work is not None:
                    self._doing.add(group.create_task(work))
                self._doing = {task for task in self._doing if not task.done()}

    def _act(self) -> Coroutine[Any, Any, None] | None:
        """Do what comes to mind; give what takes its time."""
        channel = self.random.choice(self.channels)
        acts: list[tuple[int, Callable[[Channel], Coroutine[Any, Any, None] | None]]] = [
            (10, self._send),
            (2, self._send_scrap),
            (3, self._reply),
            (4, self._edit),
            (4, self._react),
            (2, self._throw_away),
            (3, self._read),
            (1, self._look_back),
            (3, self._type),
        ]
        (act,) = self.random.choices([act for _, act in acts], [weight for weight, _ in acts])
        work = act(channel)
        return None if work is None else self._try(act.__name__, work)

    async def _try(self, what: str, work: Awaitable[None]) -> None:
        """Do what the network may prevent: it is done, or it is said that it was not."""
        try:
            await work
            self.done[what] += 1
        except AntiphonError:
            self.refused[what] += 1

    def _say(self, channel: Channel, kind: str, **more: Any) -> str:
        self._count += 1
        key = f"{self.name}-{kind}-{self._count}"
        self.sent[channel.id].append((key, channel.send(f"{key} says something", **more)))
        self.done["say"] += 1
        return key

    def _send(self, channel: Channel) -> None:
        self._say(channel, "word")

    def _send_scrap(self, channel: Channel) -> None:
        self._say(channel, "scrap")

    def _reply(self, channel: Channel) -> None:
        row = self._pick(channel, "word", own=False)
        if row is not None:
            self._say(channel, "word", reply_to_id=row)

    def _edit(self, channel: Channel) -> Coroutine[Any, Any, None] | None:
        id_ = self._pick(channel, "word", own=True)
        if id_ is None:
            return None
        row = channel.timeline.row(id_)
        assert row is not None
        key = row.message.content.split()[0]
        self._count += 1
        return _nothing(channel.edit(id_, f"{key} says it better {self._count}"))

    def _react(self, channel: Channel) -> Coroutine[Any, Any, None] | None:
        id_ = self._pick(channel, "word", own=False)
        name = self.random.choice(("thumbsup", "heart"))
        act = self.random.choice((channel.react, channel.react, channel.unreact))
        return None if id_ is None else _nothing(act(id_, name))

    def _throw_away(self, channel: Channel) -> Coroutine[Any, Any, None] | None:
        id_ = self._pick(channel, "scrap", own=True)
        if id_ is None:
            return None
        row = channel.timeline.row(id_)
        assert row is not None
        self.thrown_away.add(row.message.content.split()[0])
        return _nothing(channel.delete(id_))

    def _read(self, channel: Channel) -> None:
        self._window.show_channel(channel.id)
        self._window.focus(self.random.random() < 0.5)
        channel.mark_read()

    def _look_back(self, channel: Channel) -> Coroutine[Any, Any, None]:
        return _nothing(channel.load_earlier())

    def _type(self, channel: Channel) -> None:
        channel.typing()

    def _pick(self, channel: Channel, kind: str, *, own: bool) -> str | None:
        """Give the id of a stored message, one of this client's own if wanted."""
        found = [
            row.message.id
            for row in channel.timeline.rows()[-30:]
            if row.state == "confirmed"
            and f"-{kind}-" in row.message.content
            and (not own or row.message.content.startswith(f"{self.name}-"))
        ]
        return self.random.choice(found) if found else None

    async def _ask_now_and_then(self, until: float) -> None:
        """Ask Eliza, the same question again until she has taken it, and hear her out."""
        loop = asyncio.get_running_loop()
        while loop.time() < until:
            await moment(loop.time() + self.random.uniform(0.5, 3))
            await self._ask(f"{self.name} asks question {len(self.asked) + 1}")

    async def _ask(self, text: str) -> None:
        ids = {"message_id": str(uuid.uuid4()), "turn_id": str(uuid.uuid4())}
        self.asked.append(text)
        while True:
            with contextlib.suppress(AntiphonError):
                await self.client.live()
                if self.chat is None:
                    self.chat = await self.client.new_chat(text, "eliza", **ids)
                else:
                    await self.chat.ask(text, "eliza", **ids)
                break
            self.refused["ask"] += 1
            await moment(asyncio.get_running_loop().time() + 0.1)
        self.done["ask"] += 1
        await self.chat.finished()


async def _nothing(work: Awaitable[Any]) -> None:
    await work
