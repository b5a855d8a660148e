"""The page by keyboard alone, over a slow link, in scripts that run the other way, with a long history."""

from __future__ import annotations

import re
from contextlib import suppress

from playwright.sync_api import Error, Page, Route, expect
from tests.processes import AntiphonProcess

from .people import Visitor, general, post, rest


def focused(page: Page) -> str:
    """What has the focus, by its name."""
    return str(page.evaluate("() => document.activeElement.getAttribute('aria-label')"))


def test_everything_in_a_log_is_reached_by_keys(antiphon: AntiphonProcess, visitor: type[Visitor]) -> None:
    """The log is one stop of Tab; arrows go from row to row and through a row's buttons, Escape goes back."""
    ada = visitor("Ada", antiphon.url)
    ada.sign_up()
    ada.enter()
    for text in ("one", "two", "three"):
        ada.say(text)
    expect(ada.log.locator("article.pending")).to_have_count(0)
    keys = ada.page.keyboard
    expect(ada.box).to_be_focused()
    keys.press("Shift+Tab")
    assert focused(ada.page) == "Conversation"
    keys.press("ArrowUp")
    expect(ada.row("three")).to_be_focused()
    keys.press("ArrowUp")
    expect(ada.row("two")).to_be_focused()
    keys.press("ArrowRight")
    assert focused(ada.page) == "Add reaction"
    keys.press("ArrowRight")
    assert focused(ada.page) == "Edit"
    keys.press("Enter")
    expect(ada.row("two").get_by_role("textbox", name="Edit message")).to_be_focused()
    keys.type(" and a half")
    keys.press("Enter")
    expect(ada.row("two and a half")).to_have_count(1)
    expect(ada.box).to_be_focused()
    keys.press("Shift+Tab")
    keys.press("ArrowUp")
    keys.press("ArrowDown")
    expect(ada.box).to_be_focused()
    keys.press("Shift+Tab")
    keys.press("ArrowUp")
    keys.press("Escape")
    expect(ada.box).to_be_focused()


def test_on_a_slow_link_the_view_chosen_last_is_shown(
    antiphon: AntiphonProcess, visitor: type[Visitor]
) -> None:
    """Something moves while it is on its way, and earlier choices are forgotten."""
    ada = visitor("Ada", antiphon.url)
    ada.sign_up()
    token = ada.token(antiphon.url)
    for name in ("apples", "bananas", "cherries"):
        rest(antiphon.url, "POST", "/api/v1/channels/create", {"name": name}, token)
    links = ada.page.locator("#channel-list").get_by_role("link")
    expect(links).to_have_count(4)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    ada.page.route(re.compile(r"/channels/"), hold)
    for name in ("apples", "bananas", "cherries"):
        before = len(held)
        ada.page.locator("#channel-list").get_by_role("link", name=name).click()
        while len(held) == before:
            ada.page.wait_for_timeout(20)
    expect(ada.page.locator("html")).to_have_attribute("data-loading", "")
    expect(ada.page.locator("#view")).to_have_attribute("aria-busy", "true")
    for route in held:
        with suppress(Error):  # it was given up meanwhile
            route.continue_()
    expect(ada.page.get_by_role("heading", name="cherries", exact=True)).to_be_visible()
    expect(ada.page.locator("html")).not_to_have_attribute("data-loading", "")
    expect(ada.page.locator("#channel-list a[aria-current=page]")).to_contain_text("cherries")
    assert ada.page.url.endswith(str(links.filter(has_text="cherries").get_attribute("href")))


def test_each_line_runs_the_way_its_script_does(antiphon: AntiphonProcess, visitor: type[Visitor]) -> None:
    """Arabic begins at the right, Latin at the left, also in one message, and while it is written."""
    ada = visitor("Ada", antiphon.url)
    ada.sign_up()
    ada.enter()
    ada.say("مرحبا بالعالم\n\nhello world")
    paragraphs = ada.row("hello world").locator("p:not([class])")
    expect(paragraphs).to_have_count(2)
    arabic, latin = (
        paragraphs.nth(number).evaluate(
            """(p) => { const range = document.createRange(); range.selectNodeContents(p);
            const [text, box] = [range.getBoundingClientRect(), p.getBoundingClientRect()];
            return [text.left - box.left, box.right - text.right]; }"""
        )
        for number in (0, 1)
    )
    assert arabic[1] < 1 < arabic[0]
    assert latin[0] < 1 < latin[1]


def test_a_long_history_is_there_and_lays_out_only_what_is_near(
    antiphon: AntiphonProcess, visitor: type[Visitor]
) -> None:
    """Rows far from the screen are skipped by the browser, and reading upwards never jumps."""
    ada = visitor("Ada", antiphon.url)
    ada.sign_up()
    token = ada.token(antiphon.url)
    channel = general(antiphon.url, token)
    for number in range(260):
        post(antiphon.url, token, channel, f"message {number:03} " + "with more to say " * (number % 7))
    ada.enter()
    while ada.page.locator("#earlier").count():
        count = ada.rows.count()
        ada.page.locator("#earlier").dispatch_event("click")
        ada.page.wait_for_function(f"() => document.querySelectorAll('#log > article').length > {count}")
    expect(ada.rows).to_have_count(260)
    skipped = "(row) => !row.querySelector('.text').checkVisibility({ contentVisibilityAuto: true })"
    assert ada.row("message 000").evaluate(skipped)
    assert not ada.row("message 259").evaluate(skipped)
    read = ada.row("message 200 ")
    read.scroll_into_view_if_needed()
    before = read.bounding_box()
    ada.page.locator(".scroller").evaluate("(box) => { box.scrollTop -= 300; }")
    expect(read).to_be_attached()
    after = read.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["y"] - before["y"] - 300) <= 1
