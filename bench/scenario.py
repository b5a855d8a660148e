"""What every measurement has in common: figures, sizes, and the subject that is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.accounts import Accounts
from bench.failure import NotShownError
from bench.swarm import Swarm
from bench.target import Launch, Server


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `aim` is what the project wants of itself; None where it states none."""

    key: str
    label: str
    unit: str
    higher_is_better: bool = False
    aim: float | None = None
    digits: int = 0
    compared: bool = True  # whether a ratio says anything


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done and how often: everything is bounded in count, and every wait in time."""

    start_runs: int = 5
    memory_runs: int = 3
    memory_sockets: int = 100
    page_runs: int = 5
    page_warm_loads: int = 3
    page_messages: int = 50
    fanout_runs: int = 5
    fanout_sockets: int = 50
    fanout_posts: int = 50
    pages_runs: int = 3
    pages_open: int = 200
    pages_posts: int = 10
    streaming_runs: int = 5
    streaming_chats: tuple[int, ...] = (1, 4, 16)
    streaming_tokens: int = 200
    client_runs: int = 3
    client_held: tuple[int, int, int] = (100, 10_000, 100_000)
    client_events: int = 20_000
    return_runs: int = 5
    return_channels: int = 100
    people: int = 16
    limit: float = 60.0

    @classmethod
    def miniature(cls) -> Sizes:
        """Every step once, with a handful of everything: does the bench work?"""
        return cls(
            start_runs=1,
            memory_runs=1,
            memory_sockets=3,
            page_runs=1,
            page_warm_loads=1,
            page_messages=5,
            fanout_runs=1,
            fanout_sockets=4,
            fanout_posts=3,
            pages_runs=1,
            pages_open=4,
            pages_posts=2,
            streaming_runs=1,
            streaming_chats=(1, 2),
            streaming_tokens=20,
            client_runs=1,
            client_held=(1, 20, 40),
            client_events=100,
            return_runs=1,
            return_channels=3,
            people=2,
        )

    @classmethod
    def quick(cls) -> Sizes:
        """Full size, few repetitions: for looking while working."""
        return cls(
            start_runs=2,
            memory_runs=1,
            page_runs=2,
            fanout_runs=2,
            pages_runs=1,
            pages_posts=5,
            streaming_runs=2,
            client_runs=1,
            return_runs=2,
        )


@dataclass(slots=True)
class Subject:
    """A server under measurement: how to start a fresh one, and the one that is running with its accounts."""

    name: str
    launch: Launch | None
    work: Path
    provider_url: str
    server: Server | None = None
    accounts: Accounts | None = None

    def running(self) -> Server:
        """The running server."""
        if self.server is None:
            raise RuntimeError(f"{self.name} has not been started")
        return self.server

    def require_page(self) -> None:
        """Leave out what needs a page where there is none."""
        if self.launch and self.launch.alone:
            raise NotShownError("a server alone has no page")

    def people(self) -> Accounts:
        """The accounts made on the running server."""
        if self.accounts is None:
            raise RuntimeError(f"{self.name} has no accounts yet")
        return self.accounts


class Scenario(Protocol):
    """A measurement: called several times per subject, in turns; each call samples every figure."""

    name: str
    title: str
    needs_server: bool

    def figures(self, sizes: Sizes) -> Sequence[Figure]:
        """The lines this scenario fills, in the order of the table."""

    def runs(self, sizes: Sizes) -> int:
        """How many samples are taken."""

    async def once(self, subject: Subject, sizes: Sizes, swarm: Swarm) -> Mapping[str, float]:
        """One sample: figure key to value. A missing key means that this target does not show the figure."""
