"""The commands that talk to a server as a person: login, logout, send, tail, doctor."""

from __future__ import annotations

from typing import Annotated

import typer

from antiphon.cli.failures import StartFailed

Server = Annotated[
    str | None,
    typer.Option("--server", metavar="URL", help="Another server than the current one.", show_default=False),
]


def login(
    url: Annotated[
        str | None, typer.Argument(metavar="[URL]", help="The server's address.", show_default=False)
    ] = None,
    email: Annotated[
        str | None, typer.Option("--email", metavar="EMAIL", help="Who; asked for otherwise.")
    ] = None,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the password, or the token, from the first line of input.")
    ] = False,
    token: Annotated[
        bool, typer.Option("--token", help="Keep a token or API key that you have, instead of a password.")
    ] = False,
) -> None:
    """Sign in at a server, which then is the current one; without an address, list the servers."""
    from antiphon.cli.sign_in import run_list, run_login

    if url is None and (email is not None or stdin or token):
        raise StartFailed("which server? Give its address: antiphon login URL", code=2)
    raise typer.Exit(run_list() if url is None else run_login(url, email, stdin=stdin, token=token))


def logout(
    url: Annotated[
        str | None,
        typer.Argument(metavar="[URL]", help="The server; the current one otherwise.", show_default=False),
    ] = None,
) -> None:
    """End the session at a server, and forget its token."""
    from antiphon.cli.sign_in import run_logout

    raise typer.Exit(run_logout(url))


def send(
    channel: Annotated[
        str, typer.Argument(metavar="CHANNEL", help="Its name, #name or id; @name for a direct conversation.")
    ],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The message; - reads it from the input.")],
    server: Server = None,
) -> None:
    """Send a message, wait until it is stored, and print its id."""
    from antiphon.cli.send import run_send

    raise typer.Exit(run_send(server, channel, text))


def tail(
    channel: Annotated[
        list[str] | None,
        typer.Option("--channel", metavar="NAME", help="Only of this channel (name or id); may be repeated."),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only of this type, as message; may be repeated."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing about the link.")] = False,
    server: Server = None,
) -> None:
    """Print live events as JSON lines, and after a break the messages that were missed."""
    from antiphon.cli.tail import run_tail

    raise typer.Exit(run_tail(server, channel or (), kind or (), quiet=quiet))


def doctor(
    url: Annotated[
        str | None,
        typer.Argument(metavar="[URL]", help="The server; the current one otherwise.", show_default=False),
    ] = None,
) -> None:
    """Find out which hop to a server fails, and why."""
    from antiphon.cli.doctor import run_doctor

    raise typer.Exit(run_doctor(url))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (login, logout, send, tail, doctor):
        app.command()(command)
