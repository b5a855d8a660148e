"""What a client keeps on the disk: opens the file of its account, watches it, and says when nothing is kept.

The account is the server's address with the id of a person there. Until the server has said who that is, the
token names it: its content is read without being checked, only to find the file, and nothing is sent from
there as anybody else.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeVar

from platformdirs import user_data_path

from antiphon.client.context import Context
from antiphon.client.kept.account_file import AccountFile, FileUnusable, file_name
from antiphon.client.store import Store

log = logging.getLogger(__name__)

T = TypeVar("T")

OPENING = 5.0
"""Seconds for which a file is waited for that is being opened."""
FOLDER = "ANTIPHON_CLIENT_DIR"
"""The environment's name for the folder that clients use which were given none."""


class Keeping(StrEnum):
    """Whether what a person writes outlives this process."""

    MEMORY = "memory"
    """It was wished that nothing is kept."""
    WAITING = "waiting"
    """It is not known yet whose file it is."""
    DURABLE = "durable"
    FAILING = "failing"
    """The disk is full, the folder cannot be written …: everything goes on in memory, and is tried again."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Whether and where a client keeps things; `reason` says in words why not.

    `set_aside`: a file that proved to be damaged, whose place a fresh one took.
    """

    state: Keeping
    reason: str | None = None
    path: Path | None = None
    set_aside: Path | None = None


class Keeper(Protocol):
    """A part of the client that keeps something in the file."""

    @property
    def tables(self) -> tuple[str, Sequence[str]]:
        """Its name in the file and the steps that make its tables."""
        ...

    async def opened(self, file: AccountFile) -> None:
        """Take what the file holds, and keep there what it lacks. Also called after a loss of the file, and
        when it works again. May raise `FileUnusable`.
        """
        ...

    async def changed(self) -> None:
        """Another process has changed the file. May raise `FileUnusable`."""
        ...

    async def leave(self, file: AccountFile) -> None:
        """It was another person's: take back what this client has put there. May raise `FileUnusable`."""
        ...


class Storage:
    """Keeps the account's file open for as long as the client runs."""

    def __init__(self, context: Context, store: Store[Kept] | None = None) -> None:
        self._context = context
        self.store = store if store is not None else Store(Kept(Keeping.WAITING))
        self.store.set(Kept(Keeping.WAITING if context.durable else Keeping.MEMORY))
        self._keepers: list[Keeper] = []
        self._file: AccountFile | None = None
        self._running = False
        self._wanted = False  # to open the file anew
        self._news = asyncio.Event()
        self._looked = asyncio.Event()

    def add(self, keeper: Keeper) -> None:
        """Add a part that keeps something; before `run`."""
        self._keepers.append(keeper)

    @property
    def file(self) -> AccountFile | None:
        """The file, while it works."""
        return self._file if self.store.value.state is Keeping.DURABLE else None

    @property
    def opening(self) -> bool:
        """Whether it will be known in a moment if things are kept: it is known whose file it is."""
        return self._running and self.store.value.state is Keeping.WAITING and self._whose() is not None

    @property
    def user_id(self) -> str | None:
        """Whose file is open."""
        return self._file.user_id if self._file is not None else None

    @property
    def failing(self) -> bool:
        """Whether there is a file that does not work."""
        return self.store.value.state is Keeping.FAILING

    async def usable(self) -> AccountFile | None:
        """Give the file, while it works."""
        return self.file

    async def looked(self) -> None:
        """Wait until the file was opened, or is known not to open, or it must be asked whose it is."""
        await self._looked.wait()

    async def ready(self) -> AccountFile | None:
        """Give the file, while it works and is that of the person signed in; one that is being opened is
        waited for, for a moment.
        """
        if self.store.value.state is Keeping.WAITING:
            decided = asyncio.Event()

            def look(kept: Kept) -> None:
                if kept.state is not Keeping.WAITING:
                    decided.set()

            release = self.store.subscribe(look)
            try:
                async with asyncio.timeout(OPENING):
                    await decided.wait()
            except TimeoutError:
                return None
            finally:
                release()
        return self.file if self.user_id == self._context.user_id else None

    async def settled(self) -> None:
        """Wait until the file is open, or fails, if it is known whose it is."""
        if self._whose() is None:
            return
        left = asyncio.Event()
        release = self.store.subscribe(lambda kept: left.set() if kept.state is not Keeping.WAITING else None)
        try:
            await left.wait()
        finally:
            release()

    def failed(self, error: FileUnusable) -> None:
        """Take note that the file does not work; it is tried again after a while."""
        if not self.failing:
            log.warning("%s; messages that wait are kept in memory alone until it works again", error)
        kept = replace(self.store.value, state=Keeping.FAILING, reason=str(error))
        if kept != self.store.value:
            self.store.set(kept)
        self._want()

    async def run(self) -> None:
        """Open the file as soon as it is known whose it is, watch it, and open it again when it is lost."""
        context, delays = self._context, self._context.delays
        if not context.durable:
            self._looked.set()
            return
        release = context.link.subscribe(lambda _: self._look_whose())
        self._running = True
        try:
            while True:
                self._wanted = False
                whose = self._whose()
                if whose is not None:
                    await self._try(whose)
                self._looked.set()
                if self.file is None:
                    self._news.clear()  # While it fails only time helps, or to learn who it is.
                    await self._pause(None if whose is None else delays.storage_again)
                else:
                    await self._watch()
        finally:
            self._running = False
            self._looked.set()
            release()

    async def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            await file.close()

    def _whose(self) -> str | None:
        return self._context.user_id or account_id(self._context.token)

    def _look_whose(self) -> None:
        known = self._context.user_id
        if known is not None and known != self.user_id and (self._file is None or not self.failing):
            self._want()

    async def _try(self, whose: str) -> None:
        try:
            if self._file is not None and self._file.user_id != whose:
                await self._leave(self._file)
            if self._file is None:
                folder = client_folder(self._context.data_dir)
                self._file = await AccountFile.open(
                    folder, self._context.url, whose, now=self._context.clock.now
                )
                self._file.on_fresh.append(self._want)
            file = self._file
            for keeper in self._keepers:
                await file.schema(*keeper.tables)
            if self.failing:
                log.info("the account file works again")
            # From here on everything is written in the order in which it happens, what is taken over first.
            self.store.set(Kept(Keeping.DURABLE, None, file.path, file.set_aside))
            for keeper in self._keepers:
                await keeper.opened(file)
        except FileUnusable as error:
            self.failed(error)

    async def _leave(self, file: AccountFile) -> None:
        """The server says that this is somebody else than the token said."""
        log.warning("the token names another account than the server; its file is left alone")
        self._file = None
        self.store.set(Kept(Keeping.WAITING))
        try:
            for keeper in self._keepers:
                await keeper.leave(file)
        finally:
            await file.close()

    async def _watch(self) -> None:
        """Tell what other processes change, until the file is lost or wanted anew."""
        file = self._file
        while file is not None and not self._wanted:
            try:
                if await file.changed():
                    for keeper in self._keepers:
                        await keeper.changed()
            except FileUnusable as error:
                self.failed(error)
                return
            await self._pause(self._context.delays.storage_watch)

    def _want(self) -> None:
        self._wanted = True
        self._news.set()

    async def _pause(self, seconds: float | None) -> None:
        cancel = None if seconds is None else self._context.clock.call_later(seconds, self._news.set)
        try:
            await self._news.wait()
            self._news.clear()
        finally:
            if cancel is not None:
                cancel()


def client_folder(data_dir: Path | None) -> Path:
    """Give the folder for the files of accounts."""
    if data_dir is not None:
        return data_dir / "accounts"
    named = os.environ.get(FOLDER)
    return (Path(named) if named else user_data_path("antiphon", appauthor=False)) / "accounts"


def account_id(token: str | None) -> str | None:
    """Give the person's id that a token carries; None when it carries none. Nothing of it is checked."""
    parts = (token or "").split(".")
    if len(parts) != 3:
        return None
    try:
        content = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return None
    found = content.get("id") if isinstance(content, dict) else None
    return found if isinstance(found, str) and 0 < len(found) <= 200 else None


async def look_into(
    data_dir: Path | None, url: str, user_id: str, look: Callable[[sqlite3.Connection], T]
) -> T | None:
    """Look into an account's file if there is one, without making any; None when there is none or it does
    not open.
    """
    folder = client_folder(data_dir)
    if not await asyncio.to_thread((folder / file_name(url, user_id)).exists):
        return None
    try:
        file = await AccountFile.open(folder, url, user_id)
    except FileUnusable as error:
        log.warning("%s", error)
        return None
    try:
        return await file.read(look)
    except (FileUnusable, sqlite3.OperationalError) as error:  # the latter: a file without that table
        log.debug("an account file holds nothing of that kind: %s", type(error).__name__)
        return None
    finally:
        await file.close()
