"""The command: `python -m bench`, or `make bench`."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from bench.failure import BenchError
from bench.report import Report
from bench.run import NAMES, Choice, Run, choice, open_webui_name
from bench.scenario import Sizes
from bench.target import Kind, Launch, require_loopback


class Spawn(StrEnum):
    """What the bench can start."""

    ANTIPHON = "antiphon"
    ANTIPHON_SERVE = "antiphon-serve"
    OPEN_WEBUI = "open-webui"


def first_choice(url: str | None, spawn: Spawn, venv: Path | None) -> Choice:
    """The server in the first column."""
    if url:
        require_loopback(url)
        return Choice(url, url=url)
    environment = venv.absolute() if venv else None  # not resolved: an environment's python is a link
    if spawn is not Spawn.OPEN_WEBUI:
        alone = spawn is Spawn.ANTIPHON_SERVE
        name = "Antiphon's server alone" if alone else "Antiphon"
        return Choice(name, launch=Launch(Kind.ANTIPHON, environment, alone))
    if environment is None:
        raise BenchError("an Open WebUI is started from its own environment: give its folder with --venv")
    return Choice(open_webui_name(environment), launch=Launch(Kind.OPEN_WEBUI, environment))


def require_known(names: Sequence[str]) -> None:
    """Refuse the name of a measurement that does not exist."""
    for name in names:
        if name not in NAMES:
            raise BenchError(f"--only {name}: there are {', '.join(NAMES)}")


def all_choices(first: Choice, versus: Sequence[str]) -> list[Choice]:
    """The columns of the table; a server that is named twice is refused."""
    choices = [first, *(choice(text) for text in versus)]
    if len({c.name for c in choices}) < len(choices):
        raise BenchError("the same server is named twice")
    return choices


async def until_told(run: Run) -> Report:
    """The run; SIGTERM ends it like Ctrl-C, so that nothing it has started stays behind."""
    task = asyncio.ensure_future(run.go())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def bench(
    url: Annotated[
        str | None, typer.Option(help="Measure the server that runs here (loopback only).")
    ] = None,
    spawn: Annotated[
        Spawn, typer.Option(help="Start this server in a fresh folder and measure it.")
    ] = Spawn.ANTIPHON,
    venv: Annotated[Path | None, typer.Option(help="The environment the started server comes from.")] = None,
    versus: Annotated[
        list[str] | None,
        typer.Option(
            help="Also measure this, in turns: an Open WebUI's environment, or a URL. May be repeated."
        ),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help=f"Only this: {', '.join(NAMES)}. May be repeated.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all samples to this file.")] = None,
    quick: Annotated[bool, typer.Option(help="Full size, few repetitions.")] = False,
    miniature: Annotated[bool, typer.Option(help="Everything once and tiny: does it work?")] = False,
) -> None:
    """Measure a server over the loopback interface and print a table of median (min … max)."""
    console = Console(stderr=True)
    names = only or list(NAMES)
    sizes = Sizes.miniature() if miniature else Sizes.quick() if quick else Sizes()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    try:
        require_known(names)
        choices = all_choices(first_choice(url, spawn, venv), versus or ())
        with Progress(*columns, console=console) as progress:
            run = Run(choices, names, sizes, progress)
            report = asyncio.run(until_told(run))
    except asyncio.CancelledError:
        console.print("bench: told to end; everything it started has ended")
        raise typer.Exit(143) from None
    except BenchError as error:
        console.print(f"bench: {error}", style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None
    sys.stdout.write(report.markdown())
    if json_file:
        report.write(json_file)
    if run.failed:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(bench)
