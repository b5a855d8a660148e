"""What the commands start: the server, the page, or both on one port; and what the start tells."""

from __future__ import annotations

import asyncio
import importlib
import webbrowser
from functools import partial
from importlib.metadata import version
from pathlib import Path

import typer

from antiphon.cli import process
from antiphon.cli.combined import Combined, Part
from antiphon.cli.data_folder import data_folder
from antiphon.cli.extras import needing
from antiphon.cli.listening import bind, colleague_urls, local_url, port_of
from antiphon.server.settings import ServerSettings


def run_together(host: str, port: int, data_dir: Path | None, *, open_page: bool) -> int:
    """Serve server and page on one port; gives the exit code."""
    folder = data_folder(data_dir)
    settings = ServerSettings(data_dir=folder)
    with bind(host, port) as sock:
        url = local_url(host, port_of(sock))

        def load() -> Combined:
            return Combined(_server(settings), partial(_import_page, url, folder))

        async def ready(combined: Combined) -> None:
            _tell(url, colleague_urls(host, port_of(sock)), folder)
            _tell_sign_up(settings)
            await combined.page()
            if open_page:
                await _open(url)

        return process.run(sock, load, ready)


def run_server(host: str, port: int, data_dir: Path | None) -> int:
    """Serve the server alone; gives the exit code."""
    folder = data_folder(data_dir)
    settings = ServerSettings(data_dir=folder)
    with bind(host, port) as sock:

        async def ready(_server: Part) -> None:
            _tell(local_url(host, port_of(sock)), colleague_urls(host, port_of(sock)), folder)
            _tell_sign_up(settings)

        return process.run(sock, partial(_server, settings), ready)


def run_page(server_url: str, host: str, port: int, data_dir: Path | None, *, open_page: bool) -> int:
    """Serve the page alone, for the server at `server_url`; gives the exit code."""
    folder = data_folder(data_dir)
    with bind(host, port) as sock:
        url = local_url(host, port_of(sock))

        async def ready(_page: Part) -> None:
            _tell(url, colleague_urls(host, port_of(sock)), folder)
            _line("Server", server_url)
            if open_page:
                await _open(url)

        return process.run(sock, partial(_page, server_url, folder), ready)


@needing("server")
def _server(settings: ServerSettings) -> Part:
    from antiphon.server.app import create_app

    return Part(create_app(settings))


@needing("web")
def _page(server_url: str, data_dir: Path) -> Part:
    from antiphon.web.app import create_app
    from antiphon.web.settings import PageSettings

    return Part(create_app(PageSettings(server_url=server_url, data_dir=data_dir)))


async def _import_page(server_url: str, data_dir: Path) -> Part:
    """Import the page beside the running server, whose `/health` must not wait for it."""
    with needing("web"):
        await asyncio.to_thread(importlib.import_module, "antiphon.web.app")
    return _page(server_url, data_dir)


async def _open(url: str) -> None:
    if not await asyncio.to_thread(webbrowser.open, url):
        typer.echo("No browser found here: open the address above in yours.")


def _tell(url: str, for_colleagues: list[str], data_dir: Path) -> None:
    typer.echo(f"Antiphon {version('antiphon')} is running. Ctrl-C stops it.")
    _line("Address", url)
    for address in for_colleagues:
        _line("Colleagues", address)
    _line("Data", str(data_dir))


def _tell_sign_up(settings: ServerSettings) -> None:
    role = settings.default_user_role
    _line(
        "Sign-up",
        f"open to whoever reaches the address; role: {role} (the first account: admin)"
        if settings.enable_signup
        else "closed (ENABLE_SIGNUP=true opens it)",
    )


def _line(name: str, text: str) -> None:
    typer.echo(f"  {name:<11}{text}")
