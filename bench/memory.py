"""Memory of the server's processes: idle after the start, and with 100 sockets signed in."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

from bench import accounts, processes
from bench.failure import NotShownError
from bench.scenario import Figure, Sizes, Subject
from bench.swarm import Swarm
from bench.target import Server, started


class MemoryUse:
    """Resident and proportional memory of the process tree."""

    name = "memory"
    title = "Memory of the server's processes"
    needs_server = False

    def figures(self, sizes: Sizes) -> Sequence[Figure]:
        """RSS and PSS, idle and with sockets."""
        n = sizes.memory_sockets
        return (
            Figure("idle_rss", "Memory idle (RSS)", "MiB", aim=130),
            Figure("idle_pss", "Memory idle (PSS)", "MiB"),
            Figure("sockets_rss", f"Memory with {n} sockets (RSS)", "MiB", aim=130),
            Figure("sockets_pss", f"Memory with {n} sockets (PSS)", "MiB"),
        )

    def runs(self, sizes: Sizes) -> int:
        """Memory hardly varies: few runs, each with a fresh process where the bench may start one."""
        return sizes.memory_runs

    async def once(self, subject: Subject, sizes: Sizes, swarm: Swarm) -> Mapping[str, float]:
        """Look at the settled process before and while the sockets are open."""
        sample: dict[str, float] = {}
        async with self._server(subject) as server:
            if server.pid is None:
                raise NotShownError(
                    f"the process behind {server.url} could not be found: it belongs to somebody else"
                )
            await processes.settled(server.pid)
            self._take(sample, "idle", server.pid)
            async with (
                self._people(subject, server, min(sizes.people, 10)) as people,
                swarm.sockets(server.url, people.tokens(sizes.memory_sockets)),
            ):
                await processes.settled(server.pid)
                self._take(sample, "sockets", server.pid)
        return sample

    @asynccontextmanager
    async def _server(self, subject: Subject) -> AsyncIterator[Server]:
        if subject.launch is None:
            yield subject.running()
            return
        data = subject.work / f"memory-{uuid4().hex[:8]}"
        async with started(subject.launch, data, subject.provider_url) as server:
            yield server
        shutil.rmtree(data)

    @asynccontextmanager
    async def _people(self, subject: Subject, server: Server, count: int) -> AsyncIterator[accounts.Accounts]:
        if subject.launch is None:
            yield subject.people()
            return
        async with accounts.made(server, count) as people:
            yield people

    @staticmethod
    def _take(sample: dict[str, float], state: str, pid: int) -> None:
        now = processes.memory(pid)
        sample[f"{state}_rss"] = now.rss
        if now.pss is not None:
            sample[f"{state}_pss"] = now.pss
