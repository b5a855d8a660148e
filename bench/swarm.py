"""The bench's handle on the receiving process (`sockets.py`): open lines, watch marks, collect arrivals."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bench.failure import BenchError

ROOT = Path(__file__).resolve().parent.parent
ANSWER_LIMIT = 120.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A mark that reached a line. `at` is in seconds of the monotonic clock, the same in every process."""

    line: int
    mark: str
    at: float


@dataclass(frozen=True, slots=True)
class Collected:
    """What arrived since `watch`. `cpu` is the receiver's own, in seconds; bytes and frames are per line."""

    arrivals: list[Arrival]
    received: list[int]
    frames: list[int]
    cpu: float


class Swarm:
    """One receiving process. Used as a context manager; ends its process."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.sockets",
            cwd=ROOT,
            start_new_session=True,  # Ctrl-C is for the bench, which ends what it has started
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 26,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _ask(self, do: str, **order: object) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise RuntimeError("the receiving process is not running")
        process.stdin.write(json.dumps({"do": do, **order}).encode() + b"\n")
        await process.stdin.drain()
        try:
            line = await asyncio.wait_for(process.stdout.readline(), ANSWER_LIMIT)
        except TimeoutError:
            raise BenchError(
                f"the receiving process did not answer {do} within {ANSWER_LIMIT:.0f} s"
            ) from None
        if not line:
            raise BenchError("the receiving process ended; its error is above")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchError(f"{do}: {answer['error']}")
        return answer

    @asynccontextmanager
    async def sockets(self, url: str, tokens: Sequence[str]) -> AsyncIterator[list[str]]:
        """One signed-in Socket.IO connection per token, open for the block; gives their ids."""
        try:
            answer = await self._ask("connect", url=url, tokens=list(tokens))
            yield list(answer["sids"])
        finally:
            await self._ask("close")

    @asynccontextmanager
    async def streams(
        self, url: str, requests: Sequence[tuple[str, dict[str, str]]]
    ) -> AsyncIterator[list[str]]:
        """One open page stream per (path, headers) for the block; gives the streams' ids."""
        try:
            asked = [{"path": path, "headers": headers} for path, headers in requests]
            answer = await self._ask("streams", url=url, requests=asked)
            yield list(answer["ids"])
        finally:
            await self._ask("close")

    async def watch(self, needle: str, pattern: str) -> None:
        """From now on record events that contain `needle`; the mark is the first group of `pattern`."""
        await self._ask("begin", needle=needle, pattern=pattern)

    async def collect(self, count: int, limit: float) -> Collected:
        """Wait for `count` marks; raises BenchError when some are missing after `limit` seconds."""
        answer = await self._ask("collect", count=count, limit=limit)
        arrivals = [Arrival(line, mark, at / 1e9) for line, mark, at in answer["records"]]
        if len(arrivals) < count or answer["lost"]:
            raise BenchError(
                f"{len(arrivals)} of {count} expected arrivals within {limit:.0f} s; "
                f"{len(answer['lost'])} lines were closed"
            )
        return Collected(arrivals, answer["bytes"], answer["frames"], answer["cpu"])
