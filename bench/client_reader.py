"""One reader of the source's events, in a process of its own: `python -m bench.client_reader KIND URL …`.

`client` is `antiphon.Client` with a subscriber on every channel's timeline; `bare` is a callback of
python-socketio and nothing else. Both are told of a number of messages first, which the client keeps,
and then of those that count. One line of JSON is the answer: events per second between the first and the
last that reached the subscriber, and the resident memory in MiB before and after.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from typing import Any

import aiohttp
import psutil  # type: ignore[import-untyped]  # ships no types
import socketio  # type: ignore[import-untyped]  # ships no types

from bench.client_source import CHANNELS, channel_id

LIMIT = 300.0
PORTION = 10_000
MIB = 1024 * 1024


class Count:
    """Counts what reaches the subscriber, and when the first and the last did."""

    def __init__(self) -> None:
        self.seen = 0
        self.wanted = 0
        self.began = 0.0
        self.ended = 0.0
        self._all = asyncio.Event()

    def take(self, *_: object) -> None:
        """One more."""
        if not self.seen:
            self.began = time.monotonic()
        self.seen += 1
        if self.seen == self.wanted:
            self.ended = time.monotonic()
            self._all.set()

    async def held(self, url: str, count: int) -> None:
        """Let the reader have `count` messages, in portions that the source can hold ready."""
        for first in range(0, count, PORTION):
            await self.of(url, first, min(PORTION, count - first))

    async def of(self, url: str, first: int, count: int) -> dict[str, Any]:
        """Let `count` events be sent, and wait until the last has reached the subscriber."""
        self.seen, self.wanted = 0, count
        self._all.clear()
        cpu = psutil.Process().cpu_times()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LIMIT)) as http:
            async with http.post(f"{url}/bench/send", json={"first": first, "count": count}) as answer:
                source = await answer.json()
            async with asyncio.timeout(LIMIT):
                await self._all.wait()
        used = psutil.Process().cpu_times()
        took = self.ended - self.began
        spent = used.user + used.system - cpu.user - cpu.system
        return {"rate": (count - 1) / took, "cpu": spent / count, "source": source["cpu"] / source["took"]}


def memory() -> float:
    """Resident memory of this process in MiB, after a collection."""
    gc.collect()
    return float(psutil.Process().memory_info().rss) / MIB


async def client(url: str, held: int, count: int) -> dict[str, Any]:
    """Read with our client; all that was told stays held."""
    from antiphon import Client  # noqa: PLC0415 - the bare reader must not pay for it

    counter = Count()
    async with Client(url, token="bench") as one:
        async with asyncio.timeout(30):
            await one.live()
        channels = [one.channel(channel_id(n)) for n in range(CHANNELS)]
        for channel in channels:
            await channel.open()
            channel.timeline.subscribe(counter.take)
        before = memory()
        await counter.held(url, held)
        after = memory()
        result = await counter.of(url, held, count)
        stands = sum(channel.timeline.confirmed() for channel in channels)
        if stands != held + count:
            raise RuntimeError(f"{stands} messages are held, not {held + count}: events were lost")
    return {**result, "before": before, "after": after}


async def bare(url: str, held: int, count: int) -> dict[str, Any]:
    """Read with a callback of python-socketio."""
    counter = Count()
    io = socketio.AsyncClient(reconnection=False)
    io.on("events:channel", counter.take)
    await io.connect(url, auth={"token": "bench"}, transports=["websocket"], socketio_path="/ws/socket.io")
    try:
        before = memory()
        await counter.held(url, held)
        after = memory()
        return {**await counter.of(url, held, count), "before": before, "after": after}
    finally:
        await io.disconnect()


def main() -> None:
    """Read, and print what was found."""
    kind, url, held, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    read = {"client": client, "bare": bare}[kind]
    sys.stdout.write(json.dumps(asyncio.run(read(url, held, count))) + "\n")


if __name__ == "__main__":
    main()
