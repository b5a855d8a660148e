"""The client: events per second from the frame to a subscriber, beside bare callbacks in Python and in Node.

Every reader is a process of its own and gets the same stream from one source, in turns.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import client_node, client_source, processes
from bench.failure import BenchError, NotShownError
from bench.scenario import Figure, Sizes, Subject
from bench.swarm import ROOT, Swarm

LIMIT = 300.0


class ClientEvents:
    """What a message event costs the client, and what a message that is held costs."""

    name = "client"
    title = "The client: events to a subscriber"
    needs_server = False

    def __init__(self) -> None:
        self._subject: str | None = None

    def figures(self, sizes: Sizes) -> Sequence[Figure]:
        """Rates by how much is held, what they are compared with, memory."""
        rates = [
            Figure(f"rate_{held}", f"Client: events to a subscriber, {held:,} messages held", "/s", True)
            for held in sizes.client_held
        ]
        least, middle, most = sizes.client_held
        return (
            *rates,
            Figure(
                "flat", f"Client: cost of an event, {most:,} held to {least:,}", "\u00d7", aim=1.3, digits=2
            ),
            Figure("bare", "A bare callback of python-socketio, same stream", "/s", True),
            Figure("share", f"Client's rate ({middle:,} held) in per cent of it", "%", True, aim=60),
            Figure("node", "A bare callback of socket.io-client in Node, same stream", "/s", True),
            Figure("memory", "Client: memory for 10,000 messages held", "MiB", digits=1),
            Figure("source", "Source's own CPU (share of a core)", "%", compared=False),
        )

    def runs(self, sizes: Sizes) -> int:
        """Each run is every reader once."""
        return sizes.client_runs

    async def once(self, subject: Subject, sizes: Sizes, swarm: Swarm) -> Mapping[str, float]:
        """One round of all readers. It has no server but its source, so it is taken once, not per server."""
        if self._subject not in {None, subject.name}:
            raise NotShownError("the client's rate does not depend on the server; it is in the first column")
        self._subject = subject.name
        least, middle, most = sizes.client_held
        async with client_source.running() as url:
            bare = await _python("bare", url, 0, sizes.client_events)
            ours = {
                held: await _python("client", url, held, sizes.client_events) for held in sizes.client_held
            }
            node = await _node(url, sizes.client_events)
        sample = {f"rate_{held}": found["rate"] for held, found in ours.items()}
        sample |= {
            "flat": ours[least]["rate"] / ours[most]["rate"],
            "bare": bare["rate"],
            "share": 100 * ours[middle]["rate"] / bare["rate"],
            "memory": max(ours[most]["after"] - ours[least]["after"], 0) / (most - least) * 10_000,
            "source": 100
            * max(found["source"] for found in (bare, *ours.values(), *([node] if node else ()))),
        }
        return sample | ({"node": node["rate"]} if node else {})


async def _python(kind: str, url: str, held: int, count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="antiphon-bench-client-") as folder:
        command = [sys.executable, "-m", "bench.client_reader", kind, url, str(held), str(count)]
        return await _run(command, {"ANTIPHON_CLIENT_DIR": folder})


async def _node(url: str, count: int) -> dict[str, Any] | None:
    """What Node takes; None where npm cannot fetch the client: that line is left out then."""
    try:
        modules = await client_node.modules()
    except NotShownError:
        return None
    return await _run(client_node.command(url, 0, count), {"BENCH_MODULES": str(modules)})


async def _run(command: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=Path(ROOT),
        env={**os.environ, **environment},
        start_new_session=True,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LIMIT):
            said, complaint = await process.communicate()
    except TimeoutError:
        raise BenchError(f"a reader did not end within {LIMIT:.0f} s") from None
    finally:
        if process.returncode is None:
            await processes.end(process.pid)
            await process.wait()
    if process.returncode != 0:
        raise BenchError(f"a reader ended with {process.returncode}: {complaint.decode()[-500:]}")
    found: dict[str, Any] = json.loads(said)
    return found
