"""`antiphon doctor`: one line for each hop, what to do where one fails, an exit code, and no secret."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.talking import Site, site


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with Ann and Bob; Ann is signed in at the command line."""
    with site(tmp_path_factory.mktemp("doctor")) as made:
        made.login()
        yield made


def verdicts(printed: str) -> dict[str, str]:
    """Give the verdict of each hop."""
    return dict(re.findall(r"^(\w+) +(ok|warning|failed|skipped) ", printed, re.MULTILINE))


def test_a_good_way_ends_with_success(place: Site) -> None:
    """Every hop is named, and nothing stands in the way."""
    done = place.command("doctor")

    assert done.returncode == 0, done.stdout
    assert set(verdicts(done.stdout).values()) == {"ok"}
    assert "live as 'Ann'" in done.stdout
    assert "Nothing stands in the way." in done.stdout


def test_the_hop_that_fails_is_named_with_what_to_do(place: Site) -> None:
    """A closed port: the exit code is 1, and what lies behind it is not tried."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    done = place.command("doctor", f"http://127.0.0.1:{port}")

    assert done.returncode == 1
    assert verdicts(done.stdout) == {"address": "ok", "name": "ok", "connection": "failed"}
    assert "→ start the server" in done.stdout
    assert "What fails: connection." in done.stdout


def test_a_token_is_never_printed(place: Site) -> None:
    """Neither a good one nor a bad one."""
    for token in (place.tokens["ann"], "s3cret-token"):
        done = place.command("doctor", ANTIPHON_SERVER=place.server.url, ANTIPHON_TOKEN=token)
        assert token not in done.stdout + done.stderr
        assert verdicts(done.stdout)["token"] == ("ok" if token == place.tokens["ann"] else "failed")


def test_without_a_server_it_asks_for_one(tmp_path: Path, place: Site) -> None:
    """Nobody is signed in, and no address was given."""
    done = place.command("doctor", ANTIPHON_CONFIG_DIR=str(tmp_path))

    assert done.returncode == 2
    assert "antiphon doctor URL" in done.stderr


def test_a_damaged_file_of_logins_does_not_keep_it_from_looking(tmp_path: Path, place: Site) -> None:
    """The doctor looks at the way there, and says that nobody is signed in."""
    (tmp_path / "logins.json").write_text("nonsense")
    done = place.command("doctor", place.server.url, ANTIPHON_CONFIG_DIR=str(tmp_path))

    assert done.returncode == 0
    assert verdicts(done.stdout)["token"] == "skipped"
