"""`antiphon doctor`: each hop to a server in one line, and what to do where one fails."""

from __future__ import annotations

import asyncio

import typer

from antiphon.cli.failures import StartFailed
from antiphon.client.diagnosis import Finding, Verdict, diagnose
from antiphon.client.errors import AntiphonError
from antiphon.client.logins import Login, Logins, canonical

_COLOURS = {
    Verdict.OK: typer.colors.GREEN,
    Verdict.WARNING: typer.colors.YELLOW,
    Verdict.FAILED: typer.colors.RED,
    Verdict.SKIPPED: typer.colors.BRIGHT_BLACK,
}


def run_doctor(url: str | None) -> int:
    """Look at every hop; gives 0 when none fails, else 1."""
    login = _login(url)
    if url is None and login is None:
        raise StartFailed("which server? Give its address: antiphon doctor URL", code=2)
    address = url if url is not None else login.url if login is not None else ""
    return asyncio.run(_look(address, login.token if login is not None else None))


def _login(url: str | None) -> Login | None:
    """Who is signed in there; a file that cannot be read must not keep the doctor from looking."""
    try:
        return Logins().find(None if url is None else canonical(url))
    except AntiphonError:
        return None


async def _look(url: str, token: str | None) -> int:
    failures: list[Finding] = []
    async for finding in diagnose(url, token):
        _print(finding)
        if finding.verdict is Verdict.FAILED:
            failures.append(finding)
    if not failures:
        typer.echo("Nothing stands in the way.")
        return 0
    typer.echo(f"What fails: {', '.join(finding.hop for finding in failures)}.")
    return 1


def _print(finding: Finding) -> None:
    verdict = typer.style(f"{finding.verdict:<8}", fg=_COLOURS[finding.verdict])
    typer.echo(f"{finding.hop:<11}{verdict}{finding.what}")
    if finding.advice:
        typer.echo(f"{'':<19}→ {finding.advice}")
