"""`antiphon backup` and `antiphon restore`, beside a server that runs."""

from __future__ import annotations

import json
import os
import pty
import resource
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command import antiphon
from tests.processes import AntiphonProcess, inherited_environment


class Ada:
    """The administrator of a server that runs."""

    def __init__(self, process: AntiphonProcess) -> None:
        self.process = process
        self.token = ""
        person = {"name": "Ada", "email": "ada@example.org", "password": "a good password"}
        self.token = self.ask("/api/v1/auths/signup", person)["token"]
        self.general = self.ask("/api/v1/channels/")[0]["id"]

    def ask(self, path: str, body: object = None) -> Any:
        """Ask the server."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.process.url + path, data, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def say(self, text: str) -> None:
        """Post a message."""
        self.ask(f"/api/v1/channels/{self.general}/messages/post", {"content": text})

    def said(self) -> list[str]:
        """Give what stands in the channel, oldest first."""
        return [m["content"] for m in self.ask(f"/api/v1/channels/{self.general}/messages")][::-1]


@pytest.fixture
def ada(tmp_path: Path) -> Iterator[Ada]:
    """A server with one account and one message."""
    with AntiphonProcess(tmp_path / "data", "serve") as process:
        one = Ada(process)
        one.say("first")
        yield one


def test_a_server_goes_on_through_backup_and_restore(ada: Ada, tmp_path: Path) -> None:
    """It is not stopped for either, and shows what was restored."""
    file, folder = tmp_path / "today.backup", ada.process.data_dir
    done = antiphon("backup", file, "--data-dir", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 accounts, 1 messages" in done.stdout
    ada.say("second")
    assert ada.said() == ["first", "second"]

    refused = antiphon("restore", file, "--data-dir", folder)
    assert refused.returncode == 1
    assert "--replace" in refused.stderr
    assert ada.said() == ["first", "second"]

    done = antiphon("restore", file, "--data-dir", folder, "--replace")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Restored what was there on 20")
    assert ada.said() == ["first"]
    ada.process.wait_for_line("the database was restored")
    ada.say("third")
    assert ada.said() == ["first", "third"]


def test_a_backup_moves_a_server_into_an_empty_folder(ada: Ada, tmp_path: Path) -> None:
    """Nothing else is needed there; people sign in again."""
    file = tmp_path / "today.backup"
    assert antiphon("backup", file, "--data-dir", ada.process.data_dir).returncode == 0
    assert antiphon("restore", file, "--data-dir", tmp_path / "new").returncode == 0
    with AntiphonProcess(tmp_path / "new", "serve") as moved:
        ada.process = moved
        person = {"email": "ada@example.org", "password": "a good password"}
        ada.token = ada.ask("/api/v1/auths/signin", person)["token"]
        assert ada.said() == ["first"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("backup", "{tmp}/missing/file"), "takes the name of a file in a folder that is there"),
        (("backup", "{tmp}"), "takes the name of a file in a folder that is there"),
        (("backup", "{tmp}/there"), "is there already; --force"),
        (("restore", "{tmp}/missing"), "there is no file"),
        (("restore", "{tmp}/there"), "no backup of Antiphon"),
        (("backup", "{tmp}/x", "--data-dir", "{tmp}/empty"), "there is nothing to back up"),
    ],
)
def test_what_cannot_be_done_is_one_line_that_says_why(
    ada: Ada, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    """And nothing is changed."""
    (tmp_path / "there").write_text("mine")
    given = [one.format(tmp=tmp_path) for one in arguments]
    if "--data-dir" not in given:
        given += ["--data-dir", str(ada.process.data_dir)]
    done = antiphon(*given)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert (tmp_path / "there").read_text() == "mine"
    assert ada.said() == ["first"]


def test_a_backup_for_which_there_is_no_room_leaves_no_file(ada: Ada, tmp_path: Path) -> None:
    """The reason is said in one line."""
    file = tmp_path / "today.backup"

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))

    done = subprocess.run(
        [sys.executable, "-m", "antiphon", "backup", file, "--data-dir", ada.process.data_dir],
        env=inherited_environment(),
        preexec_fn=little_room,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert "too large" in done.stderr
    assert not file.exists()
    assert not file.with_name("today.backup.part").exists()


def test_a_restore_that_is_killed_changes_nothing(ada: Ada, tmp_path: Path) -> None:
    """It is one transaction, whenever it is cut."""
    file, folder = tmp_path / "today.backup", ada.process.data_dir
    for number in range(40):
        ada.say(f"number {number} " + "x" * 5_000)
    assert antiphon("backup", file, "--data-dir", folder).returncode == 0
    ada.say("after the backup")
    before = ada.said()

    killed = subprocess.Popen(
        [sys.executable, "-c", _KILLED_BEFORE_ITS_END, "restore", file, "--data-dir", folder, "--replace"],
        env=inherited_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    _, told = killed.communicate(timeout=30)
    assert killed.returncode == -9, told
    assert ada.said() == before
    ada.say("and it goes on")
    assert ada.said()[-1] == "and it goes on"


_KILLED_BEFORE_ITS_END = """
import os, signal
from antiphon.cli import backups, main
from antiphon.server.backups import restore
seen = []
def tell(table, done, total):
    seen.append(table)
    if table == "messages" and done and len([one for one in seen if one == "messages"]) > 1:
        os.kill(os.getpid(), signal.SIGKILL)
import contextlib
@contextlib.contextmanager
def shown(what):
    yield tell
backups._shown = shown
raise SystemExit(main())
"""


def test_a_terminal_shows_how_far_it_is(ada: Ada, tmp_path: Path) -> None:
    """A bar with the table that is being written."""
    leader, follower = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "antiphon", "backup", tmp_path / "a", "--data-dir", ada.process.data_dir],
        env={**inherited_environment(), "TERM": "xterm", "COLUMNS": "100"},
        stderr=follower,
        stdout=subprocess.DEVNULL,
    )
    os.close(follower)
    shown, until = b"", time.monotonic() + 30
    while time.monotonic() < until:
        try:
            some = os.read(leader, 65536)
        except OSError:
            break
        if not some:
            break
        shown += some
    os.close(leader)
    assert running.wait(30) == 0
    assert b"Backing up" in shown
    assert b"%" in shown
