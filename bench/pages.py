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
from bench.failure import BenchError
from bench.fanout import WORDS, quantile
from bench.scenario import Figure, Sizes, Subject
from bench.swarm import Swarm
from bench.target import Kind

MARK = r"bench-page-(\d{6})"
STREAM = "/page/stream"
PRESENCE = "/page/presence"
PRESENCE_EVERY = 10.0  # seconds


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
        subject.require_page()
        server, people = subject.running(), subject.people()
        channel = await people.channel("pages")
        last: list[float] = []
        middle: list[float] = []
        cpu: list[float] = []
        size: list[float] = []
        async with self._opened(subject, sizes, swarm, channel) as tabs:
            for n in range(sizes.pages_posts + 1):
                await tabs.say_presence()
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
                    cpu.append((await processes.cpu_when_done(server.pid) - before) * 1000)
        sample = {"last": quantile(last, 0.5), "middle": quantile(middle, 0.5), "bytes": quantile(size, 0.5)}
        if cpu:
            # The kernel counts in steps of 10 ms: a mean is finer than a median.
            sample["cpu"] = sum(cpu) / len(cpu)
        return sample

    @asynccontextmanager
    async def _opened(
        self, subject: Subject, sizes: Sizes, swarm: Swarm, channel: str
    ) -> AsyncIterator[Tabs]:
        server, people = subject.running(), subject.people()
        if server.kind is Kind.OPEN_WEBUI:
            async with swarm.sockets(server.url, people.tokens(sizes.pages_open)):
                yield Tabs(people, [])
            return
        if subject.name not in self._cookies:
            self._cookies[subject.name] = await _sign_in(people)
        cookies = self._cookies[subject.name]
        turns = [cookies[n % len(cookies)] for n in range(sizes.pages_open)]
        path = f"{STREAM}?{urlencode({'kind': 'channel', 'id': channel})}"
        async with swarm.streams(server.url, [(path, {"Cookie": cookie}) for cookie in turns]) as ids:
            yield Tabs(people, list(zip(ids, turns, strict=True)))


class Tabs:
    """The open pages' sign of life: a tab of ours says every 10 s that it is there, or is given up.

    It is said between two measured posts, never during one.
    """

    def __init__(self, people: Accounts, streams: list[tuple[str, str]]) -> None:
        self._people = people
        self._streams = streams
        self._due = 0.0

    async def say_presence(self) -> None:
        """Say it for every tab when it is due."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + PRESENCE_EVERY
        url = self._people.server.url
        for stream, cookie in self._streams:
            body = {"stream": stream, "focused": False, "at_end": True}
            headers = {"Cookie": cookie, "Origin": url}
            async with self._people.http.post(f"{url}{PRESENCE}", json=body, headers=headers) as response:
                if response.status >= 400:
                    raise BenchError(f"POST {PRESENCE}: {response.status} {(await response.text())[:200]}")


async def _sign_in(people: Accounts) -> list[str]:
    """A session cookie of the page for every person, got by signing in as people do."""
    cookies: list[str] = []
    async with browsers.chromium() as browser:
        for person in people.people:
            state = await browsers.signed_in(browser, people.server, person)
            cookies.append("; ".join(f"{c['name']}={c['value']}" for c in state["cookies"]))
    return cookies
