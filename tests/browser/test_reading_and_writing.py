"""What makes a page pleasant: nothing jumps, nothing typed is lost, and a lost link is noticed."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from tests.processes import AntiphonProcess

from .people import Visitor, general, post
from .proxy import Proxy


@pytest.fixture
def full(antiphon: AntiphonProcess, visitor: type[Visitor]) -> Visitor:
    """Somebody in a channel with 130 messages."""
    ada = visitor("Ada", antiphon.url)
    ada.sign_up()
    token = ada.token(antiphon.url)
    channel = general(antiphon.url, token)
    for number in range(130):
        post(antiphon.url, token, channel, f"message number {number:03}")
    ada.enter()
    return ada


def distance_to_end(page: Page) -> float:
    """How far the log is from its end, in px."""
    box = page.locator(".scroller")
    return float(box.evaluate("(box) => Math.abs(box.scrollTop)"))


def test_earlier_messages_come_without_a_jump(full: Visitor) -> None:
    """The row that was on top stays where it was while its predecessors come in above it."""
    expect(full.rows).to_have_count(50)
    assert distance_to_end(full.page) <= 1
    first = full.row("message number 080")
    first.scroll_into_view_if_needed()
    before = first.locator(".text").bounding_box()
    full.page.get_by_role("button", name="Load earlier").dispatch_event("click")
    expect(full.row("message number 040")).to_have_count(1)
    after = first.locator(".text").bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) <= 1
    full.page.get_by_role("button", name="Load earlier").dispatch_event("click")
    expect(full.rows).to_have_count(130)
    expect(full.page.get_by_role("button", name="Load earlier")).to_have_count(0)
    assert full.texts() == [f"message number {number:03}" for number in range(130)]


def test_a_new_message_moves_only_who_is_at_the_end(full: Visitor, antiphon: AntiphonProcess) -> None:
    """At the end one stays at the end; further up nothing moves, and a button leads back."""
    token = full.token(antiphon.url)
    channel = general(antiphon.url, token)
    post(antiphon.url, token, channel, "seen at once")
    expect(full.row("seen at once")).to_be_in_viewport()
    assert distance_to_end(full.page) <= 1

    read = full.row("message number 100")
    read.scroll_into_view_if_needed()
    expect(full.page.get_by_role("button", name="Jump to latest")).to_be_visible()
    before = read.bounding_box()
    post(antiphon.url, token, channel, "not seen yet")
    expect(full.row("not seen yet")).to_have_count(1)
    after = read.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) <= 1  # a browser rounds to its pixels
    full.page.get_by_role("button", name="Jump to latest").click()
    expect(full.row("not seen yet")).to_be_in_viewport()
    expect(full.page.get_by_role("button", name="Jump to latest")).to_be_hidden()


def test_drafts_and_waiting_messages_survive_a_reload(
    antiphon: AntiphonProcess, visitor: type[Visitor]
) -> None:
    """A draft belongs to its conversation; what waits to be sent is shown again, and sent when it can be."""
    ada = visitor("Ada", antiphon.url)
    ada.sign_up()
    ada.box.fill("a question not asked")
    ada.enter()
    expect(ada.box).to_have_value("")
    ada.box.fill("half a message")
    ada.page.get_by_role("link", name="New chat").click()
    expect(ada.box).to_have_value("a question not asked")
    ada.enter()
    expect(ada.box).to_have_value("half a message")

    ada.page.route("**/page/send", lambda route: route.abort())
    ada.say("on its way")
    expect(ada.row("on its way")).to_have_class(re.compile("pending"))
    ada.page.reload()
    ada.is_connected()
    expect(ada.row("on its way")).to_have_class(re.compile("pending"))
    ada.page.unroute("**/page/send")
    ada.page.reload()
    expect(ada.row("on its way")).not_to_have_class(re.compile("pending"))
    expect(ada.rows).to_have_count(1)


def test_two_tabs_send_what_waits_once_and_in_order(
    antiphon: AntiphonProcess, visitor: type[Visitor]
) -> None:
    """Both tabs see what waits; when the link is back it is sent in the order of writing, once."""
    with Proxy(antiphon.port) as proxy:
        ada = visitor("Ada", proxy.url)
        ada.sign_up()
        ada.enter()
        other = ada.tab()
        other.goto(ada.page.url)
        expect(other.locator("#page-link")).to_have_attribute("data-state", "live")
        proxy.cut()
        expect(ada.page.locator("#page-link")).to_have_attribute("data-state", "waiting")
        for number in range(3):
            ada.say(f"waiting {number}")
        expect(other.locator("#log > article.pending")).to_have_count(3)
        proxy.mend()
        for page in (ada.page, other):
            expect(page.locator("#log > article:not(.pending)")).to_have_count(3, timeout=20_000)
            expect(page.locator("#log > article")).to_have_count(3)
        assert ada.texts() == [f"waiting {number}" for number in range(3)]


def test_a_silent_link_is_noticed(antiphon: AntiphonProcess, visitor: type[Visitor]) -> None:
    """When nothing arrives any more, and nothing says that the link is gone, 25 s are enough to notice."""
    with Proxy(antiphon.port) as proxy:
        ada = visitor("Ada", proxy.url)
        ada.page.clock.install()
        ada.sign_up()
        ada.enter()
        ada.mark()
        proxy.silence()
        ada.page.clock.fast_forward(26_000)
        expect(ada.page.get_by_role("status", name="Connection")).to_contain_text(
            "Waiting for the server, next try in"
        )
        proxy.mend()
        ada.page.get_by_role("button", name="Try now").click()
        ada.is_connected()
        assert ada.was_not_reloaded()


def test_the_tab_tells_how_much_is_unread(antiphon: AntiphonProcess, visitor: type[Visitor]) -> None:
    """A message in a channel that is not on screen is counted, in the sidebar and in the tab's title."""
    ada, bob = visitor("Ada", antiphon.url), visitor("Bob", antiphon.url)
    ada.sign_up()
    bob.sign_up()
    bob.enter()
    bob.say("are you there?")
    expect(ada.page).to_have_title(re.compile(r"^\(1\) "))
    expect(ada.page.locator("#channel-list .unread")).to_contain_text("1")
    ada.page.bring_to_front()
    ada.enter()
    expect(ada.page.locator("#channel-list .unread")).to_have_count(0)
    expect(ada.page).not_to_have_title(re.compile(r"^\("))


def test_light_and_dark_are_chosen_once(antiphon: AntiphonProcess, visitor: type[Visitor]) -> None:
    """The choice holds at once, and for the first paint of the next page."""
    ada = visitor("Ada", antiphon.url)
    ada.sign_up()
    ada.page.get_by_role("button", name="Ada, your menu").click()
    ada.page.get_by_role("button", name="Dark").click()
    expect(ada.page.locator("html")).to_have_attribute("data-theme", "dark")
    response = ada.page.request.get(antiphon.url + "/")
    assert 'data-theme="dark"' in response.text()


def test_a_phone_has_everything(antiphon: AntiphonProcess, visitor: type[Visitor]) -> None:
    """On a narrow screen the sidebar is a drawer that goes when something was chosen; nothing is too wide."""
    ada = visitor("Ada", antiphon.url, viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True)
    ada.sign_up()
    ada.page.get_by_role("button", name="Conversations", exact=True).tap()
    ada.page.locator("#channel-list").get_by_role("link", name=re.compile("general")).tap()
    expect(ada.page.locator("#view[data-kind=channel]")).to_be_visible()
    expect(ada.page.locator("#sidebar")).to_be_hidden()
    ada.say("from a phone " + "with a very long line " * 10)
    expect(ada.row("from a phone")).not_to_have_class(re.compile("pending"))
    assert ada.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
