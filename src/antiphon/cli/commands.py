"""The commands and their options."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from antiphon.cli import keeping, talking
from antiphon.cli.extras import needing
from antiphon.cli.failures import StartFailed, report, say
from antiphon.cli.listening import PORT_VALUES

app = typer.Typer(
    name="antiphon",
    help="Open WebUI's live layer: people and models, live in every window.",
    epilog="Without a command: server and page in one process on one port.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
user = typer.Typer(help="Look after accounts.", no_args_is_help=True)
app.add_typer(user, name="user")


def parse_port(given: str | int) -> int:
    """A port as a person writes it (or the default, a number)."""
    text = str(given)
    if text.isascii() and text.isdigit() and int(text) <= 65535:
        return int(text)
    raise typer.BadParameter(f"{text!r}: {PORT_VALUES}")


def parse_server_url(text: str) -> str:
    """The address of an Open WebUI, without the slash at its end."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fine = False
    if not fine or parts.query or parts.fragment:
        raise typer.BadParameter(
            f"{text!r}: takes an address like https://chat.example.org or http://127.0.0.1:8080"
        )
    return text.rstrip("/")


Host = Annotated[
    str,
    typer.Option(
        envvar="ANTIPHON_HOST", metavar="ADDRESS", help="Where to listen; 0.0.0.0 lets colleagues in."
    ),
]
Port = Annotated[
    int,
    typer.Option(
        envvar="ANTIPHON_PORT",
        metavar="PORT",
        parser=parse_port,
        help="Port to listen on; 0 takes a free one.",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        envvar="ANTIPHON_DATA_DIR",
        metavar="FOLDER",
        help="Where everything is kept.",
        show_default="this system's folder for a person's data",
    ),
]
Open = Annotated[
    bool, typer.Option("--open/--no-open", envvar="ANTIPHON_OPEN", help="Open the page in the browser.")
]
ServerUrl = Annotated[
    str,
    typer.Option(
        "--server",
        envvar="ANTIPHON_SERVER",
        metavar="URL",
        parser=parse_server_url,
        help="Address of the Open WebUI or Antiphon server.",
    ),
]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"antiphon {version('antiphon')}")
        raise typer.Exit


@app.callback()
def together(
    context: typer.Context,
    host: Host = "127.0.0.1",
    port: Port = 8400,
    data_dir: DataDir = None,
    open_page: Open = True,
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Run server and page in one process on one port."""
    if context.invoked_subcommand is not None:
        _refuse_misplaced_options(context)
        return
    with needing("server", "web"):
        from antiphon.cli.launch import run_together

    raise typer.Exit(run_together(host, port, data_dir, open_page=open_page))


@app.command()
def serve(host: Host = "127.0.0.1", port: Port = 8400, data_dir: DataDir = None) -> None:
    """Run the server alone, for the page, the library or an Open WebUI client elsewhere."""
    with needing("server"):
        from antiphon.cli.launch import run_server

    raise typer.Exit(run_server(host, port, data_dir))


@app.command()
def page(
    server: ServerUrl,
    host: Host = "127.0.0.1",
    port: Port = 8400,
    data_dir: DataDir = None,
    open_page: Open = True,
) -> None:
    """Run the page alone, for a server elsewhere."""
    with needing("web"):
        from antiphon.cli.launch import run_page

    raise typer.Exit(run_page(server, host, port, data_dir, open_page=open_page))


talking.register(app)
keeping.register(app)


@user.command()
def password(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The account's address.")],
    data_dir: DataDir = None,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the password from the first line of input.")
    ] = False,
) -> None:
    """Give an account a new password."""
    new = sys.stdin.readline().rstrip("\r\n") if stdin else _ask_password()
    with needing("server"):
        from antiphon.cli.data_folder import data_folder
        from antiphon.cli.forgotten_password import set_password
        from antiphon.server.settings import ServerSettings

    set_password(ServerSettings(data_dir=data_folder(data_dir)), email, new)
    typer.echo(f"{email} has a new password.")


def _ask_password() -> str:
    if not sys.stdin.isatty():
        raise StartFailed("no terminal to ask on: give the password with --stdin", code=2)
    answer: str = typer.prompt("New password", hide_input=True, confirmation_prompt="Once more")
    return answer


def _refuse_misplaced_options(context: typer.Context) -> None:
    """`antiphon --port 1 serve` would quietly lose its port: say where it belongs."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE":
            raise StartFailed(f"{parameter.opts[0]} belongs behind {context.invoked_subcommand!r}", code=2)


def main() -> int:
    """Run the command; whatever goes wrong is one line on standard error and an exit code."""
    gc.disable()  # imports make no garbage, and looking for it is a fifth of a start; serving turns it on
    try:
        result: Any = app(prog_name="antiphon", standalone_mode=False)
    except typer.TyperException as error:
        say(_in_one_line(error))
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except Exception as error:  # noqa: BLE001 - a person gets one line, never a traceback
        return report(error)
    return result if isinstance(result, int) else 0


def _in_one_line(error: typer.TyperException) -> str:
    """A refused option by the name under which it was given: the option's or its variable's."""
    if (
        isinstance(error, typer.BadParameter)
        and error.param is not None
        and error.ctx is not None
        and error.message
    ):
        source = error.ctx.get_parameter_source(error.param.name or "")
        from_environment = source is not None and source.name == "ENVIRONMENT"
        name = error.param.envvar if from_environment else error.param.opts[0]
        wanted = "takes true or false" if "valid boolean" in error.message else error.message
        return f"{name} {wanted}"
    return " ".join(error.format_message().split())
