"""`antiphon send`: a message is stored, or one knows why not."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.talking import Site, running, site
from tests.processes import inherited_environment


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Site]:
    """A server with Ann and Bob; Ann is signed in at the command line."""
    with site(tmp_path) as made:
        made.login()
        yield made


def test_a_message_is_stored_when_the_command_ends(place: Site) -> None:
    """By name, by #name, by id, and from the input; it prints the message's id."""
    printed = [
        place.command("send", channel, *text, stdin=stdin)
        for channel, text, stdin in [
            ("general", ["one"], ""),
            ("#general", ["two"], ""),
            (place.channel, ["three"], ""),
            ("general", ["-"], "four\nlines of\n\ntext\n"),
        ]
    ]
    assert [done.returncode for done in printed] == [0, 0, 0, 0]
    messages = place.ask(f"/api/v1/channels/{place.channel}/messages?skip=0&limit=50")
    assert [one["content"] for one in messages] == ["four\nlines of\n\ntext", "three", "two", "one"]
    assert [one["id"] for one in reversed(messages)] == [done.stdout.strip() for done in printed]


def test_bytes_that_are_no_text_keep_nothing_else_from_being_sent(place: Site) -> None:
    """A line of a log may hold anything; what is no UTF-8 is sent as the sign for that."""
    latin = "caf\udce9 is open"  # as Python holds such an argument
    assert place.command("send", "general", latin).returncode == 0
    done = subprocess.run(
        [sys.executable, "-m", "antiphon", "send", "general", "-"],
        input=b"the caf\xe9 is open\r\n",
        env=inherited_environment() | place.env,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert place.said() == ["caf\ufffd is open", "the caf\ufffd is open"]


def test_what_cannot_be_sent_is_said_in_one_line(place: Site) -> None:
    """A channel that is not there, nothing to say, a text that the server refuses, nobody signed in."""
    for arguments, code, words in [
        (["nowhere", "hello"], 1, "no channel 'nowhere'"),
        (["general", " \n"], 2, "the text is empty"),
        (["00000000-0000-0000-0000-000000000000", "hello"], 1, "not sent"),
        (["general", "hello", "--server", "http://127.0.0.1:9"], 2, "antiphon login http://127.0.0.1:9"),
    ]:
        done = place.command("send", *arguments)
        assert (done.returncode, done.stdout) == (code, ""), done
        assert words in done.stderr
        assert done.stderr.count("\n") == 1, done.stderr


def test_a_server_that_is_away_is_waited_for(place: Site) -> None:
    """It says that it waits; the message is stored once when the server is back."""
    channel = place.channel
    place.server.kill()
    with running(place.env, "send", channel, "patience") as command:
        command.until(command.err, "waiting for")
        place.server.start()
        assert command.wait(30) == 0, command.err
    assert place.said() == ["patience"]


def test_ctrl_c_while_the_server_is_away_says_what_becomes_of_the_message(place: Site) -> None:
    """One that was taken into the outbox goes out with the next command; it is said so, and it is so."""
    channel = place.channel
    place.server.kill()
    with running(place.env, "send", channel, "later") as command:
        command.until(command.err, "waiting for")
        assert command.end(signal.SIGINT) == 130
        assert any("stays in the outbox" in line for line in command.err), command.err
        assert command.out == []
    with running(place.env, "send", "general", "never") as command:
        command.until(command.err, "waiting for")
        assert command.end(signal.SIGINT) == 130
        assert any("nothing was sent" in line for line in command.err), command.err
    place.server.start()
    assert place.command("send", "general", "now").returncode == 0
    assert sorted(place.said()) == ["later", "now"]
