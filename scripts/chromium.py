"""Find a Chromium for the tests and the figures, or install one.

Prints its path; what it does is said on standard error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
APPLICATIONS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


def main() -> int:
    """Print the path of a Chromium that runs; gives the exit code."""
    named = os.environ.get("CHROMIUM")
    if named:
        if not runs(named):
            say(f"CHROMIUM is {named!r}, which does not run: name a Chromium's program, or leave it unset.")
            return 1
        return found(named, "named by CHROMIUM")
    if path := installed():
        return found(path, "installed here")
    for way in (install_by_apt, install_by_playwright):
        if way() and (path := installed()):
            return found(path, "just installed")
    say("No Chromium here, and none could be installed: install one, or name its program file in CHROMIUM.")
    return 1


def installed() -> str | None:
    """A Chromium that runs: on the path, among the applications, or Playwright's own."""
    on_path = (shutil.which(name) for name in NAMES)
    return next((path for path in (*on_path, *APPLICATIONS, playwrights_own()) if path and runs(path)), None)


def playwrights_own() -> str | None:
    """Where Playwright keeps its Chromium, whether it is there or not."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def runs(path: str) -> bool:
    """Whether it is a program that starts and tells its version."""
    if not Path(path).is_file():
        return False
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def install_by_apt() -> bool:
    """Install the system's package, where we may."""
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    say("No Chromium found: installing the system's package with apt-get (a minute or two) …")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return all(
        succeeds("apt-get", ["apt-get", "-q", *command], environment)
        for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium"])
    )


def install_by_playwright() -> bool:
    """Download Playwright's own build into the person's cache."""
    say("No Chromium found: installing Playwright's own (a minute or two) …")
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    return succeeds("Playwright", command, dict(os.environ))


def succeeds(name: str, command: list[str], environment: dict[str, str]) -> bool:
    """Whether a command ends well; what it said last is shown if it does not."""
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        said = [line for line in done.stdout.splitlines() if "rror" in line or line.startswith("E: ")]
        say(f"{name} failed: " + "; ".join(said[-2:] or [f"code {done.returncode}"]))
    return done.returncode == 0


def found(path: str, how: str) -> int:
    """Print the path; say where it came from."""
    say(f"Chromium: {path} ({how})")
    sys.stdout.write(path + "\n")
    return 0


def say(text: str) -> None:
    """Print a line to standard error at once."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
