"""The client: how long it takes from the moment the network is back until its state is the server's."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Self

from antiphon import Client
from antiphon.client import LinkState
from bench.accounts import Accounts, Person
from bench.failure import BenchError
from bench.scenario import Figure, Sizes, Subject
from bench.swarm import Swarm


class Network:
    """The way between a client and a server, which can be away: refused, and every connection cut."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """The address for the client."""
        return f"http://127.0.0.1:{self.port}"

    async def up(self) -> None:
        """Let everything through."""
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def down(self) -> None:
        """Cut everything, and let nothing through."""
        if self._server is not None:
            self._server.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served by a task")
        self._tasks.add(task)
        ends = [writer]
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self._target)
            ends.append(forth)
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, forth))
                group.create_task(_copy(back, writer))
        except* (OSError, asyncio.CancelledError):
            pass  # a connection that ends is what this is for
        finally:
            self._tasks.discard(task)
            for end in ends:
                end.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()


class ClientReturn:
    """The network goes, something is said in every channel, the network comes back."""

    name = "return"
    title = "The client: the network comes back"
    needs_server = True

    def __init__(self) -> None:
        self._number = count(1)

    def figures(self, sizes: Sizes) -> Sequence[Figure]:
        """By how many of the channels somebody looks at or listens to."""
        total = sizes.return_channels
        return (
            Figure("one", f"Client: network back to equal state, {total} channels, one open", "ms", aim=1000),
            Figure("all", f"Client: network back to equal state, {total} channels, all open", "ms", aim=1000),
        )

    def runs(self, sizes: Sizes) -> int:
        """Each run is one outage for each line."""
        return sizes.return_runs

    async def once(self, subject: Subject, sizes: Sizes, swarm: Swarm) -> Mapping[str, float]:
        """One outage with one channel open, one with all."""
        people = subject.people()
        channels = [await people.channel(f"return-{n:03d}") for n in range(sizes.return_channels)]
        port = int(subject.running().url.rsplit(":", 1)[1])
        return {
            "one": await self._outage(people, port, channels, 1, sizes.limit),
            "all": await self._outage(people, port, channels, len(channels), sizes.limit),
        }

    async def _outage(
        self, people: Accounts, port: int, channels: Sequence[str], followed: int, limit: float
    ) -> float:
        author, reader = people.people[0], people.people[1]
        with tempfile.TemporaryDirectory(prefix="antiphon-bench-return-") as folder:
            async with (
                Network(port) as network,
                Client(network.url, token=reader.token, data_dir=Path(folder)) as client,
            ):
                await client.live()
                handles = [client.channel(id_) for id_ in channels[:followed]]
                for handle in handles:
                    handle.timeline.subscribe(lambda _: None)
                    await handle.open()
                client.open_window().show_channel(channels[0])
                await network.down()
                said = {id_: f"said while nobody could hear it, {next(self._number)}" for id_ in channels}
                for id_, text in said.items():
                    await people.post(author, id_, text)
                async with asyncio.timeout(limit):
                    await _until(client, LinkState.WAITING)
                    began = time.monotonic()
                    await network.up()
                    client.reconnect()  # as whoever watches the network for the client does
                    await _until(client, LinkState.LIVE)
                took = time.monotonic() - began
                for handle in handles:
                    newest = handle.timeline.newest()
                    if newest is None or newest.content != said[handle.id]:
                        raise BenchError("the client is live and lacks what was said")
                await _require_equal(client, people, reader)
        return 1000 * took


async def _until(client: Client, state: LinkState) -> None:
    """Wait for a state of the link."""
    come = asyncio.Event()
    unsubscribe = client.link.subscribe(lambda link: come.set() if link.state is state else None)
    try:
        await come.wait()
    finally:
        unsubscribe()


async def _require_equal(client: Client, people: Accounts, reader: Person) -> None:
    """Compare the client's list with the server's."""
    fetched = await people.rest(reader).get("/api/v1/channels/")
    server = {one["id"]: (one["unread_count"], one["last_message_at"]) for one in fetched}
    held = {entry.id: (entry.unread_count, entry.last_message_at) for entry in client.channels.value}
    if held != server:
        wrong = [id_ for id_ in server if held.get(id_) != server[id_]]
        raise BenchError(f"the client is live and its list is not the server's: {len(wrong)} channels differ")
