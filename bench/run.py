"""One run of the bench: subjects are started, scenarios are called in turns, samples become a report."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress, TaskID

from bench import accounts, ceiling, provider
from bench.accounts import Accounts
from bench.client_events import ClientEvents
from bench.client_return import ClientReturn
from bench.failure import BenchError, NotShownError
from bench.fanout import FanOut
from bench.memory import MemoryUse
from bench.page import PageLoad
from bench.pages import OpenPages
from bench.report import Report
from bench.scenario import Scenario, Sizes, Subject
from bench.start import Start
from bench.streaming import Streaming
from bench.swarm import Swarm
from bench.target import Kind, Launch, attach, require_loopback, started

# What leaves pages open comes last: their clients go on listening in the server's process.
SCENARIOS: tuple[type[Scenario], ...] = (
    Start,
    MemoryUse,
    ClientEvents,
    FanOut,
    Streaming,
    ClientReturn,
    PageLoad,
    OpenPages,
)
NAMES = tuple(scenario.name for scenario in SCENARIOS)


@dataclass(frozen=True, slots=True)
class Choice:
    """A server to measure: started here (`launch`) or running at `url`."""

    name: str
    launch: Launch | None = None
    url: str | None = None


def open_webui_name(venv: Path) -> str:
    """How the table names the Open WebUI of this environment: with its release."""
    for info in venv.glob("lib/python3*/site-packages/open_webui-*.dist-info"):
        return f"Open WebUI {info.name.removeprefix('open_webui-').removesuffix('.dist-info')}"
    raise BenchError(f"no open-webui is installed in {venv}")


def choice(text: str) -> Choice:
    """What `--versus` names: the address of a running server, or the environment of an Open WebUI."""
    if text.startswith(("http://", "https://")):
        require_loopback(text)
        return Choice(text, url=text)
    venv = Path(text).absolute()
    return Choice(open_webui_name(venv), launch=Launch(Kind.OPEN_WEBUI, venv))


@asynccontextmanager
async def lent_models(people: Accounts, provider_url: str) -> AsyncIterator[None]:
    """Add the bench's provider to a server that was given by URL, and take it away again."""
    rest = people.rest(people.admin)
    config = await rest.get("/openai/config")
    more = {
        **config,
        "ENABLE_OPENAI_API": True,
        "OPENAI_API_BASE_URLS": [*config["OPENAI_API_BASE_URLS"], f"{provider_url}/v1"],
        "OPENAI_API_KEYS": [*config["OPENAI_API_KEYS"], "bench"],
    }
    await rest.post("/openai/config/update", more)
    try:
        yield
    finally:
        await rest.post("/openai/config/update", config)


def _kinds(subject: Subject) -> set[Kind]:
    """What is known of the product so far."""
    known = {subject.launch.kind} if subject.launch else set()
    return known | ({subject.server.kind} if subject.server else set())


class Run:
    """Owns what a run has started: the receiver, the provider, the servers, the scratch folder."""

    def __init__(
        self, choices: Sequence[Choice], names: Sequence[str], sizes: Sizes, progress: Progress
    ) -> None:
        self.choices = choices
        self.scenarios = [scenario() for scenario in SCENARIOS if scenario.name in names]
        self.sizes = sizes
        self.progress = progress
        self.failed = False
        self.report = Report([c.name for c in choices])

    async def go(self) -> Report:
        """Measure everything; failures are noted in the report and do not stop the rest."""
        async with AsyncExitStack() as stack:
            work = Path(tempfile.mkdtemp(prefix="antiphon-bench-"))
            stack.callback(shutil.rmtree, work, ignore_errors=True)
            swarm = await stack.enter_async_context(Swarm())
            self.report.ceilings = await self._ceilings(swarm)
            provider_url = await stack.enter_async_context(provider.running())
            subjects = [
                Subject(c.name, c.launch, work / f"subject-{n}", provider_url)
                for n, c in enumerate(self.choices)
            ]
            for subject, chosen in zip(subjects, self.choices, strict=True):
                if chosen.url:
                    await self._attach(stack, subject, chosen.url)
            self.report.aims = Kind.ANTIPHON in _kinds(subjects[0])
            for scenario in self.scenarios:
                if scenario.needs_server:
                    for subject in subjects:
                        if subject.server is None:
                            await self._start(stack, subject)
                await self._measure(scenario, subjects, swarm)
        self.report.load_after = os.getloadavg()
        return self.report

    async def _ceilings(self, swarm: Swarm) -> dict[str, float]:
        task = self.progress.add_task("the load generator's own ceiling", total=1)
        found = await ceiling.measure(swarm)
        self.progress.advance(task)
        return found

    async def _attach(self, stack: AsyncExitStack, subject: Subject, url: str) -> None:
        """A running server: its administrator is named by the environment, unless it is empty."""
        subject.server = await attach(url)
        self.report.versions[subject.name] = f"{subject.server.kind} {subject.server.version}"
        email, password = os.environ.get("BENCH_ADMIN_EMAIL"), os.environ.get("BENCH_ADMIN_PASSWORD")
        admin = (email, password) if email and password else None
        subject.accounts = await stack.enter_async_context(
            accounts.made(subject.server, self.sizes.people, admin, left=self.report.notes)
        )
        await stack.enter_async_context(lent_models(subject.accounts, subject.provider_url))

    async def _start(self, stack: AsyncExitStack, subject: Subject) -> None:
        """A fresh server for the scenarios that share one."""
        if subject.launch is None:
            raise RuntimeError(f"{subject.name} can neither be started nor reached")
        task = self.progress.add_task(
            f"{subject.name}: starting, {self.sizes.people} people sign up", total=1
        )
        server = await stack.enter_async_context(
            started(subject.launch, subject.work / "shared", subject.provider_url)
        )
        subject.server = server
        self.report.versions.setdefault(subject.name, server.version)
        subject.accounts = await stack.enter_async_context(accounts.made(server, self.sizes.people))
        self.progress.advance(task)

    async def _measure(self, scenario: Scenario, subjects: Sequence[Subject], swarm: Swarm) -> None:
        """All runs of one scenario, the subjects taking turns: a slow minute of the machine hits all."""
        runs = scenario.runs(self.sizes)
        samples: dict[str, list[dict[str, float]]] = {s.name: [] for s in subjects}
        tasks: dict[str, TaskID] = {
            s.name: self.progress.add_task(f"{s.name}: {scenario.title}", total=runs) for s in subjects
        }
        out: set[str] = set()
        for _ in range(runs):
            for subject in subjects:
                if subject.name in out:
                    continue
                try:
                    samples[subject.name].append(dict(await scenario.once(subject, self.sizes, swarm)))
                except BenchError as error:
                    out.add(subject.name)
                    self.failed |= not isinstance(error, NotShownError)
                    self.report.notes.append(f"{subject.name}, {scenario.name}: {error}")
                self.progress.advance(tasks[subject.name])
        self.report.add(scenario.name, scenario.figures(self.sizes), samples)
