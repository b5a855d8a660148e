"""Fan-out: many sockets in one channel, one post straight after the other, every delivery timed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import count

from bench import processes
from bench.scenario import Figure, Sizes, Subject
from bench.swarm import Swarm

WORDS = "the quick brown fox jumps over the lazy dog and says so to everybody who is listening here"
MARK = r"bench-post-(\d{6})"


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the sorted values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class FanOut:
    """Deliveries per second and latency of a channel under load."""

    name = "fan-out"
    title = "Fan-out in one channel"
    needs_server = True

    def __init__(self) -> None:
        self._number = count(1)

    def figures(self, sizes: Sizes) -> Sequence[Figure]:
        """Throughput, latency, cost."""
        return (
            Figure("deliveries", f"Deliveries ({sizes.fanout_sockets} sockets)", "/s", True, aim=5000),
            Figure("p50", "Post to event, p50", "ms", digits=1),
            Figure("p99", "Post to event, p99", "ms", digits=1),
            Figure("answer", "Post to answer, median", "ms", digits=1),
            Figure("cpu", "Server CPU per post", "ms", digits=1),
            Figure("receiver", "Receiver's own CPU (share of a core)", "%", compared=False),
        )

    def runs(self, sizes: Sizes) -> int:
        """Each run is one round of posts."""
        return sizes.fanout_runs

    async def once(self, subject: Subject, sizes: Sizes, swarm: Swarm) -> Mapping[str, float]:
        """One round: all posts in a row by one person, then wait for the last delivery."""
        server, people = subject.running(), subject.people()
        channel = await people.channel("fan-out")
        author = people.people[0]
        async with swarm.sockets(server.url, people.tokens(sizes.fanout_sockets)):
            await self._post_all(subject, author_posts=2, channel=channel)  # warms connections and caches
            await swarm.watch("bench-post-", MARK)
            before = processes.cpu_seconds(server.pid) if server.pid else None
            sent: dict[str, float] = {}
            answers: list[float] = []
            begun = time.monotonic()
            for _ in range(sizes.fanout_posts):
                mark = f"{next(self._number):06d}"
                sent[mark] = time.monotonic()
                await people.post(author, channel, f"bench-post-{mark} {WORDS}")
                answers.append(time.monotonic() - sent[mark])
            seen = await swarm.collect(sizes.fanout_sockets * sizes.fanout_posts, sizes.limit)
            cpu = (
                await processes.cpu_when_done(server.pid) - before
                if server.pid and before is not None
                else None
            )
        took = max(arrival.at for arrival in seen.arrivals) - begun
        waits = [(arrival.at - sent[arrival.mark]) * 1000 for arrival in seen.arrivals]
        sample = {
            "deliveries": len(seen.arrivals) / took,
            "p50": quantile(waits, 0.50),
            "p99": quantile(waits, 0.99),
            "answer": quantile(answers, 0.5) * 1000,
            "receiver": 100 * seen.cpu / took,
        }
        if cpu is not None:
            sample["cpu"] = 1000 * cpu / sizes.fanout_posts
        return sample

    async def _post_all(self, subject: Subject, author_posts: int, channel: str) -> None:
        people = subject.people()
        for _ in range(author_posts):
            await people.post(people.people[0], channel, "a first word, not counted")
