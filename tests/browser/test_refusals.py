"""What goes wrong is said in the page, and nothing that was typed is lost."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from tests.processes import AntiphonProcess

from .people import PASSWORD, Visitor, general, rest


def test_the_way_in_says_what_is_wrong(antiphon: AntiphonProcess, visitor: type[Visitor]) -> None:
    """A wrong password, a taken address and a weak one each come back with words and with what was typed."""
    ada, eve = visitor("Ada", antiphon.url), visitor("Eve", antiphon.url)
    ada.sign_up()
    eve.email = ada.email
    eve.page.goto(antiphon.url)
    eve.sign_in("not the password")
    expect(eve.page.get_by_role("alert")).to_be_visible()
    expect(eve.page.get_by_label("Email")).to_have_value(ada.email)

    eve.page.goto(antiphon.url + "/auth?mode=sign-up")
    eve.page.get_by_label("Name").fill("Eve")
    eve.page.get_by_label("Email").fill(ada.email)
    eve.page.get_by_label("Password").fill(PASSWORD)
    eve.page.get_by_role("button", name="Create account").click()
    taken = eve.page.get_by_role("alert")
    expect(taken).to_be_visible()
    words = taken.inner_text()

    eve.page.get_by_label("Email").fill("eve@example.com")
    # The browser's own check of the length would keep the form back.
    eve.page.locator("form").evaluate("(form) => { form.noValidate = true; }")
    eve.page.get_by_label("Password").fill("short")
    eve.page.get_by_role("button", name="Create account").click()
    expect(eve.page.get_by_role("alert")).to_be_visible()
    expect(eve.page.get_by_role("alert")).not_to_have_text(words)
    expect(eve.page.get_by_label("Email")).to_have_value("eve@example.com")


def test_a_message_of_a_megabyte_is_refused_beside_its_text(
    antiphon: AntiphonProcess, visitor: type[Visitor]
) -> None:
    """The row stays with the reason and what can be done; the next message goes through."""
    ada = visitor("Ada", antiphon.url)
    ada.sign_up()
    ada.enter()
    ada.say("   ")
    expect(ada.rows).to_have_count(0)
    ada.box.evaluate("(box) => { box.removeAttribute('maxlength'); box.value = 'x'.repeat(1000000); }")
    ada.box.press("Enter")
    expect(ada.log.get_by_role("alert")).to_contain_text("Not sent")
    ada.say("a short one")
    expect(ada.row("a short one")).not_to_have_class(re.compile("pending"))
    ada.page.reload()
    ada.is_connected()
    expect(ada.log.get_by_role("alert")).to_contain_text("Not sent")
    ada.log.get_by_role("button", name="Discard").click()
    expect(ada.rows).to_have_count(1)


def test_a_channel_that_is_gone_says_so(antiphon: AntiphonProcess, visitor: type[Visitor]) -> None:
    """An old link and a channel that is deleted while it is on screen both end in words and a way on."""
    ada = visitor("Ada", antiphon.url)
    ada.sign_up()
    token = ada.token(antiphon.url)
    ada.page.goto(antiphon.url + "/channels/00000000-0000-4000-8000-000000000000")
    expect(ada.page.get_by_role("main")).to_contain_text("gone")
    ada.page.get_by_role("link", name="Go to the start").click()
    expect(ada.page.locator("#view[data-kind=home]")).to_be_visible()

    made = rest(antiphon.url, "POST", "/api/v1/channels/create", {"name": "short-lived"}, token)
    ada.enter("short-lived")
    rest(antiphon.url, "DELETE", f"/api/v1/channels/{made['id']}/delete", token=token)
    expect(ada.page.get_by_role("main")).to_contain_text("gone")
    expect(ada.page.locator("#channel-list")).not_to_contain_text("short-lived")
    assert general(antiphon.url, token)
