"""200 pages open in one channel, one post: how long until the last page has it, and at what cost.

A page of ours is a stream of patches; a page of Open WebUI is a socket. Either way several people have
many tabs open.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from urllib.parse import urlencode

from bench import browser as browsers
from bench import processes
from bench.accounts import Accounts
from bench.fanout import WORDS, quantile
from bench.scenario import Figure, Sizes, Subject
from bench.swarm import Swarm
from bench.target import Kind

MARK = r"bench-page-(\d{6})"
STREAM = "/page/stream"


class OpenPages:
    """One post into many open pages."""

    name = "pages"
    title = "Many pages open in one channel"
    needs_server = True

    def __init__(self) -> None:
        self._number = count(1)
        self._cookies: dict[str, list[str]] = {}

    def figures(self, sizes: Sizes) -> Sequence[Figure]:
        """Time to the first, the middle and the last page, and CPU."""
        n = sizes.pages_open
        return (
            Figure("last", f"Post to the last of {n} pages", "ms"),
            Figure("middle", "Post to the middle page", "ms"),
            Figure("cpu", f"Server CPU per post, {n} pages", "ms"),
            Figure("bytes", "Bytes per page and post", "KiB", digits=1),
        )

    def runs(self, sizes: Sizes) -> int:
        """Each run opens all pages anew and posts several times, one post at a time."""
        return sizes.pages_runs

    async def once(self, subject: Subject, sizes: Sizes, swarm: Swarm) -> Mapping[str, float]:
        """Open the pages, post, wait for every page, post again; the medians of the posts."""
        server, people = subject.running(), subject.people()
        channel = await people.channel("pages")
        last: list[float] = []
        middle: list[float] = []
        cpu: list[float] = []
        size: list[float] = []
        async with self._opened(subject, sizes, swarm, channel):
            for n in range(sizes.pages_posts + 1):
                await swarm.watch("bench-page-", MARK)
                before = processes.cpu_seconds(server.pid) if server.pid else None
                text = f"bench-page-{next(self._number):06d} {WORDS}"
                begun = time.monotonic()
                await people.post(people.people[n % len(people.people)], channel, text)
                seen = await swarm.collect(sizes.pages_open, sizes.limit)
                if n == 0:
                    continue  # the first post pays for what is made once
                waits = [(arrival.at - begun) * 1000 for arrival in seen.arrivals]
                last.append(max(waits))
                middle.append(quantile(waits, 0.5))
                size.append(sum(seen.received) / len(seen.received) / 1024)
                if server.pid and before is not None:
                    cpu.append((processes.cpu_seconds(server.pid) - before) * 1000)
        sample = {"last": quantile(last, 0.5), "middle": quantile(middle, 0.5), "bytes": quantile(size, 0.5)}
        if cpu:
            sample["cpu"] = sum(cpu) / len(
                cpu
            )  # the kernel counts in steps of 10 ms: a mean is finer than a median
        return sample

    @asynccontextmanager
    async def _opened(
        self, subject: Subject, sizes: Sizes, swarm: Swarm, channel: str
    ) -> AsyncIterator[None]:
        server, people = subject.running(), subject.people()
        if server.kind is Kind.OPEN_WEBUI:
            async with swarm.sockets(server.url, people.tokens(sizes.pages_open)):
                yield
            return
        if subject.name not in self._cookies:
            self._cookies[subject.name] = await self._sign_in(people)
        cookies = self._cookies[subject.name]
        requests = [
            (self._stream_path(channel), {"Cookie": cookies[n % len(cookies)]})
            for n in range(sizes.pages_open)
        ]
        async with swarm.streams(server.url, requests):
            yield

    @staticmethod
    def _stream_path(channel: str) -> str:
        """The address a tab asks for when it shows this channel."""
        return f"{STREAM}?{urlencode({'kind': 'channel', 'id': channel})}"

    @staticmethod
    async def _sign_in(people: Accounts) -> list[str]:
        """A session cookie of the page for every person, got by signing in as people do."""
        cookies: list[str] = []
        async with browsers.chromium() as browser:
            for person in people.people:
                state = await browsers.signed_in(browser, people.server, person)
                cookies.append("; ".join(f"{c['name']}={c['value']}" for c in state["cookies"]))
        return cookies
