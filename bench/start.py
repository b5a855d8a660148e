"""Process start to the first 200 on `/health`: in an empty data folder, and again over the same one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from uuid import uuid4

from bench.failure import NotShownError
from bench.scenario import Figure, Sizes, Subject
from bench.swarm import Swarm
from bench.target import started


class Start:
    """Time until the server answers."""

    name = "start"
    title = "Process start to the first 200 on /health"
    needs_server = False

    def figures(self, sizes: Sizes) -> Sequence[Figure]:
        """Two lines."""
        return (
            Figure("first", "Start, empty data folder", "s", aim=1.5, digits=2),
            Figure("again", "Start, data folder from before", "s", aim=1.5, digits=2),
        )

    def runs(self, sizes: Sizes) -> int:
        """Starts are cheap for us and dear for others."""
        return sizes.start_runs

    async def once(self, subject: Subject, sizes: Sizes, swarm: Swarm) -> Mapping[str, float]:
        """Start, end, start again."""
        if subject.launch is None:
            raise NotShownError("a server given by URL is not started by the bench")
        data = subject.work / f"start-{uuid4().hex[:8]}"
        sample: dict[str, float] = {}
        for key in ("first", "again"):
            async with started(subject.launch, data, subject.provider_url) as server:
                sample[key] = server.started_in or 0.0
        shutil.rmtree(data)
        return sample
