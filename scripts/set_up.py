"""Build `.venv` from the pinned, hashed lock, saying what is done and how long it took.

`python3.11 scripts/set_up.py run` (or `dev`) needs nothing but its Python's standard library. `dev` holds all
that `run` holds. What is there and still right is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
RECORD = VENV / "set-up.json"
BUILD_FILES = ("pyproject.toml", "hatch_build.py", "package.json", "package-lock.json")
QUIET = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PYTHONUNBUFFERED": "1"}


def main(kind: str) -> int:
    """Bring `.venv` to what the lock says; gives the exit code."""
    wanted = {"packages": fingerprint(f"requirements/{kind}.txt"), "antiphon": fingerprint(*BUILD_FILES)}
    done = recorded()
    began = time.monotonic()
    try:
        if not done:
            shutil.rmtree(VENV, ignore_errors=True)
            with step("Making .venv with Python " + sys.version.split()[0]):
                run([sys.executable, "-m", "venv", str(VENV)], explain=venv_hint)
        # The packages for development hold those for running: no second installation for `make run`.
        have = {done.get(f"packages-{kind}"), done.get("packages-dev-run") if kind == "run" else None}
        if wanted["packages"] not in have:
            install_packages(kind)
            done[f"packages-{kind}"] = wanted["packages"]
            if kind == "dev":
                done["packages-dev-run"] = fingerprint("requirements/run.txt")
            record(done)
        if done.get("antiphon") != wanted["antiphon"] or not installed():
            with step("Installing Antiphon itself, with its browser files"):
                run(
                    [
                        *pip(),
                        "install",
                        "--no-deps",
                        "--no-build-isolation",
                        "--quiet",
                        "--editable",
                        str(ROOT),
                    ]
                )
            done["antiphon"] = wanted["antiphon"]
            record(done)
    except subprocess.CalledProcessError as error:
        say(f"Set-up failed: {' '.join(map(str, error.cmd[:6]))} … ended with code {error.returncode}.")
        return 1
    if time.monotonic() - began > 1:
        say(f"Ready after {time.monotonic() - began:.0f} s.")
    return 0


def fingerprint(*names: str) -> str:
    """One hash over the contents of files."""
    digest = hashlib.sha256()
    for name in names:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def recorded() -> dict[str, str]:
    """What an earlier set-up has done; nothing if its interpreter is gone or was made by another Python."""
    try:
        done: dict[str, str] = json.loads(RECORD.read_text(encoding="utf-8"))
        subprocess.run([PYTHON, "-c", ""], check=True, capture_output=True)
    except (OSError, ValueError, subprocess.CalledProcessError):
        return {}
    return done if done.get("folder") == str(VENV) else {}


def record(done: dict[str, str]) -> None:
    """Remember what was done, so that the next run does it no more."""
    RECORD.write_text(json.dumps({**done, "folder": str(VENV)}, indent=2) + "\n", encoding="utf-8")


def installed() -> bool:
    """Whether the command is there."""
    return (PYTHON.parent / ("antiphon.exe" if os.name == "nt" else "antiphon")).is_file()


def install_packages(kind: str) -> None:
    """Install the lock's packages, counting them as they come in."""
    lock = ROOT / "requirements" / f"{kind}.txt"
    total = len(re.findall(r"^\S+==", lock.read_text(encoding="utf-8"), re.MULTILINE))
    command = [
        *pip(),
        "install",
        "--no-deps",
        "--require-hashes",
        "--requirement",
        str(lock),
        "--progress-bar",
        "off",
    ]
    with step(f"Fetching and installing {total} pinned packages") as note:
        seen = 0

        def follow(line: str) -> None:
            nonlocal seen
            if match := re.match(r"(?:Collecting|Requirement already satisfied:) ([\w.\-]+)", line):
                seen += 1
                note(f"{seen} of {total}: {match[1]}")
            elif line.startswith("Installing collected"):
                note("unpacking")

        run(command, follow=follow)


def pip() -> list[str]:
    """The environment's pip."""
    return [str(PYTHON), "-m", "pip"]


def run(
    command: list[str],
    *,
    follow: Callable[[str], None] | None = None,
    explain: Callable[[str], str] | None = None,
) -> None:
    """Run a command quietly; what it said is shown only when it fails."""
    said: list[str] = []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **QUIET},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if follow:
                follow(line)
    if process.returncode:
        say("\n" + "".join(said[-30:]).rstrip())
        if explain and (hint := explain("".join(said))):
            say(hint)
        raise subprocess.CalledProcessError(process.returncode, command)


def venv_hint(said: str) -> str:
    """What to do where a system ships Python without the means to make an environment."""
    return "On Debian and Ubuntu: apt install python3-venv, then make again." if "ensurepip" in said else ""


@contextmanager
def step(title: str) -> Iterator[Callable[[str], None]]:
    """Show a step, what it is at, and how long it took; the detail only where a line can be rewritten."""
    began = time.monotonic()
    terminal = sys.stdout.isatty()
    shown_at = began

    def note(detail: str) -> None:
        nonlocal shown_at
        if terminal:
            width = shutil.get_terminal_size().columns - 1
            sys.stdout.write(f"\r\033[K{f'{title}: {detail}'[:width]}")
            sys.stdout.flush()
        elif time.monotonic() - shown_at > 10:
            shown_at = time.monotonic()
            say(f"  {detail}")

    if terminal:
        note("…")
    else:
        say(f"{title} …")
    yield note
    clear = "\r\033[K" if terminal else ""
    say(f"{clear}{title if terminal else '  done'} ({time.monotonic() - began:.1f} s)")


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
