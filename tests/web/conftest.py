"""A page with a real server behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .serving import Page, whole


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    """A running page."""
    async with whole(tmp_path) as page:
        yield page
