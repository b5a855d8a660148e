"""The bench measures what it says: everything in miniature against a real server, and its own instruments."""

from __future__ import annotations

import asyncio
import json
import stat
import struct
import sys
from pathlib import Path

import aiohttp
import pytest
from bench.client_events import ClientEvents
from bench.failure import BenchError, NotShownError
from bench.lines import SocketLine, Watch
from bench.report import Report
from bench.run import SCENARIOS, Choice, Run, choice
from bench.scenario import Figure, Sizes, Subject
from bench.swarm import Swarm
from bench.target import Kind, Launch, require_loopback, started
from rich.progress import Progress

from antiphon.wire import MessageCreated, parse_event
from bench import ceiling, client_events, client_source, provider

TINY = Sizes.miniature()


SHARED = tuple(kind.name for kind in SCENARIOS if kind.needs_server)


@pytest.mark.parametrize("names", [("start",), ("memory",), ("client",), SHARED], ids="+".join)
async def test_each_measurement_fills_its_lines_against_a_fresh_antiphon(names: tuple[str, ...]) -> None:
    """A figure without a sample, or a failure noted in the report, is a bench that does not measure."""
    run = Run([Choice("Antiphon", launch=Launch(Kind.ANTIPHON))], names, TINY, Progress(disable=True))
    report = await run.go()
    assert report.notes == []
    assert not run.failed
    wanted = {
        (kind.name, figure.key)
        for kind in SCENARIOS
        if kind.name in names
        for figure in kind().figures(TINY)
        if not figure.key.endswith("_pss")  # not every system shows it
    }
    assert {(row.scenario, row.figure.key) for row in report.rows} >= wanted
    assert all(value >= 0 for row in report.rows for values in row.samples.values() for value in values)


@pytest.mark.parametrize(
    "url", ["http://192.0.2.7:8400", "https://127.0.0.1:8400", "ftp://127.0.0.1", "127.0.0.1:8400", "http://"]
)
def test_an_address_that_is_not_this_machine_is_refused(url: str) -> None:
    """The bench is a load: it goes to the loopback interface or nowhere."""
    with pytest.raises(BenchError):
        require_loopback(url)


def test_an_environment_without_open_webui_is_named(tmp_path: Path) -> None:
    """A wrong `--versus` says what is missing where."""
    with pytest.raises(BenchError, match="no open-webui is installed"):
        choice(str(tmp_path))


async def test_a_server_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    """Whoever measures a broken server sees why it did not start."""
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 'this setting is wrong' >&2\nexit 3\n")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    launch = Launch(Kind.ANTIPHON, tmp_path / "venv")
    with pytest.raises(BenchError, match=r"ended with 3(.|\n)*this setting is wrong"):
        async with started(launch, tmp_path / "data", "http://127.0.0.1:9"):
            pass


def test_the_source_tells_of_messages_in_the_recorded_shape(repository: Path) -> None:
    """Else the rate would be that of another protocol."""
    recorded = repository / "tests" / "fixtures" / "open-webui-0.12.4" / "events.jsonl"
    events = [json.loads(line) for line in recorded.read_text(encoding="utf-8").splitlines()]
    (one, *_) = (
        e["data"] for e in events if e["step"] == "message create" and e["event"] == "events:channel"
    )
    sent = json.loads(client_source.frame(7)[2:])
    assert sent[0] == "events:channel"
    assert shape(sent[1]) == shape(one)
    assert isinstance(parse_event(*sent), MessageCreated)


async def test_a_reader_that_lost_an_event_ends_with_an_error() -> None:
    """A rate over events that never arrived is none."""
    with pytest.raises(BenchError, match="a reader ended with"):
        await client_events._run(
            [sys.executable, "-c", "raise RuntimeError('2 messages are held, not 3')"], {}
        )


async def test_a_measurement_of_the_client_stands_in_the_first_column_alone() -> None:
    """It has no server that it could be repeated for."""
    scenario = ClientEvents()
    scenario._subject = "Antiphon"
    async with Swarm() as swarm:
        with pytest.raises(NotShownError):
            await scenario.once(Subject("other", None, Path(), ""), TINY, swarm)


def shape(value: object) -> object:
    """Give a value with types in the place of what it says; a list is as its first item."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return None if value is None else type(value)


async def test_a_missing_delivery_is_an_error_not_a_figure() -> None:
    """One event too few must never become deliveries per second."""
    async with Swarm() as swarm:
        await swarm.watch("bench-post-", r"bench-post-(\d{6})")
        with pytest.raises(BenchError, match="0 of 1 expected arrivals"):
            await swarm.collect(1, limit=0.05)


async def test_a_receiver_without_a_server_says_so() -> None:
    """A refused connection is told in the receiver's words."""
    async with Swarm() as swarm:
        with pytest.raises(BenchError, match="connect"):
            async with swarm.sockets("http://127.0.0.1:1", ["x"]):
                pass


async def test_the_provider_writes_exactly_its_text_one_token_per_event() -> None:
    """What is stored is compared with this text, so it must be what travels."""
    body = {"model": "bench-45", "stream": True, "messages": []}
    async with provider.running() as url, aiohttp.ClientSession() as http:
        async with http.post(f"{url}/v1/chat/completions", json=body) as response:
            lines = (await response.text()).split("\n\n")
        async with http.post(f"{url}/v1/chat/completions", json={**body, "model": "other"}) as response:
            assert response.status == 404
    assert lines[-2] == "data: [DONE]"
    assert len(lines) == 45 + 4  # the role, the tokens, the end with the usage, [DONE] and what follows it
    assert len(provider.words(45)) == 45
    assert provider.text(45).split()[-1] == "word44"


class Held:
    """An owner of lines for a test."""

    def __init__(self) -> None:
        self.watch = Watch("mark-", r"mark-(\d)")
        self.lost: list[int] = []
        self.open = True


def frame(text: str, *, final: bool = True, first: bool = True) -> bytes:
    """A server's text frame of any length."""
    payload = text.encode()
    head = (0x80 if final else 0) | (1 if first else 0)
    if len(payload) < 126:
        return struct.pack(">BB", head, len(payload)) + payload
    if len(payload) < 1 << 16:
        return struct.pack(">BBH", head, 126, len(payload)) + payload
    return struct.pack(">BBQ", head, 127, len(payload)) + payload


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
async def test_events_are_counted_however_the_network_cuts_them(step: int) -> None:
    """Short, long, very long and fragmented frames, byte by byte or all at once: the same marks."""
    owner = Held()
    line = SocketLine(owner, 0, "127.0.0.1", "token")
    line.upgraded = True
    stream = (
        frame('42["e","mark-1"]')
        + frame('42["e","mark-2' + "x" * 300 + '"]')
        + frame('42["e","mark-3' + "x" * 70_000 + '"]')
        + frame('42["e","mar', final=False)
        + frame('k-4"]', first=False)
        + frame("2")
        + frame('42["e","nothing"]')
    )
    for at in range(0, len(stream), step):
        line.data_received(stream[at : at + step])
    assert [mark for _, mark, _ in owner.watch.records] == ["1", "2", "3", "4"]
    assert line.frames == 5
    line.ready.cancel()


async def test_the_ceilings_of_the_load_generator_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The receiver takes every event of a sender that does nothing else."""
    monkeypatch.setattr(ceiling, "EVENTS", 5)
    monkeypatch.setattr(ceiling, "SOCKETS", 3)
    async with Swarm() as swarm:
        found = await asyncio.wait_for(ceiling.measure(swarm), 30)
    assert found["deliveries"] > 0
    assert found["tokens"] > 0


def test_the_table_shows_median_range_ratio_and_whether_the_aim_is_met() -> None:
    """More is better for a rate, less for a time, and the ratio is above one for the better side."""
    report = Report(
        ["Antiphon", "Open WebUI 1"], versions={"Antiphon": "9.9", "Open WebUI 1": "1"}, aims=True
    )
    rate = Figure("rate", "Rate", "/s", higher_is_better=True, aim=100)
    wait = Figure("wait", "Wait", "ms", aim=1)
    report.add(
        "both",
        (rate, wait),
        {
            "Antiphon": [{"rate": 100.0, "wait": 2.0}, {"rate": 300.0, "wait": 4.0}, {"rate": 200.0}],
            "Open WebUI 1": [{"rate": 50.0, "wait": 9.0}],
        },
    )
    table = report.markdown()
    assert "| Antiphon 9.9 | Open WebUI 1 |" in table
    assert "| Rate | /s | 200 (100 … 300) | 50 | 4.0\u00d7 | ≥ 100 ✓ |" in table
    assert "| Wait | ms | 3 (2 … 4) | 9 | 3.0\u00d7 | ≤ 1 ✗ |" in table
    (first, _) = report.data()["figures"]
    assert first["results"]["Antiphon"] == {
        "min": 100.0,
        "median": 200.0,
        "max": 300.0,
        "samples": [100, 300, 200],
    }
