"""One SQLite file for each account of a person on this machine: what must outlive a process.

Several processes of one person share it. It is opened in WAL mode with every commit on the disk, in a thread
of its own, so that no disk holds up the event loop. Whoever keeps something in it owns tables of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from antiphon.client.errors import AntiphonError

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

BUSY = 5.0
"""Seconds to wait for another process that writes at this moment."""
KEPT_ASIDE = 3
"""Damaged files that are kept for whoever wants to look into them; the oldest goes with a further one."""
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNUSABLE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOLFS,
}


class FileUnusable(AntiphonError):
    """The file cannot be read or written now: no room, no right, no folder, or it is closed."""


class _ReplacedError(Exception):
    """Another process has set the file aside, or somebody has deleted it."""


@dataclass(slots=True, eq=False)
class _Job:
    kind: Literal["write", "read", "watch"]
    work: Work[Any]
    lasting: bool
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]

    def give(self, result: Any, error: BaseException | None = None) -> None:
        """Hand the outcome to whoever waits."""
        with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
            self.loop.call_soon_threadsafe(self._settle, result, error)

    def _settle(self, result: Any, error: BaseException | None) -> None:
        if self.answer.done():
            return
        if error is None:
            self.answer.set_result(result)
        else:
            self.answer.set_exception(error)


class AccountFile:
    """The file of one account: a server's address and the id of a person there.

    Works that wait at the same time share a commit; each of them is still done wholly or not at all. A file
    that proves to be damaged is set aside and a fresh one begun: `on_fresh` is told, so that what is still
    known can be kept again.
    """

    def __init__(self, folder: Path, url: str, user_id: str, *, now: Callable[[], float] = time.time) -> None:
        """Nothing is touched yet; `open` is the way to get one that works."""
        self.url = address(url)
        self.user_id = user_id
        self.path = folder / file_name(url, user_id)
        self.on_fresh: list[Callable[[], None]] = []
        """Called on the event loop after a fresh file has taken the place of a lost one."""
        self.generation = 0
        """Counts the fresh files that have taken the place of a lost one."""
        self.set_aside: Path | None = None
        """Where a damaged file went, if one was found since the opening."""
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._schemas: dict[str, tuple[str, ...]] = {}
        self._jobs: deque[_Job] = deque()
        self._closed = False
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._seen = -1
        self._lasting = True
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="antiphon-account")

    @classmethod
    async def open(
        cls, folder: Path, url: str, user_id: str, *, now: Callable[[], float] = time.time
    ) -> Self:
        """Open the account's file in `folder`, making both if need be (modes 700 and 600).

        Raises `FileUnusable`. `now` gives unix seconds.
        """
        file = cls(folder, url, user_id, now=now)
        try:
            await file._job("watch", lambda _: None, lasting=False)
        except BaseException:  # also when cancelled: the thread is ended, and the cause goes on
            await file.close()
            raise
        return file

    async def close(self) -> None:
        """Finish what was begun, close the file and end its thread. Later works raise `FileUnusable`."""
        if self._closed:
            return
        self._closed = True
        ended = self._loop.run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown(wait=False)
        await ended

    async def schema(self, name: str, steps: Sequence[str]) -> None:
        """Bring the tables of one user of the file up to date: one SQL statement for each step.

        The number of steps done is kept, so that a later release only appends. Raises `FileUnusable`, also
        when the file was written by a later release.
        """
        self._schemas[name] = tuple(steps)
        try:
            await self.run(lambda connection: _migrate(connection, name, steps))
        except FileUnusable:
            del self._schemas[name]
            raise

    async def run(self, work: Work[T], *, lasting: bool = True) -> T:
        """Do some work in one immediate transaction, in the file's thread, and give its result.

        An error inside undoes the work and is raised. `lasting`: once it is done not even a power cut undoes
        it; without, a power cut may, the end of a process may not. Raises `FileUnusable`.
        """
        result: T = await self._job("write", work, lasting=lasting)
        return result

    async def read(self, work: Work[T]) -> T:
        """Look at the file without keeping others from writing. Raises `FileUnusable`."""
        result: T = await self._job("read", work, lasting=False)
        return result

    async def changed(self) -> bool:
        """Whether anybody else has changed the file since the last time this was asked. Cheap."""
        return bool(await self._job("watch", self._look_for_change, lasting=False))

    async def _job(self, kind: Literal["write", "read", "watch"], work: Work[Any], *, lasting: bool) -> Any:
        if self._closed:
            raise FileUnusable("the account's file is closed")
        loop = asyncio.get_running_loop()
        job = _Job(kind, work, lasting, loop, loop.create_future())
        self._jobs.append(job)
        self._thread.submit(self._work_off)
        return await job.answer

    # In the file's thread

    def _work_off(self) -> None:
        jobs: list[_Job] = []
        with suppress(IndexError):
            while True:
                jobs.append(self._jobs.popleft())
        for kind in ("watch", "read", "write"):  # What was written before this moment is seen by all of them.
            some = [job for job in jobs if job.kind == kind]
            if some:
                self._do(some)

    def _do(self, jobs: list[_Job]) -> None:
        try:
            try:
                outcomes = self._together(jobs)
            except (_ReplacedError, sqlite3.DatabaseError) as error:
                if not self._begin_afresh(error):
                    raise
                outcomes = self._together(jobs)
        except (OSError, sqlite3.Error, FileUnusable, _ReplacedError) as error:
            self._disconnect()
            reason = _words(error)
            for job in jobs:
                job.give(None, FileUnusable(reason))
            return
        for job, (result, failure) in zip(jobs, outcomes, strict=True):
            job.give(result, failure)

    def _together(self, jobs: list[_Job]) -> list[tuple[Any, Exception | None]]:
        """Do several works in one transaction, each wholly or not at all."""
        connection = self._connected()
        if jobs[0].kind == "watch":
            return [(job.work(connection), None) for job in jobs]
        lasting = any(job.lasting for job in jobs)
        if lasting != self._lasting:
            connection.execute(f"PRAGMA synchronous={'FULL' if lasting else 'NORMAL'}")
            self._lasting = lasting
        connection.execute("BEGIN" if jobs[0].kind == "read" else "BEGIN IMMEDIATE")
        try:
            outcomes = [_one(connection, job.work) for job in jobs]
            connection.execute("COMMIT")
        except BaseException:  # whatever it was: nothing of it stays, and the cause goes on
            with suppress(sqlite3.Error):  # a failed commit may have ended the transaction already
                connection.execute("ROLLBACK")
            raise
        return outcomes

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None:
            try:
                same = self.path.stat().st_ino == self._inode
            except FileNotFoundError:
                same = False
            if same:
                return self._connection
            raise _ReplacedError
        self._connection = self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        folder = self.path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        # The -wal and -shm files take over the mode of the file itself.
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        self.path.chmod(0o600)
        self._inode = self.path.stat().st_ino
        connection = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            # A person's few messages are read through in a moment; better now than in the middle of a send.
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            _check_sound(found)
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS schemas (name TEXT PRIMARY KEY, version INTEGER NOT NULL)"
            )
            for name, steps in self._schemas.items():
                _migrate(connection, name, steps)
            connection.execute("COMMIT")
        except BaseException:  # whatever it was: nothing is left open, and the cause goes on
            connection.close()
            raise
        self._lasting = True
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):  # whatever could not be finished was told where it was asked for
                connection.close()

    def _begin_afresh(self, error: Exception) -> bool:
        """Make way for a fresh file; False when the error says nothing against the one that is there."""
        if isinstance(error, _ReplacedError):
            log.warning(
                "the account file %s has been replaced or deleted; going on with a fresh one", self.path
            )
        elif _code(error) in _DAMAGED:
            self._put_aside(error)
        else:
            return False
        self._disconnect()
        self.generation += 1
        with suppress(RuntimeError):  # the loop has ended, and nobody keeps anything any more
            self._loop.call_soon_threadsafe(self._tell_fresh)
        return True

    def _put_aside(self, error: Exception) -> None:
        self._disconnect()
        try:
            if self.path.stat().st_ino != self._inode:
                return  # Another process was quicker: what is there now is fresh.
        except FileNotFoundError:
            return
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(self._now()))
        for number in range(1000):
            aside = self.path.with_name(f"{self.path.stem}.damaged-{stamp}-{number:03}")
            if not aside.exists():
                break
        for ending in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{self.path}{ending}").rename(f"{aside}{ending}")
        self.set_aside = aside
        log.error(
            "the account file %s is damaged (%s): it was set aside as %s, and a fresh one is begun; what was"
            " not sent yet and is known only to that file can be looked for there",
            self.path,
            error,
            aside.name,
        )
        asides = sorted(self.path.parent.glob(f"{self.path.stem}.damaged-*"))
        for old in [one for one in asides if not one.name.endswith(("-wal", "-shm"))][:-KEPT_ASIDE]:
            for ending in ("", "-wal", "-shm"):
                Path(f"{old}{ending}").unlink(missing_ok=True)

    def _look_for_change(self, connection: sqlite3.Connection) -> bool:
        (number,) = connection.execute("PRAGMA data_version").fetchone()
        before, self._seen = self._seen, number
        return bool(number != before)

    # On the event loop

    def _tell_fresh(self) -> None:
        for callback in tuple(self.on_fresh):
            callback()


def address(url: str) -> str:
    """Give a server's address in the one way in which it names files."""
    parts = urlsplit(url.strip())
    port = "" if parts.port in {None, {"http": 80, "https": 443}.get(parts.scheme)} else f":{parts.port}"
    return f"{parts.scheme}://{(parts.hostname or '').lower()}{port}{parts.path.rstrip('/')}"


def file_name(url: str, user_id: str) -> str:
    """Give the name of an account's file: the server's name for people, the rest for certainty."""
    account = f"{address(url)}\n{user_id}"
    host = re.sub(r"[^a-z0-9.-]", "_", (urlsplit(address(url)).hostname or "server"))[:40]
    return f"{host}-{hashlib.sha256(account.encode()).hexdigest()[:24]}.sqlite3"


def _one(connection: sqlite3.Connection, work: Work[Any]) -> tuple[Any, Exception | None]:
    connection.execute("SAVEPOINT work")
    try:
        result = work(connection)
    except Exception as error:  # it is the asker's: given back to it, after its work was undone
        if _code(error) in _DAMAGED | _UNUSABLE:
            raise
        connection.execute("ROLLBACK TO work")
        connection.execute("RELEASE work")
        return None, error
    connection.execute("RELEASE work")
    return result, None


def _code(error: BaseException) -> int:
    """Give SQLite's primary code of an error; 0 when it is none of SQLite's."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _migrate(connection: sqlite3.Connection, name: str, steps: Sequence[str]) -> None:
    row = connection.execute("SELECT version FROM schemas WHERE name = ?", (name,)).fetchone()
    done = row["version"] if row else 0
    if done > len(steps):
        raise FileUnusable(
            f"the account's file was written by a later release of antiphon ({name} {done}); update this one"
        )
    for step in steps[done:]:
        connection.execute(step)
    connection.execute("INSERT OR REPLACE INTO schemas (name, version) VALUES (?, ?)", (name, len(steps)))


def _check_sound(found: str) -> None:
    if found != "ok":
        error = sqlite3.DatabaseError(found)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _words(error: BaseException) -> str:
    match error:
        case OSError():
            return f"the account's file cannot be used: {error.strerror or error}"
        case _ReplacedError():
            return "the account's file was replaced while it was being used"
        case FileUnusable():
            return str(error)
    return f"the account's file cannot be used: {error}"
