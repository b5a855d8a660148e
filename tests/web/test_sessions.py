"""How long a sign-in lasts."""

from __future__ import annotations

import asyncio
import sqlite3
from http.cookies import SimpleCookie
from pathlib import Path

import pytest

from antiphon.web.sessions import COOKIE, Sessions

from .serving import Page

DAY = 86_400
WHO = {"token": "t", "user_id": "u1", "name": "Ada", "email": "ada@example.com", "role": "user"}


class Calendar:
    """A clock that stands until it is moved, in seconds."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """The time it shows."""
        return self.now


@pytest.fixture
def calendar() -> Calendar:
    """The clock of a test's sessions."""
    return Calendar()


def sessions(path: Path, calendar: Calendar) -> Sessions:
    """Sessions that last 30 days after a visit, and 100 at most."""
    return Sessions(path / "page.sqlite3", lifetime=30 * DAY, longest=100 * DAY, now=calendar)


async def test_a_session_lasts_as_long_as_one_comes_and_not_for_ever(
    tmp_path: Path, calendar: Calendar
) -> None:
    """Each visit after an hour renews the cookie for 30 days, but never beyond the hundredth day."""
    held = await asyncio.to_thread(sessions, tmp_path, calendar)
    value, session = await held.start(**WHO)
    visit = await held.visit(value)
    assert visit is not None
    assert (visit.session, visit.renew) == (session, None)
    renewed = []
    for _ in range(4):
        calendar.now += 24 * DAY
        visit = await held.visit(value)
        assert visit is not None
        renewed.append(visit.renew)
    assert renewed == [30 * DAY, 30 * DAY, 28 * DAY, 4 * DAY]
    calendar.now += 4 * DAY
    assert await held.visit(value) is None
    await asyncio.to_thread(held.close)


async def test_a_session_without_a_visit_ends(tmp_path: Path, calendar: Calendar) -> None:
    """A month away is too long, also over a restart."""
    held = await asyncio.to_thread(sessions, tmp_path, calendar)
    values = [(await held.start(**WHO))[0] for _ in range(2)]
    calendar.now += 30 * DAY + 1
    assert await held.visit(values[0]) is None
    await asyncio.to_thread(held.close)
    again = await asyncio.to_thread(sessions, tmp_path, calendar)
    assert await again.visit(values[1]) is None
    await asyncio.to_thread(again.close)


def as_it_was(path: Path) -> None:
    """Make the file of a page that did not keep when a sign-in began."""
    file = sqlite3.connect(path)
    file.execute("ALTER TABLE sessions DROP COLUMN began_at")
    file.commit()
    file.close()


async def test_a_file_of_an_older_page_is_taken_over(tmp_path: Path, calendar: Calendar) -> None:
    """It did not keep when a sign-in began."""
    held = await asyncio.to_thread(sessions, tmp_path, calendar)
    value, _ = await held.start(**WHO)
    await asyncio.to_thread(held.close)
    await asyncio.to_thread(as_it_was, tmp_path / "page.sqlite3")
    again = await asyncio.to_thread(sessions, tmp_path, calendar)
    calendar.now += DAY
    assert await again.visit(value) is not None
    await asyncio.to_thread(again.close)


async def test_every_way_to_visit_renews_the_cookie(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """A view, an action or a stream sets it anew once an hour; signing out still takes it away."""
    ada = await page.person("Ada")
    clock = Calendar()
    clock.now = page.site.sessions._now()
    monkeypatch.setattr(page.site.sessions, "_now", clock)
    assert "set-cookie" not in (await ada.get("/")).headers

    async def stream() -> str:
        tab = await ada.open(kind="home")
        return str(tab.response.headers.get("set-cookie", ""))

    async def action() -> str:
        return str((await ada.act("presence", stream="none")).headers.get("set-cookie", ""))

    async def view() -> str:
        return str((await ada.get("/")).headers.get("set-cookie", ""))

    for way in (view, action, stream):
        clock.now += 2 * 3600
        cookie = SimpleCookie(await way())[COOKIE]
        assert int(cookie["max-age"]) == 30 * DAY
        assert cookie["httponly"]
        assert cookie["samesite"].lower() == "lax"
    clock.now += 2 * 3600
    gone = await ada.form("/page/sign-out")
    assert SimpleCookie(gone.headers["set-cookie"])[COOKIE].value == ""
