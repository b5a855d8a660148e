"""Who installed the library alone has the commands that talk to a server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.talking import PASSWORD, site
from tests.processes import inherited_environment

EXTRAS = [
    "aiosqlite", "alembic", "argon2", "asyncpg", "brotli", "fastapi", "htpy", "jwt", "markdown_it", "nh3",
    "pygments", "sqlalchemy", "starlette", "textual", "uvicorn", "websockets",
]  # fmt: skip

WITHOUT = """
import sys
for name in sys.argv.pop(1).split(","):
    sys.modules[name] = None  # as if it were not installed
import antiphon.cli
sys.exit(antiphon.cli.main())
"""


def test_the_commands_need_no_extra(tmp_path: Path) -> None:
    """Signing in, sending, the doctor, and what they say when something fails."""
    with site(tmp_path) as place:
        for arguments, stdin, code in [
            (["login", place.server.url, "--email", "ann@example.com", "--stdin"], PASSWORD, 0),
            (["send", "general", "hello"], "", 0),
            (["send", "nowhere", "hello"], "", 1),
            (["doctor"], "", 0),
            (["logout"], "", 0),
            (["tail"], "", 2),
            (["login", "http://127.0.0.1:9", "--email", "ann@example.com", "--stdin"], "x", 1),
        ]:
            done = subprocess.run(
                [sys.executable, "-c", WITHOUT, ",".join(EXTRAS), *arguments],
                input=stdin,
                env={**inherited_environment(), **place.env},
                cwd=os.environ.get("TMPDIR", "/tmp"),
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            assert done.returncode == code, (arguments, done.stdout, done.stderr)
            assert "Traceback" not in done.stderr
            assert "not installed" not in done.stderr
