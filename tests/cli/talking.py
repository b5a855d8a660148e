"""What the tests of the talking commands share: a server with two people, and a command signed in as one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tests.cli.command import antiphon
from tests.processes import NO_OLLAMA, AntiphonProcess, inherited_environment

PASSWORD = "a-good-password"


@dataclass
class Site:
    """A server, and two people's ways to it: Ann at the command line, Bob over REST."""

    server: AntiphonProcess
    folder: Path
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        """The settings that a command of Ann's sees."""
        return {
            "ANTIPHON_CONFIG_DIR": str(self.folder / "config"),
            "ANTIPHON_CLIENT_DIR": str(self.folder / "client"),
        }

    def ask(self, path: str, body: Any = None, who: str = "bob") -> Any:
        """Ask the server as one of the people."""
        headers = {"Content-Type": "application/json"}
        if who in self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server.url + path, data, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def sign_up(self, name: str) -> None:
        """Make an account."""
        form = {"name": name.title(), "email": f"{name}@example.com", "password": PASSWORD}
        self.tokens[name] = self.ask("/api/v1/auths/signup", form)["token"]

    @property
    def channel(self) -> str:
        """The id of the channel `general`."""
        return next(one["id"] for one in self.ask("/api/v1/channels/") if one["name"] == "general")

    def say(self, text: str, who: str = "bob") -> str:
        """Post a message; give its id."""
        answer = self.ask(f"/api/v1/channels/{self.channel}/messages/post", {"content": text}, who)
        return str(answer["id"])

    def said(self) -> list[str]:
        """Give what stands in the channel, oldest first."""
        messages = self.ask(f"/api/v1/channels/{self.channel}/messages?skip=0&limit=50")
        return [one["content"] for one in reversed(messages)]

    def command(self, *arguments: str, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Ann's to its end."""
        return antiphon(*arguments, env={**self.env, **settings}, stdin=stdin)

    def login(self) -> None:
        """Sign Ann in at the command line."""
        done = self.command("login", self.server.url, "--email", "ann@example.com", "--stdin", stdin=PASSWORD)
        assert done.returncode == 0, done.stderr


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Run a server with Ann and Bob."""
    with AntiphonProcess(folder / "server", "serve", env={"OLLAMA_BASE_URL": NO_OLLAMA}) as server:
        made = Site(server, folder)
        for name in ("ann", "bob"):
            made.sign_up(name)
        yield made


class Running:
    """A command under way: its lines as they come, its signals, its end."""

    def __init__(self, env: dict[str, str], *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "antiphon", *arguments],
            env={**inherited_environment(), **env},
            cwd=os.environ.get("TMPDIR", "/tmp"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out: list[str] = []
        self.err: list[str] = []
        self._changed = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    def until(self, lines: list[str], wanted: str, *, within: float = 20) -> str:
        """Wait for a line that holds these words; give it."""
        deadline = time.monotonic() + within
        with self._changed:
            while not (found := [line for line in lines if wanted in line]):
                left = deadline - time.monotonic()
                assert left > 0, f"no {wanted!r} in {self.out} and {self.err}"
                assert self.process.poll() is None or any(one.is_alive() for one in self._readers), self.err
                self._changed.wait(min(left, 0.1))
        return found[0]

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Signal the end and wait for it; give the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self, within: float = 15) -> int:
        """Wait for the end; give the exit code."""
        code = self.process.wait(within)
        for reader in self._readers:
            reader.join(5)
        return code

    def _read(self, stream: IO[str], lines: list[str]) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    lines.append(line.rstrip("\n"))
                    self._changed.notify_all()


@contextmanager
def running(env: dict[str, str], *arguments: str) -> Iterator[Running]:
    """Run a command beside the test; it is gone afterwards."""
    command = Running(env, *arguments)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.process.kill()
        command.wait()
