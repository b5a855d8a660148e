"""A real Chromium, real processes, and people who use them.

These tests are synchronous, and each module starts the browser anew: playwright's event loop must not be
there when another module's asynchronous tests run.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from tests.processes import AntiphonProcess

from . import chromium
from .people import Visitor

# A page that is slow on a busy machine is not wrong; five seconds is what Playwright waits by itself.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a module's tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.executable(), args=chromium.arguments())
        yield browser
        browser.close()


@pytest.fixture
def antiphon(tmp_path: Path) -> Iterator[AntiphonProcess]:
    """A fresh Antiphon: server and page in one process."""
    with AntiphonProcess(tmp_path / "data") as process:
        yield process


@pytest.fixture
def visitor(browser: Browser) -> Iterator[type[Visitor]]:
    """Makes people, each with a browser profile of their own; their pages must not have raised an error."""
    made: list[Visitor] = []

    class Made(Visitor):
        def __init__(self, name: str, url: str, **options: object) -> None:
            super().__init__(browser, name, url, **options)  # type: ignore[arg-type]
            made.append(self)

    yield Made
    for one in made:
        one.context.close()
    assert [problem for one in made for problem in one.problems] == []
