"""Somebody who talks with models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.server.runs.talking import Talk, talking


@pytest.fixture
async def talk(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Talk]:
    """A server, a provider, a person and their window."""
    monkeypatch.setenv("ANTIPHON_ELIZA_DELAY", "0")
    async with talking(tmp_path / "data", database_url=database_url) as one:
        yield one
