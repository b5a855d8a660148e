"""What a clone brings along: locks that name no address, make's targets, a wheel that is whole."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

LOCKS = ("requirements/run.txt", "requirements/dev.txt", "package-lock.json", "bench/package-lock.json")
TARGETS = ("run", "test", "check", "bench", "screenshots", "clean", "lock")


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address(lock: str, repository: Path) -> None:
    """Whoever installs chooses the registry."""
    text = (repository / lock).read_text()

    assert not re.search(r"\w+://|--index-url|--find-links|--extra-index-url|\"resolved\"", text)


@pytest.mark.parametrize("lock", LOCKS[:2])
def test_every_python_package_is_pinned_with_a_hash(lock: str, repository: Path) -> None:
    """`pip install --require-hashes` accepts the lock."""
    entries = re.split(r"\n(?=\S)", (repository / lock).read_text().strip())

    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[a-z0-9][a-z0-9._-]*==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_what_development_installs_holds_what_running_installs(repository: Path) -> None:
    """The tests run against the very packages that people get."""
    run, dev = (
        set(re.findall(r"^(\S+==\S+)", (repository / lock).read_text(), re.MULTILINE)) for lock in LOCKS[:2]
    )

    assert run < dev


@pytest.mark.parametrize("lock", LOCKS[2:])
def test_every_npm_package_is_pinned_with_a_hash(lock: str, repository: Path) -> None:
    """`npm ci` refuses what has another one."""
    packages = json.loads((repository / lock).read_text())["packages"]

    assert len(packages) > 1
    assert all(package["integrity"].startswith("sha512-") for name, package in packages.items() if name)


def test_every_browser_file_is_pinned_with_a_hash(repository: Path) -> None:
    """Beside its package."""
    packages = json.loads((repository / "package-lock.json").read_text())["packages"]
    vendored = json.loads((repository / "package.json").read_text())["vendored"]

    assert "node_modules/htmx.org" in packages
    assert all(integrity.startswith("sha512-") for integrity in vendored.values())


@pytest.mark.parametrize("target", TARGETS)
def test_make_knows_the_target(target: str, repository: Path) -> None:
    """A dry run finds it and names its steps."""
    done = subprocess.run(
        ["make", "--dry-run", target], cwd=repository, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_a_python_that_is_too_old_is_named_before_anything_is_made(repository: Path) -> None:
    """`make` says what it needs, and which names it has tried."""
    done = subprocess.run(
        ["make", "run", "CANDIDATES=no-such-python"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "Antiphon needs Python 3.11 or newer" in done.stderr


@pytest.fixture(scope="module")
def sources(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a build needs, without any browser file."""
    copy = tmp_path_factory.mktemp("sources")
    for name in (
        "pyproject.toml",
        "hatch_build.py",
        "package.json",
        "package-lock.json",
        "README.md",
        "LICENSE",
    ):
        shutil.copy(repository / name, copy)
    leave_out = shutil.ignore_patterns("__pycache__", "vendor")
    shutil.copytree(repository / "src", copy / "src", ignore=leave_out)
    return copy


def test_a_wheel_built_without_node_holds_the_browser_files_and_the_types(
    sources: Path, tmp_path: Path
) -> None:
    """Building fetches htmx with the npm of a Python package; whoever installs the wheel needs neither."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            tmp_path,
            sources,
        ],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("antiphon-*.whl"))) as wheel:
        names = set(wheel.namelist())
        htmx = wheel.read("antiphon/web/static/vendor/htmx.min.js")
    assert htmx == (sources / "src/antiphon/web/static/vendor/htmx.min.js").read_bytes()
    assert len(htmx) > 30_000
    assert {
        "antiphon/py.typed",
        "antiphon/cli/commands.py",
        "antiphon/server/storage/migrations/env.py",
    } <= names
    assert not [
        name for name in names if name.startswith(("tests", "bench", "scripts")) or "node_modules" in name
    ]


def test_a_browser_file_that_was_tampered_with_is_replaced(sources: Path, tmp_path: Path) -> None:
    """The build trusts the hash, not the file's name."""
    vendored = sources / "src/antiphon/web/static/vendor/htmx.min.js"
    vendored.parent.mkdir(parents=True, exist_ok=True)
    vendored.write_text("alert('not htmx')")

    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            tmp_path,
            sources,
        ],
        check=True,
        capture_output=True,
    )

    assert "not htmx" not in vendored.read_text()
    assert vendored.stat().st_size > 30_000
