"""The commands that keep what a server holds: `antiphon backup` and `antiphon restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli.extras import needing

DataDir = Annotated[
    Path | None,
    typer.Option(
        envvar="ANTIPHON_DATA_DIR",
        metavar="FOLDER",
        help="Where everything is kept.",
        show_default="this system's folder for a person's data",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
    data_dir: DataDir = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write everything the server keeps into one file; it may be running meanwhile."""
    with needing("server"):
        from antiphon.cli.backups import back_up
        from antiphon.cli.data_folder import data_folder
        from antiphon.server.settings import ServerSettings

    back_up(ServerSettings(data_dir=data_folder(data_dir)), file, force=force)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that backup wrote.")],
    data_dir: DataDir = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the accounts and messages that are there.")
    ] = False,
) -> None:
    """Put a backup back; a server that runs meanwhile begins anew with it."""
    with needing("server"):
        from antiphon.cli.backups import put_back
        from antiphon.cli.data_folder import data_folder
        from antiphon.server.settings import ServerSettings

    put_back(ServerSettings(data_dir=data_folder(data_dir)), file, replace=replace)
