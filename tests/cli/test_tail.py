"""`antiphon tail`: what happens, as JSON lines, whatever happens to the link."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.talking import Running, Site, running, site
from tests.processes import inherited_environment


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Site]:
    """A server with Ann and Bob; Ann is signed in at the command line."""
    with site(tmp_path) as made:
        made.login()
        yield made


def texts(command: Running, kind: str = "message") -> list[str]:
    """Give the texts of the messages printed."""
    return [one["payload"]["data"]["data"]["content"] for one in lines(command) if one["type"] == kind]


def lines(command: Running) -> list[dict[str, Any]]:
    """Give the lines printed."""
    return [json.loads(line) for line in command.out]


def test_events_are_printed_as_they_come(place: Site) -> None:
    """Each as one JSON line with its name, type and payload; Ctrl-C ends it well."""
    with running(place.env, "tail") as command:
        command.until(command.err, "is live")
        message = place.say("hello")
        line = json.loads(command.until(command.out, "hello"))
        place.ask(
            f"/api/v1/channels/{place.channel}/messages/{message}/reactions/add", {"name": "eyes"}, "bob"
        )
        command.until(command.out, "message:reaction:add")
        assert command.end() == 0
    assert line["event"] == "events:channel"
    assert line["type"] == "message"
    assert line["caught_up"] is False
    assert line["payload"]["channel_id"] == place.channel
    assert line["payload"]["data"]["data"]["id"] == message
    assert line["payload"]["user"]["name"] == "Bob"


def test_only_what_was_asked_for_is_printed(place: Site) -> None:
    """By channel and by type; a name that nobody knows is said."""
    other = place.ask("/api/v1/channels/create", {"name": "other"}, "ann")["id"]
    with running(
        place.env, "tail", "--channel", "#general", "--channel", "nowhere", "--type", "message"
    ) as command:
        command.until(command.err, "no channel 'nowhere'")
        place.ask(f"/api/v1/channels/{other}/messages/post", {"content": "elsewhere"}, "ann")
        message = place.say("here")
        place.ask(
            f"/api/v1/channels/{place.channel}/messages/{message}/reactions/add", {"name": "eyes"}, "bob"
        )
        place.say("and here")
        command.until(command.out, "and here")
        assert command.end(signal.SIGTERM) == 0
    assert [one["type"] for one in lines(command)] == ["message", "message"]
    assert texts(command) == ["here", "and here"]


def test_after_a_break_the_missed_messages_come_first_marked_as_caught_up(place: Site) -> None:
    """The server is killed and comes back with three more; each is printed once, in order."""
    with running(place.env, "tail", "--type", "message") as command:
        command.until(command.err, "is live")
        place.say("before")
        command.until(command.out, "before")
        place.server.kill()
        command.until(command.err, "the link is lost")
        # Posted before the link can be back: it takes half a second and more for its next attempt.
        place.server.start()
        for n in range(3):
            place.say(f"missed {n}")
        command.until(command.err, "the link is back")
        place.say("after")
        command.until(command.out, "after")
        assert command.end() == 0
    assert texts(command) == ["before", "missed 0", "missed 1", "missed 2", "after"]
    assert lines(command)[0]["caught_up"] is False


def test_a_closed_pipe_is_a_good_end(place: Site) -> None:
    """`antiphon tail | head -1` ends when head does, without a word of complaint."""
    with subprocess.Popen(
        [sys.executable, "-m", "antiphon", "tail"],
        env={**inherited_environment(), **place.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        assert "is live" in command.stderr.readline()
        place.say("hello")
        assert "hello" in command.stdout.readline()
        command.stdout.close()
        assert command.wait(15) == 0
        assert command.stderr.read() == ""


def test_a_session_that_ends_ends_it_with_a_word(place: Site) -> None:
    """The exit code tells a script that nothing more will come."""
    with running(place.env, "tail") as command:
        command.until(command.err, "is live")
        assert place.command("logout").returncode == 0
        assert command.wait(30) == 1
        command.until(command.err, "antiphon login")


def test_nobody_signed_in_is_said_at_once(tmp_path: Path) -> None:
    """With what to do."""
    with running({"ANTIPHON_CONFIG_DIR": str(tmp_path)}, "tail") as command:
        assert command.wait() == 2
    assert "antiphon login URL" in command.err[0]
