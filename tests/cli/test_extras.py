"""A command whose packages are not installed says what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT = """
import sys
for name in {missing}:
    sys.modules[name] = None  # as if it were not installed
import antiphon.cli
sys.argv = ["antiphon", *{arguments}]
sys.exit(antiphon.cli.main())
"""


@pytest.mark.parametrize(
    ("arguments", "missing", "extras"),
    [
        ([], ["uvicorn", "htpy"], "server,web"),
        (["serve"], ["uvicorn"], "server"),
        (["serve"], ["fastapi"], "server"),
        (["serve"], ["aiosqlite"], "server"),
        (["page", "--server", "http://127.0.0.1:9"], ["uvicorn"], "web"),
        (["page", "--server", "http://127.0.0.1:9"], ["htpy"], "web"),
        ([], ["htpy"], "web"),
        (["user", "password", "a@example.org", "--stdin"], ["sqlalchemy"], "server"),
    ],
)
def test_a_missing_package_is_one_line_with_what_to_install(
    arguments: list[str], missing: list[str], extras: str, tmp_path: Path
) -> None:
    """Whoever installed the library alone learns which extra the command needs."""
    folder = ["--data-dir", str(tmp_path)] + ([] if "user" in arguments else ["--port", "0"])
    source = WITHOUT.format(missing=missing, arguments=arguments + folder)
    done = subprocess.run(
        [sys.executable, "-c", source],
        input="a good password\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 1, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert f"pip install 'antiphon[{extras}]'" in done.stderr
