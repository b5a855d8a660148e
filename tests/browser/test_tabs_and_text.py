"""Many tabs share what a browser has, and nothing that people write is anything but text."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect
from tests.processes import AntiphonProcess

from .people import Visitor

WATCH_STREAMS = """
(() => {
  window.streams = [];
  const Plain = window.EventSource;
  window.EventSource = class extends Plain { constructor(...a) { super(...a); window.streams.push(this); } };
  let hidden = false;
  Object.defineProperty(document, "hidden", { get: () => hidden });
  window.hideTab = (now) => { hidden = now; document.dispatchEvent(new Event("visibilitychange")); };
})();
"""

HOSTILE = (
    '<hx-partial hx-target="#view" hx-swap="delete"></hx-partial>',
    "<script>window.hurt = true</script><img src=x onerror='window.hurt = true'>",
    '[a link](https://example.com "<hx-partial hx-target=body hx-swap=delete>")',
    "first\r\nevent: signed-out\r\ndata: x\r\n\r\nlast",
    "</article></div></template></hx-partial><h1 id='view'>taken over</h1>",
    "[click](javascript:window.hurt=true) <div hx-get='/page/sign-out' hx-trigger='load'>",
    "<head><title>mine</title></head>",
)


def open_streams(page: Page) -> int:
    """How many streams a tab has open."""
    return int(page.evaluate("() => window.streams.filter((stream) => stream.readyState !== 2).length"))


def test_of_the_hidden_tabs_one_keeps_its_stream(antiphon: AntiphonProcess, visitor: type[Visitor]) -> None:
    """A browser has six connections for a server: eight tabs still load, and come alive when looked at."""
    ada = visitor("Ada", antiphon.url)
    ada.context.add_init_script(WATCH_STREAMS)
    ada.sign_up()
    tabs = [ada.page]
    for _ in range(7):
        tabs[-1].evaluate("() => window.hideTab(true)")
        tabs.append(ada.tab())
        tabs[-1].goto(antiphon.url + "/")
        expect(tabs[-1].locator("#page-link")).to_have_attribute("data-state", "live")
    tabs[-1].evaluate("() => window.hideTab(true)")
    wait_for(ada.page, lambda: sum(open_streams(tab) for tab in tabs) == 1)
    for tab in (tabs[0], tabs[3]):
        tab.evaluate("() => window.hideTab(false)")
        wait_for(tab, lambda tab=tab: open_streams(tab) == 1)
        expect(tab.locator("#page-link")).to_have_attribute("data-state", "live")


def wait_for(page: Page, condition: Callable[[], bool]) -> None:
    """Wait until a condition holds; the browser goes on meanwhile."""
    for _ in range(200):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it never came true")


def test_what_people_write_is_text_and_nothing_else(
    antiphon: AntiphonProcess, visitor: type[Visitor]
) -> None:
    """Swaps, scripts, ends of elements and lines of the stream's own kind arrive as the words they are."""
    ada, bob = (
        visitor("Ada", antiphon.url),
        visitor("Bob <hx-partial hx-target=body hx-swap=delete>", antiphon.url),
    )
    bob.email = "bob@example.com"
    ada.sign_up()
    bob.sign_up()
    ada.enter()
    bob.enter()
    for text in HOSTILE:
        bob.box.fill(text)
        bob.box.press("Enter")
    for person in (ada, bob):
        expect(person.rows).to_have_count(len(HOSTILE))
        expect(person.row("taken over")).to_contain_text("</article></div>")
        expect(person.row('hx-target="#view"')).to_contain_text("<hx-partial")
        expect(person.page.locator("main#view")).to_have_count(1)
        assert person.page.evaluate("() => window.hurt === undefined")
        person.page.reload()
        person.is_connected()
        expect(person.rows).to_have_count(len(HOSTILE))
        assert person.page.evaluate("() => window.hurt === undefined")
        person.page.get_by_role("link", name="New chat").click()
        person.enter()
        expect(person.rows).to_have_count(len(HOSTILE))
        expect(person.page).to_have_title("#general · Antiphon")
