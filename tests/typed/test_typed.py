"""The library as mypy shows it to a user: an installed package, strict, none of our own settings."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import antiphon
from antiphon.client import errors


def check(*files: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    """Run mypy as a user does."""
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file=",
            f"--cache-dir={cache}",
            *map(str, files),
        ],
        cwd=cache,
        env={name: value for name, value in os.environ.items() if name != "MYPYPATH"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What mypy has learned of the library, for the tests of this file."""
    return tmp_path_factory.mktemp("mypy")


def test_programs_and_examples_are_typed_for_whoever_installs_the_library(
    repository: Path, cache: Path
) -> None:
    """No `Any` where a program looks, no error where it is right, and each mistake found where it is made."""
    here = repository / "tests" / "typed"
    done = check(here / "program.py", *sorted((repository / "examples").glob("*.py")), cache=cache)
    assert done.returncode == 0, done.stdout + done.stderr

    wrong = here / "wrong.py"
    found = {
        int(number) for number in re.findall(r"wrong\.py:(\d+): error", check(wrong, cache=cache).stdout)
    }
    meant = {number for number, line in enumerate(wrong.read_text().splitlines(), 1) if "# wrong" in line}
    assert found == meant


def test_every_public_name_is_there_and_documented() -> None:
    """What `import antiphon` gives can be imported by name, and says what it is."""
    for name in antiphon.__all__:
        value = getattr(antiphon, name)
        assert name == "__version__" or value.__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        getattr(antiphon, "Nothing")  # noqa: B009 - not what a type checker would let stand


def test_every_error_of_the_client_can_be_caught_by_a_name_of_the_library() -> None:
    """Whoever sends a message has to do with the outbox's errors too."""
    told = {
        name for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.AntiphonError)
    }  # fmt: skip
    assert told <= set(antiphon.__all__)


def test_every_public_name_is_in_the_guide(repository: Path) -> None:
    """Small, and written down."""
    guide = (repository / "docs" / "library.md").read_text("utf-8")
    unnamed = [name for name in antiphon.__all__ if not re.search(rf"\b{name}\b", guide)]
    assert unnamed == []


def test_the_library_loads_neither_server_nor_page() -> None:
    """A bot's process holds what a bot needs."""
    code = "import sys, antiphon; antiphon.Bot, antiphon.Client; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"fastapi", "starlette", "sqlalchemy", "uvicorn", "htpy", "typer"}
