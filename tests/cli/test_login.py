"""`antiphon login` and `logout`: who one is, kept for commands and programs, and for nobody else to read."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.talking import PASSWORD, Site, site
from tests.processes import inherited_environment

from antiphon.client.errors import AntiphonError
from antiphon.client.logins import Login, Logins, LoginsUnusable, NoLogin, canonical


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with Ann and Bob, for the whole file."""
    with site(tmp_path_factory.mktemp("login")) as made:
        yield made


@pytest.fixture(autouse=True)
def _signed_out(place: Site) -> None:
    """Nobody is signed in at the command line when a test begins."""
    Path(place.env["ANTIPHON_CONFIG_DIR"], "logins.json").unlink(missing_ok=True)


def test_a_sign_in_is_kept_for_its_owner_alone(place: Site) -> None:
    """The file has mode 600 in a folder of mode 700; it holds a token, and no password."""
    done = place.command(
        "login", place.server.url + "/", "--email", "ann@example.com", "--stdin", stdin=PASSWORD
    )

    assert done.returncode == 0, done.stderr
    assert "as Ann <ann@example.com>" in done.stdout
    file = Path(place.env["ANTIPHON_CONFIG_DIR"], "logins.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert PASSWORD not in file.read_text()
    token = json.loads(file.read_text())["logins"][0]["token"]
    assert token not in done.stdout + done.stderr


def test_a_wrong_password_is_said_in_the_servers_words(place: Site) -> None:
    """Nothing is kept."""
    done = place.command("login", place.server.url, "--email", "ann@example.com", "--stdin", stdin="wrong\n")

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "incorrect" in done.stderr
    assert not Path(place.env["ANTIPHON_CONFIG_DIR"], "logins.json").exists()


def test_a_password_is_asked_for_without_showing_it(place: Site) -> None:
    """At a terminal: the e-mail is echoed, the password is not."""
    parent, child = pty.openpty()
    command = subprocess.Popen(
        [sys.executable, "-m", "antiphon", "login", place.server.url],
        env={**inherited_environment(), **place.env},
        stdin=child,
        stdout=child,
        stderr=child,
        start_new_session=True,
    )
    os.close(child)
    shown = ""
    shown += _read_until(parent, "E-mail:")
    os.write(parent, b"ann@example.com\n")
    shown += _read_until(parent, "Password:")
    while termios.tcgetattr(parent)[3] & termios.ECHO:  # it clears what was typed before it hides
        threading.Event().wait(0.005)
    os.write(parent, f"{PASSWORD}\n".encode())
    shown += _read_until(parent, None)
    os.close(parent)

    assert command.wait(10) == 0, shown
    assert "ann@example.com" in shown
    assert PASSWORD not in shown


def _read_until(terminal: int, words: str | None) -> str:
    """Read what a terminal shows up to some words, or to the end of the command."""
    shown = ""
    while words is None or words not in shown:
        try:
            shown += os.read(terminal, 1024).decode()
        except OSError:  # the other end is closed: the command has ended
            break
    return shown


def test_without_a_terminal_it_says_how_to_give_the_password(place: Site) -> None:
    """A script is told, instead of waiting for ever."""
    done = place.command("login", place.server.url, "--email", "ann@example.com")

    assert done.returncode == 2
    assert "--stdin" in done.stderr


def test_a_token_can_be_kept_instead_of_a_password(place: Site) -> None:
    """Where people sign in elsewhere; it is tried before it is kept."""
    done = place.command("login", place.server.url, "--token", "--stdin", stdin=place.tokens["ann"])
    assert done.returncode == 0, done.stderr
    assert "as Ann" in done.stdout

    done = place.command("login", place.server.url, "--token", "--stdin", stdin="nonsense")
    assert done.returncode == 1


def test_a_second_login_needs_no_password_while_the_first_is_good(place: Site) -> None:
    """It makes the server the current one; `login` alone lists them."""
    place.login()
    done = place.command("login", place.server.url)

    assert done.returncode == 0
    assert "already" in done.stdout
    assert f"* {place.server.url}" in place.command("login").stdout


def test_logout_ends_the_session_on_the_server_too(place: Site) -> None:
    """The token is worth nothing afterwards, and nobody is signed in."""
    place.login()
    token = Logins(Path(place.env["ANTIPHON_CONFIG_DIR"])).find(place.server.url).token

    done = place.command("logout")

    assert done.returncode == 0, done.stderr
    settings = {"ANTIPHON_SERVER": place.server.url, "ANTIPHON_TOKEN": token}
    assert "signed out" in place.command("send", "general", "hello", **settings).stderr
    assert place.command("login").returncode == 2
    assert place.command("logout").returncode == 2


def test_a_server_that_is_not_there_is_said_with_the_way_to_learn_more(place: Site) -> None:
    """One line, and the doctor's name."""
    done = place.command("login", "http://127.0.0.1:9", "--email", "ann@example.com", "--stdin", stdin="x")

    assert done.returncode == 1
    assert "antiphon doctor http://127.0.0.1:9" in done.stderr


@pytest.mark.parametrize("address", ["example.org", "ftp://example.org", "http://ann:pw@example.org"])
def test_what_is_no_address_is_refused(place: Site, address: str) -> None:
    """With the exit code of bad usage, and without a password that it holds."""
    done = place.command("login", address)

    assert done.returncode == 2
    assert "pw" not in done.stderr


# The file


@pytest.fixture
def logins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Logins:
    """A file of a test's own, and no settings."""
    for name in ("ANTIPHON_SERVER", "ANTIPHON_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return Logins(tmp_path / "config")


def test_several_servers_are_kept_and_one_is_current(logins: Logins) -> None:
    """The one signed in at last; without it, the one before."""
    logins.keep(Login("http://a", "1"))
    logins.keep(Login("http://b", "2"))

    assert logins.find().url == "http://b"
    assert logins.find("http://A/").token == "1"
    assert logins.drop("http://b") == "http://a"
    assert logins.find().url == "http://a"
    with pytest.raises(NoLogin, match="antiphon login http://b"):
        logins.find("http://b")


def test_the_environment_comes_first_and_only_for_its_own_server(
    logins: Logins, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token must never travel to a server that it was not given for."""
    logins.keep(Login("http://a", "1"))
    monkeypatch.setenv("ANTIPHON_SERVER", "http://b/")
    monkeypatch.setenv("ANTIPHON_TOKEN", "2")

    assert logins.find() == Login("http://b", "2")
    assert logins.find("http://a").token == "1"
    with pytest.raises(NoLogin):
        logins.find("http://c")
    monkeypatch.delenv("ANTIPHON_SERVER")
    with pytest.raises(NoLogin, match="ANTIPHON_SERVER"):
        logins.find()


def test_a_file_that_others_could_read_is_closed_to_them(logins: Logins) -> None:
    """Whatever made it so."""
    logins.keep(Login("http://a", "1"))
    logins.path.chmod(0o644)

    assert logins.find().token == "1"
    assert stat.S_IMODE(logins.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 2}', '{"version": 1, "logins": [1]}'])
def test_a_file_that_is_damaged_is_said_to_be_so(logins: Logins, content: str) -> None:
    """With what to do, and never a traceback."""
    logins.folder.mkdir()
    logins.path.write_text(content)
    with pytest.raises(LoginsUnusable, match="delete it"):
        logins.find()


def test_a_login_does_not_show_its_token() -> None:
    """It may stand in a log or a traceback."""
    assert "s3cret" not in repr(Login("http://a", "s3cret"))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("http://Chat.Example.org/", "http://chat.example.org"),
        ("https://chat.example.org:443", "https://chat.example.org"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("https://example.org/chat/", "https://example.org/chat"),
    ],
)
def test_an_address_has_one_spelling(written: str, meant: str) -> None:
    """However a person writes it, it is the same server."""
    assert canonical(written) == meant


def test_a_password_in_an_address_is_refused_without_repeating_it() -> None:
    """It would be kept, and shown."""
    with pytest.raises(AntiphonError) as raised:
        canonical("http://ann:s3cret@example.org")
    assert "s3cret" not in str(raised.value)
