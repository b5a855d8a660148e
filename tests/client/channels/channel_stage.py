"""A channel of the client on the model of `channel_model`: every request waits for the test to answer it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyio.lowlevel import checkpoint
from tests.client.channels.channel_model import ME, Door, Server
from tests.client.hands import HandClock

from antiphon.client.attention.windows import Windows
from antiphon.client.channels.channel_list import ChannelList
from antiphon.client.channels.reducer import ChannelReducer
from antiphon.client.channels.typing import TypingPeople
from antiphon.client.clock import Delays
from antiphon.client.context import Context
from antiphon.client.link.link import Link, LinkState
from antiphon.client.outbox.outbox import Outbox
from antiphon.client.store import Store
from antiphon.client.tasks import Tasks
from antiphon.wire import (
    ChannelEntry,
    ChannelEnvelope,
    Message,
    MessageCreated,
    MessageDeleted,
    MessageReplied,
    MessageUpdated,
    ReactionAdded,
    Version,
)

TURNS = 30
"""Turns of the loop after which everything that can go on by itself has done so."""

KINDS: dict[str, type[ChannelEnvelope[Any]]] = {
    "created": MessageCreated,
    "changed": MessageUpdated,
    "replied": MessageReplied,
    "reacted": ReactionAdded,
    "deleted": MessageDeleted,
}


def event_of(kind: str, message: Message, temp_id: str | None = None) -> Any:
    """Build the event that tells something of a message."""
    payload = message.dump() | ({"temp_id": temp_id} if kind == "created" else {})
    payload |= {"name": "+1"} if kind == "reacted" else {}
    data = {"type": KINDS[kind].TYPES[0], "data": payload}
    user = message.user.dump() if message.user is not None else None
    return KINDS[kind].load(
        {"channel_id": message.channel_id, "message_id": message.id, "data": data, "user": user}
    )


class Stage:
    """A client's channel part, a server, and the hands on everything between them."""

    def __init__(self, group: asyncio.TaskGroup, release: str = "0.12.4") -> None:
        self.server = Server()
        self.door = Door(self.server)
        self.clock = HandClock()
        self.said: list[dict[str, Any]] = []
        link = Store(Link(LinkState.LIVE, 0.0))
        self.context = Context("", self.door, self.clock, Delays(random=lambda: 0.5), link)  # type: ignore[arg-type]
        self.tasks = self.context.tasks = Tasks(group, self.context.faults)
        self.context.me, self.context.say = ME, self._say
        self.context.version.set(Version(version=release))
        self.asked = 0
        self.list = ChannelList(self._ask)
        self.windows = Windows()
        self.typing = TypingPeople(self.clock, self.context.delays)
        self.outbox = Outbox(self.context)
        self.drafts: list[str] = []
        self.reducer = ChannelReducer(
            self.context,
            self.list,
            self.typing,
            self.windows,
            self.outbox,
            lambda _, message_id: self.drafts.append(message_id),
        )
        self.channel = self.reducer.handle("c")

    def listed(self, *entries: ChannelEntry) -> None:
        """Let the list hold these entries, or the one channel there is."""
        self.list.load(entries or [self.server.entry()], self.context.arrivals.next())

    async def loaded(self) -> None:
        """Let the channel be open."""
        opening = asyncio.ensure_future(self.channel.open())
        await self.answer_all()
        await opening

    def hear(self) -> None:
        """Take every event that the server has told."""
        while self.server.told:
            kind, message, temp_id = self.server.told.popleft()
            self.reducer.apply(event_of(kind, message, temp_id), self.context.arrivals.next())

    async def turn(self) -> None:
        """Let the loop run until nothing moves without us."""
        for _ in range(TURNS):
            await checkpoint()

    async def answer(self, error: Exception | None = None) -> None:
        """Answer the first request: as the server does, or with an error and without effect."""
        await self.turn()
        request = self.door.requests.pop(0)
        if error is None:
            request.work()
            error = request.error
        if request.answer.done():
            pass  # Whoever asked has given up.
        elif error is not None:
            request.answer.set_exception(error)
        else:
            request.answer.set_result(request.result)
        await self.turn()

    async def answer_all(self) -> None:
        """Answer until nobody asks any more."""
        await self.turn()
        while self.door.requests:
            await self.answer()

    def texts(self) -> list[str]:
        """Give the texts that are shown."""
        return [row.message.content for row in self.channel.timeline.rows()]

    def _ask(self) -> None:
        self.asked += 1

    def _say(self, name: str, payload: dict[str, Any]) -> bool:
        self.said.append(payload)
        return True


@asynccontextmanager
async def stage(release: str = "0.12.4") -> AsyncIterator[Stage]:
    """Set a stage; whatever still runs at the end is ended."""
    async with asyncio.TaskGroup() as group:
        stage = Stage(group, release)
        yield stage
        stage.tasks.cancel_all()
        assert not stage.context.faults.count
