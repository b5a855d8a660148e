"""What a start reads: importing is most of the time from the command to the first answer."""

from __future__ import annotations

import subprocess
import sys

import pytest

NOT_AT_THE_START = {
    "alembic": "most starts have nothing to migrate",
    "antiphon.client": "the page's",
    "antiphon.web": "comes after the server answers",
    "antiphon.wire.chat_events": "the client reads them, the server only sends them",
    "asyncpg": "for whoever has PostgreSQL",
    "cryptography": "tokens are signed with a shared secret",
    "pygments": "the page's",
    "rich": "for the command's help",
    "sqlalchemy.dialects.postgresql": "for whoever has PostgreSQL",
}


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """The modules in a process that has the server and the command loaded."""
    program = "import sys, antiphon.cli.launch, antiphon.server.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", NOT_AT_THE_START)
def test_a_start_does_not_read_what_it_does_not_need(module: str, loaded: set[str]) -> None:
    """Each of these was, or could easily be, a good part of a start."""
    assert "fastapi" in loaded
    assert module not in loaded, NOT_AT_THE_START[module]
