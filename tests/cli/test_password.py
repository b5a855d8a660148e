"""`antiphon user password`: a forgotten password, set by whoever runs the server."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command import antiphon
from tests.processes import AntiphonProcess, inherited_environment

EMAIL = "ada@example.org"
OLD, NEW = "the old password", "a better password"


def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """Post JSON, give JSON."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def signs_in(process: AntiphonProcess, password: str) -> bool:
    """Whether the server takes this password for the account."""
    try:
        post(f"{process.url}/api/v1/auths/signin", {"email": EMAIL, "password": password})
    except urllib.error.HTTPError as refusal:
        if refusal.code >= 500:
            raise
        return False
    return True


@pytest.fixture
def running(tmp_path: Path) -> Iterator[AntiphonProcess]:
    """A server with one account."""
    with AntiphonProcess(tmp_path, "serve") as process:
        post(f"{process.url}/api/v1/auths/signup", {"name": "Ada", "email": EMAIL, "password": OLD})
        yield process


def test_a_password_from_input_works_at_once_and_the_old_one_no_longer(running: AntiphonProcess) -> None:
    """The server need not be stopped for it."""
    done = antiphon("user", "password", EMAIL, "--stdin", "--data-dir", running.data_dir, stdin=f"{NEW}\n")

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{EMAIL} has a new password.\n", "")
    assert signs_in(running, NEW)
    assert not signs_in(running, OLD)


def test_the_address_is_found_in_any_case(running: AntiphonProcess) -> None:
    """People write their address as they like."""
    done = antiphon(
        "user", "password", "Ada@Example.org", "--stdin", "--data-dir", running.data_dir, stdin=NEW
    )

    assert done.returncode == 0
    assert signs_in(running, NEW)


def test_an_unknown_address_changes_nothing(running: AntiphonProcess) -> None:
    """The line names the address and where it was looked for."""
    done = antiphon(
        "user", "password", "bob@example.org", "--stdin", "--data-dir", running.data_dir, stdin=NEW
    )

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "no account 'bob@example.org'" in done.stderr
    assert str(running.data_dir) in done.stderr
    assert signs_in(running, OLD)


def test_a_folder_without_a_server_is_said_and_left_as_it_is(tmp_path: Path) -> None:
    """A mistyped folder does not get a database."""
    done = antiphon("user", "password", EMAIL, "--stdin", "--data-dir", tmp_path, stdin=NEW)

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"there is no {tmp_path / 'antiphon.db'}" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("weak", ["", "short", "        "])
def test_a_weak_password_is_refused_with_the_reason(weak: str, running: AntiphonProcess) -> None:
    """The rule is the sign-up's."""
    done = antiphon("user", "password", EMAIL, "--stdin", "--data-dir", running.data_dir, stdin=f"{weak}\n")

    assert done.returncode == 1
    assert done.stderr.startswith("antiphon: The password ")
    assert signs_in(running, OLD)


def test_without_a_terminal_it_says_how_to_give_the_password(tmp_path: Path) -> None:
    """A script is not left hanging at a question."""
    done = antiphon("user", "password", EMAIL, "--data-dir", tmp_path)

    assert done.returncode == 2
    assert "--stdin" in done.stderr


@pytest.mark.parametrize("same", [True, False])
def test_a_person_types_it_twice_unseen(same: bool, running: AntiphonProcess) -> None:
    """A slip of the finger is noticed, and nothing is shown on the screen."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "antiphon", "user", "password", EMAIL, "--data-dir", running.data_dir],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=inherited_environment(),
        start_new_session=True,
    ) as process:
        os.close(theirs)
        screen = read_until(ours, "New password: ")
        os.write(ours, f"{NEW}\n".encode())
        screen += read_until(ours, "Once more: ")
        os.write(ours, f"{NEW if same else OLD}\n".encode())
        screen += read_until(ours, "has a new password" if same else "New password: ")
        if not same:
            process.terminate()
    os.close(ours)

    assert NEW not in screen
    assert OLD not in screen
    assert signs_in(running, NEW) is same


def read_until(terminal: int, words: str) -> str:
    """What a terminal shows until these words have come; a question's last space says that it hides."""
    screen = ""
    while words not in screen:
        readable, _, _ = select.select([terminal], [], [], 20)
        assert readable, f"no {words!r} in {screen!r}"
        screen += os.read(terminal, 4096).decode()
    return screen
