"""The receiving side of the load: hundreds of raw connections in one process of its own.

Each socket speaks just enough WebSocket, Engine.IO 4 and Socket.IO 5 to sign in, answer pings and look at
every event (`lines.py`). Nothing is decoded that is not asked for, so that the receiver costs a fraction of
what any server costs to send (`ceiling.py` measures how much it could take). Page streams are plain HTTP
responses that do not end.

Run as `python -m bench.sockets`: commands come as JSON lines on standard input, answers leave the same way
(see `swarm.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from bench.lines import Line, SocketLine, StreamLine, Watch

CONNECTING_AT_ONCE = 20
HEARTBEAT_EVERY = 30.0


class Receiver:
    """All lines of this process, and the commands about them."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.lost: list[int] = []
        self.open = False
        self.watch = Watch()

    async def connect(self, url: str, tokens: list[str]) -> dict[str, Any]:
        """Open one signed-in socket per token; answers with their ids."""
        netloc = urlsplit(url).netloc
        base = len(self.lines)
        new = [SocketLine(self, base + n, netloc, token) for n, token in enumerate(tokens)]
        return {"sids": await self.stand(url, new)}

    async def streams(self, url: str, requests: list[dict[str, Any]]) -> dict[str, Any]:
        """Open a page stream per request (`path`, `headers`); answers with their ids."""
        netloc = urlsplit(url).netloc
        base = len(self.lines)
        new = [StreamLine(self, base + n, netloc, r["path"], r["headers"]) for n, r in enumerate(requests)]
        return {"ids": await self.stand(url, new)}

    async def stand(self, url: str, new: Sequence[Line]) -> list[str]:
        """Connect these lines, a few at a time, and wait until each is ready."""
        parts = urlsplit(url)
        loop = asyncio.get_running_loop()
        self.open = True
        ids: list[str] = []
        for at in range(0, len(new), CONNECTING_AT_ONCE):
            batch = new[at : at + CONNECTING_AT_ONCE]
            for line in batch:
                self.lines.append(line)
                await loop.create_connection(partial(_itself, line), parts.hostname or "", parts.port or 80)
            ids += await asyncio.gather(*(line.ready for line in batch))
        return ids

    def begin(self, needle: str, pattern: str) -> dict[str, Any]:
        """Start to watch for marks; earlier records and counts are dropped."""
        self.watch = Watch(needle, pattern)
        for line in self.lines:
            line.received = line.frames = 0
        return {}

    async def collect(self, count: int, limit: float) -> dict[str, Any]:
        """Wait for `count` marks, at most `limit` seconds, and hand over what was seen."""
        watch = self.watch
        watch.wanted = count
        if len(watch.records) < count:
            with contextlib.suppress(TimeoutError):  # the parent sees that records are missing and says so
                await asyncio.wait_for(watch.reached.wait(), limit)
        return {
            "records": watch.records,
            "bytes": [line.received for line in self.lines],
            "frames": [line.frames for line in self.lines],
            "cpu": time.process_time() - watch.cpu,
            "lost": self.lost,
        }

    def close(self) -> dict[str, Any]:
        """Cut all lines."""
        self.open = False
        for line in self.lines:
            line.close()
        self.lines = []
        self.lost = []
        return {}

    async def beat(self) -> None:
        """The heartbeat each page sends."""
        while True:
            await asyncio.sleep(HEARTBEAT_EVERY)
            for line in self.lines:
                if isinstance(line, SocketLine):
                    line.emit("heartbeat", {})

    async def command(self, text: bytes) -> dict[str, Any]:
        """Carry out one command; a failure becomes an answer with `error`."""
        order = json.loads(text)
        do = order.pop("do")
        try:
            match do:
                case "connect":
                    return await self.connect(**order)
                case "streams":
                    return await self.streams(**order)
                case "begin":
                    return self.begin(**order)
                case "collect":
                    return await self.collect(**order)
                case "close":
                    return self.close()
                case _:
                    return {"error": f"no command {do!r}"}
        except (OSError, ValueError) as error:
            return {"error": f"{type(error).__name__}: {error}"}


def _itself(line: Line) -> Line:
    """The protocol factory of a line that exists already."""
    return line


async def serve() -> None:
    """Read commands until standard input ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    receiver = Receiver()
    beat = asyncio.create_task(receiver.beat())
    try:
        while line := await reader.readline():
            answer = await receiver.command(line)
            sys.stdout.write(json.dumps(answer, separators=(",", ":")) + "\n")
            sys.stdout.flush()
    finally:
        beat.cancel()
        receiver.close()


if __name__ == "__main__":
    asyncio.run(serve())
