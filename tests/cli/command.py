"""The `antiphon` command, run to its end as a person runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.processes import inherited_environment


def antiphon(
    *arguments: str | Path, env: Mapping[str, str] | None = None, stdin: str = "", within: float = 30
) -> subprocess.CompletedProcess[str]:
    """Run the command with these arguments, no setting but `env`, and this input."""
    return subprocess.run(
        [sys.executable, "-m", "antiphon", *map(str, arguments)],
        input=stdin,
        env={**inherited_environment(), **(env or {})},
        cwd=os.environ.get("TMPDIR", "/tmp"),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=within,
        check=False,
    )
