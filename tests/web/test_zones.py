"""Times in the zone of whoever reads them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from antiphon.web import zones
from antiphon.web.views import times

from .serving import Browser, Page

EAST, WEST = "Pacific/Kiritimati", "Pacific/Pago_Pago"  # 25 hours apart: never the same day


def tell(browser: Browser, zone: str) -> None:
    """Set the cookie that the page's script sets."""
    browser.http.cookie_jar.update_cookies({zones.COOKIE: zone})


def clocks(html: str) -> set[str]:
    """The offsets of all moments in a piece of HTML."""
    return set(re.findall(r'<time datetime="[^"]*T[^"]*?([+-]\d\d:\d\d)"', html))


async def said(page: Page) -> tuple[Browser, Browser, str]:
    """Two people, and a channel with a message."""
    ada, bob = await page.person("Ada"), await page.person("Bob")
    channel = await ada.general()
    assert (await ada.act("send", id=channel, temp_id="temp-0001", content="what time is it?")).status == 200
    return ada, bob, channel


async def test_everybody_reads_the_time_of_their_own_zone(page: Page) -> None:
    """The first response already has it, and the rows that people share by the cache are not mixed up."""
    ada, bob, channel = await said(page)
    tell(ada, EAST)
    tell(bob, WEST)
    for _ in range(2):
        east = (await ada.get(f"/channels/{channel}")).text
        west = (await bob.get(f"/channels/{channel}")).text
        log = re.compile(r'<article class="message.*?</article>', re.DOTALL)
        assert clocks(log.findall(east)[0]) == {"+14:00"}
        assert clocks(log.findall(west)[0]) == {"-11:00"}
    days = [re.search(r'<p class="day"><time datetime="([^"]+)"', html) for html in (east, west)]
    assert days[0] is not None
    assert days[1] is not None
    assert days[0].group(1) > days[1].group(1)


async def test_a_stream_shows_the_zone_that_its_tab_told(page: Page) -> None:
    """A tab that was drawn before its zone was known, or that travelled, gets its rows anew."""
    ada, _, channel = await said(page)
    html = (await ada.get(f"/channels/{channel}")).text
    version = re.search(r'data-version="([^"]+)"', html)
    assert version is not None
    tell(ada, EAST)
    tab = await ada.open(kind="channel", id=channel, version=version.group(1))
    await tab.shows("what time is it?")
    assert clocks(tab.html) == {"+14:00"}
    tell(ada, WEST)
    assert (await ada.act("presence", stream=tab.name)).status == 204
    await tab.until(lambda: "-11:00" in clocks(tab.html))


async def test_the_next_view_has_the_version_that_its_rows_have(page: Page) -> None:
    """Rows that were drawn in the zone already are not sent again."""
    ada, _, channel = await said(page)
    tell(ada, EAST)
    await ada.get(f"/channels/{channel}")
    html = (await ada.get(f"/channels/{channel}")).text
    version, sidebar = (
        re.search(rf'data-{name}="([^"]+)"', html).group(1) for name in ("version", "sidebar")
    )
    tab = await ada.open(kind="channel", id=channel, version=version, sidebar=sidebar)
    assert (await ada.act("send", id=channel, temp_id="temp-0002", content="late")).status == 200
    await tab.shows("late")
    assert "what time is it?" not in tab.html


@pytest.mark.parametrize(
    "told",
    ["", "../../etc/passwd", "/etc/localtime", "America", "Nowhere/At_All", "x" * 4000, "Europe/../UTC", "☃"],
)
async def test_a_zone_that_is_none_is_as_if_nothing_was_told(told: str) -> None:
    """Nothing but a name that this machine's tables hold is looked up."""
    assert await zones.zone_told({zones.COOKIE: told}) is None
    assert await zones.zone_told({}) is None
    assert await zones.zone_told({zones.COOKIE: "Asia/Kolkata"}) == ZoneInfo("Asia/Kolkata")


def test_the_day_ends_at_the_midnight_of_the_zone() -> None:
    """A list that says "Today" is drawn again when that is another day."""
    for zone in (ZoneInfo(EAST), ZoneInfo(WEST), UTC, None):
        now = datetime.now(UTC).timestamp()
        then = times.from_seconds(now + times.until_midnight(zone), zone)
        assert (then.hour, then.minute) == (0, 0)
        assert then.date() > times.from_seconds(now, zone).date()
