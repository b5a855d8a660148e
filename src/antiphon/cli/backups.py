"""`antiphon backup` and `antiphon restore`: everything the server keeps, in one file and back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from antiphon.cli.failures import StartFailed
from antiphon.server.about.build import our_version
from antiphon.server.backups.archive import BadBackup, Content
from antiphon.server.backups.restore import NotEmpty, restore
from antiphon.server.backups.take import Progress as Tell
from antiphon.server.backups.take import take_backup
from antiphon.server.files.shelf import FOLDER, Shelf
from antiphon.server.settings import ServerSettings
from antiphon.server.storage.address import shown
from antiphon.server.storage.database import Database

COUNTED = {"users": "accounts", "messages": "messages", "chats": "chats"}


def back_up(settings: ServerSettings, file: Path, *, force: bool) -> None:
    """Write a backup; the server may be running meanwhile."""
    if file.is_dir() or not file.parent.is_dir():
        raise StartFailed(f"{str(file)!r} takes the name of a file in a folder that is there")
    if file.exists() and not force:
        raise StartFailed(f"{str(file)!r} is there already; --force writes over it")
    _must_be_there(settings)
    with _shown("Backing up") as tell:
        counts = asyncio.run(_back_up(settings, file, tell))
    size = file.stat().st_size / 2**20
    _say(
        f"{file}: {_counted(counts)}, {size:.1f} MiB. Keep it safe: it holds every message and password hash."
    )


def put_back(settings: ServerSettings, file: Path, *, replace: bool) -> None:
    """Restore a backup; a running server notices, and everybody's pages come back to what it holds."""
    try:
        with _shown("Restoring") as tell:
            content, counts = asyncio.run(_put_back(settings, file, replace, tell))
    except (BadBackup, NotEmpty) as error:
        raise StartFailed(str(error)) from None
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(content.made_at))
    _say(f"Restored what was there on {made}: {_counted(counts)}.")


async def _back_up(settings: ServerSettings, file: Path, tell: Tell) -> dict[str, int]:
    database = Database(settings.database_address)
    try:
        await database.migrate()
        return await take_backup(
            database, Shelf(settings.folder / FOLDER), file, version=our_version(), progress=tell
        )
    except SQLAlchemyError as error:
        raise _unusable(settings, error) from error
    finally:
        await database.close()


async def _put_back(
    settings: ServerSettings, file: Path, replace: bool, tell: Tell
) -> tuple[Content, dict[str, int]]:
    database = Database(settings.database_address)
    try:
        await database.migrate()
        return await restore(database, Shelf(settings.folder / FOLDER), file, replace=replace, progress=tell)
    except SQLAlchemyError as error:
        raise _unusable(settings, error) from error
    finally:
        await database.close()


def _must_be_there(settings: ServerSettings) -> None:
    address = make_url(settings.database_address)
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").is_file():
        # A folder named wrongly must not become a new, empty server's.
        raise StartFailed(f"there is nothing to back up: there is no {address.database}")


def _unusable(settings: ServerSettings, error: SQLAlchemyError) -> StartFailed:
    reason = " ".join(str(getattr(error, "orig", None) or error).split())
    return StartFailed(f"the database {shown(settings.database_address)}: {reason}; nothing was changed")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{counts[table]:,} {name}" for table, name in COUNTED.items())


@contextmanager
def _shown(what: str) -> Iterator[Tell]:
    """A bar on standard error, where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)

        def tell(table: str, done: int, total: int) -> None:
            progress.update(task, description=f"{what}: {table}", completed=done, total=max(total, 1))

        yield tell


def _say(text: str) -> None:
    Console(highlight=False, soft_wrap=True).print(text, markup=False)
