"""A real `antiphon` process of a test's own: started, killed, started again on the same port."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Self

START_WITHIN = 30.0
"""Seconds that a start may take on a busy machine before the test gives up on it."""
NO_OLLAMA = "http://127.0.0.1:9"
"""A port at which nothing answers: a test must not find the Ollama of the machine it runs on."""
_ADDRESS = re.compile(r"http://\S+:(\d+)")
_FOREIGN_SETTINGS = (
    "ANTIPHON_",
    "OPENAI_",
    "OLLAMA_",
    "WEBUI_",
    "DATABASE_URL",
    "ENABLE_SIGNUP",
    "DEFAULT_USER_ROLE",
    "WEBSOCKET_",
)


def inherited_environment() -> dict[str, str]:
    """This process's environment without any setting of the product's, but for the tests' client folder."""
    return {
        name: text
        for name, text in os.environ.items()
        if name == "ANTIPHON_CLIENT_DIR" or not name.startswith(_FOREIGN_SETTINGS)
    }


class AntiphonProcess:
    """`antiphon` (or `antiphon serve`, `antiphon page`) as a process that a test owns.

    Entering starts it on a free port and waits until it answers; leaving ends it. It sees no setting of
    the machine's environment, only `env`; with `options=False` not even a port or a folder but by `env`.
    `output` holds what it has printed so far, both streams, in the order of arrival.
    """

    def __init__(
        self,
        data_dir: Path,
        *command: str,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        port: int = 0,
        ready_path: str = "/health",
        options: bool = True,
    ) -> None:
        self.data_dir = data_dir
        self.command = command
        self.args = tuple(args)
        self.env = dict(env or {})
        self.port = port
        self.ready_path = ready_path
        self.options = options
        self._process: subprocess.Popen[str] | None = None
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._readers: list[threading.Thread] = []
        self._begin = 0

    @property
    def url(self) -> str:
        """The address at which the process answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the running process."""
        return self._running.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or None while the process runs."""
        return None if self._process is None else self._process.poll()

    @property
    def output(self) -> str:
        """All that was printed, by every process of this object."""
        with self._changed:
            return "".join(self._lines)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.kill()

    def start(self) -> None:
        """Start the process, on the port that it had before if there was one, and wait until it answers."""
        assert self.returncode is not None or self._process is None, "it is still running"
        self.spawn()
        deadline = time.monotonic() + START_WITHIN
        self.port = int(self.wait_for_line(_ADDRESS, within=START_WITHIN).group(1))
        while not self.answers():
            if self.returncode is not None or time.monotonic() > deadline:
                raise AssertionError(f"no answer at {self.url}{self.ready_path}; it said:\n{self.output}")
            threading.Event().wait(0.01)

    def spawn(self) -> None:
        """Start the process and wait for nothing."""
        self._join()
        options = ["--port", str(self.port), "--data-dir", str(self.data_dir)] if self.options else []
        if self.options and self.command[:1] != ("serve",):
            options.append("--no-open")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "antiphon", *self.command, *options, *self.args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**inherited_environment(), "OLLAMA_BASE_URL": NO_OLLAMA, **self.env},
            start_new_session=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read, args=(stream,), daemon=True)
            for stream in (self._process.stdout, self._process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    def answers(self) -> bool:
        """Whether the process answers with a success now."""
        try:
            with urllib.request.urlopen(self.url + self.ready_path, timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def wait_for_line(self, pattern: str | re.Pattern[str], *, within: float = 10.0) -> re.Match[str]:
        """Wait until a line printed by the newest process matches; gives the match."""
        compiled = re.compile(pattern)
        deadline = time.monotonic() + within
        with self._changed:
            while True:
                for line in self._lines[self._begin :]:
                    if match := compiled.search(line):
                        return match
                left = deadline - time.monotonic()
                ended = self.returncode is not None and not any(reader.is_alive() for reader in self._readers)
                if ended or left <= 0:
                    said = "".join(self._lines[self._begin :])
                    raise AssertionError(f"no line like {pattern!r} (exit code {self.returncode}):\n{said}")
                self._changed.wait(min(left, 0.1))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self._running.send_signal(number)

    def wait(self, *, within: float = 10.0) -> int:
        """Wait for the end of the process; gives its exit code."""
        try:
            code = self._running.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {within} s; it said:\n{self.output}") from None
        self._join()
        return code

    def terminate(self, *, within: float = 10.0) -> int:
        """End the process as a service manager does (SIGTERM); gives the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(within=within)

    def interrupt(self, *, within: float = 10.0) -> int:
        """End the process as Ctrl-C does (SIGINT); gives the exit code."""
        self.signal(signal.SIGINT)
        return self.wait(within=within)

    def kill(self) -> None:
        """End the process as a power cut does (SIGKILL)."""
        if self.returncode is None:
            self._running.kill()
        self.wait()

    def restart(self) -> None:
        """Kill the process if it runs, and start it again on the same port with the same data."""
        self.kill()
        self.start()

    @property
    def _running(self) -> subprocess.Popen[str]:
        assert self._process is not None, "it was never started"
        return self._process

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    self._lines.append(line)
                    self._changed.notify_all()

    def _join(self) -> None:
        for reader in self._readers:
            reader.join(5)
        self._readers = []
        self._begin = len(self._lines)
