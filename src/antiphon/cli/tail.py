"""`antiphon tail`: live events as JSON lines, and after a break the messages that were missed."""

from __future__ import annotations

import asyncio
import gc
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from antiphon.cli.failures import say
from antiphon.cli.lines import Lines
from antiphon.cli.whose import LinkSpeaker, login_for
from antiphon.client import Client, LinkState
from antiphon.client.bots.every_message import MessageFeed
from antiphon.client.bots.heard import Heard
from antiphon.client.bots.signals import run_until_told
from antiphon.client.channels.finding import find_channel, named
from antiphon.client.errors import AntiphonError, Lagged
from antiphon.client.link.link import Link
from antiphon.wire import ChannelEntry, Event, Malformed, MessageCreated, Unknown
from antiphon.wire.parse import types_known

MESSAGE = "message"
CLOSING = 1.0
"""Seconds for lines that wait for their reader when the command ends."""


def run_tail(server: str | None, channels: Sequence[str], types: Sequence[str], *, quiet: bool) -> int:
    """Print events until Ctrl-C, until the reader goes, or until the session ends; gives the exit code."""
    login = login_for(server)
    known = {kind or name for name, kind in types_known()}
    for kind in types:
        if kind not in known:
            say(f"no event of the type {kind!r} is known; waiting for one all the same")
    told = asyncio.Event()
    gc.enable()  # it may run for months

    async def work() -> int:
        async with Client(login.url, token=login.token) as client:
            return await Tail(client, channels, types, quiet=quiet).run(told)

    return run_until_told(work, told.set)


class Tail:
    """What is printed, and what is said about it."""

    def __init__(self, client: Client, channels: Sequence[str], types: Sequence[str], *, quiet: bool) -> None:
        self._client = client
        self._channels = tuple(channels)
        self._types = frozenset(types)
        self._quiet = quiet
        self._entries: dict[str, ChannelEntry] = {}
        self._checked = False
        self._starved: set[str] = set()
        self._left_out = 0
        self._caught_up: Counter[str] = Counter()
        self._lines = Lines(self._emptied)
        self._feed = MessageFeed(
            client, self._heard, wanted=self._wanted, room=self._room, lost=self._lost_some
        )

    async def run(self, told: asyncio.Event) -> int:
        """Print until told to end; gives the exit code."""
        client = self._client
        speaker = LinkSpeaker(client.url, quiet=self._quiet)
        stream = client.events()
        release = [
            client.channels.subscribe(self._list_changed),
            client.link.subscribe(speaker.changed),
            client.link.subscribe(self._link_changed),
            stream.close,
        ]
        tasks = [
            asyncio.create_task(self._feed.run()),
            asyncio.create_task(self._print(stream)),
            asyncio.create_task(told.wait()),
            asyncio.create_task(self._lines.gone.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            for unsubscribe in release:
                unsubscribe()
            await self._lines.close(CLOSING)
        for end in ends:
            if isinstance(end, Exception) and not isinstance(end, AntiphonError):
                raise end
        link = client.link.value
        if link.state is LinkState.SIGNED_OUT:
            say(f"signed out: {link.reason or 'the token is not known'}; run 'antiphon login {client.url}'")
            return 1
        return 0

    # What is printed

    async def _print(self, stream: Any) -> None:
        """Print every event but the messages, which the feed brings: they are not to be lost."""
        while True:
            try:
                event = await anext(stream)
            except StopAsyncIteration:
                return
            except Lagged as error:
                self._left_out += error.missed
                continue
            if isinstance(event, MessageCreated) or not self._wanted_event(event):
                continue
            if self._lines.room:
                self._put(event, caught_up=False)
            else:
                self._left_out += 1

    def _heard(self, heard: Heard) -> None:
        if self._types and MESSAGE not in self._types:
            return
        if heard.event is not None:
            self._put(heard.event, caught_up=False)
            return
        message = heard.message
        self._caught_up[message.channel_id] += 1
        entry = self._entries.get(message.channel_id)
        envelope = {
            "channel_id": message.channel_id,
            "message_id": message.id,
            "data": {"type": MESSAGE, "data": message.dump()},
            "user": message.user.dump() if message.user is not None else None,
            "channel": {"id": message.channel_id, "name": entry.name if entry is not None else None},
        }
        self._line(MessageCreated.NAME, MESSAGE, envelope, caught_up=True)

    def _put(self, event: Event | Unknown | Malformed, *, caught_up: bool) -> None:
        name = event.NAME if isinstance(event, Event) else event.name
        self._line(name, event.type, event.dump(), caught_up=caught_up)

    def _line(self, name: str, kind: str, payload: Any, *, caught_up: bool) -> None:
        line = {"event": name, "type": kind, "caught_up": caught_up, "payload": payload}
        self._lines.put(json.dumps(line, ensure_ascii=False, separators=(",", ":"), default=str))

    # What is wanted

    def _wanted(self, id_: str, entry: ChannelEntry | None) -> bool:
        if self._types and MESSAGE not in self._types:
            return False
        return self._in_channels(id_, entry)

    def _wanted_event(self, event: Any) -> bool:
        kind = event.type or (event.NAME if isinstance(event, Event) else event.name)
        if self._types and kind not in self._types:
            return False
        if not self._channels:
            return True
        id_ = getattr(event, "channel_id", None)
        return id_ is not None and self._in_channels(id_, self._entries.get(id_))

    def _in_channels(self, id_: str, entry: ChannelEntry | None) -> bool:
        return not self._channels or any(
            name == id_ or (entry is not None and named(entry, name)) for name in self._channels
        )

    def _list_changed(self, entries: tuple[ChannelEntry, ...]) -> None:
        self._entries = {entry.id: entry for entry in entries}

    # What is said

    def _link_changed(self, link: Link) -> None:
        if link.state is not LinkState.LIVE or self._checked:
            return
        self._checked = True
        for name in self._channels:
            try:
                find_channel(self._entries.values(), name)
            except AntiphonError as error:
                say(f"{error}; waiting for it all the same")

    def _room(self, channel_id: str) -> bool:
        if not self._lines.room:
            self._starved.add(channel_id)
        return self._lines.room

    def _emptied(self) -> None:
        if self._left_out:
            say(f"{self._left_out} events were left out because they were not read in time")
            self._left_out = 0
        starved, self._starved = self._starved, set()
        for channel_id in starved:
            self._feed.go_on(channel_id)

    def _lost_some(self, channel_id: str) -> None:
        entry = self._entries.get(channel_id)
        name = entry.name if entry is not None and entry.name else channel_id
        say(f"more was said in {name} during the break than is fetched; older messages are missing")
