"""What goes wrong is said in the page, and nothing that was typed is lost."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import jwt
from playwright.sync_api import expect
from tests.processes import AntiphonProcess

from .failing import FailingProvider
from .people import PASSWORD, Visitor, general, rest

PROVIDER_FAULTS = {
    "http-401": "refuses the key (401)",
    "http-404": "does not know the model",
    "http-500": "a fault of its own (500)",
    "html": "a web page",
    "half": "closed the connection before the answer was complete",
}


def test_the_way_in_says_what_is_wrong(antiphon: AntiphonProcess, visitor: type[Visitor]) -> None:
    """A wrong password, a taken address and a weak one each come back with words and with what was typed."""
    ada, eve = visitor("Ada", antiphon.url), visitor("Eve", antiphon.url)
    ada.sign_up()
    eve.email = ada.email
    eve.page.goto(antiphon.url)
    eve.sign_in("not the password")
    expect(eve.page.get_by_role("alert")).to_contain_text("incorrect")
    expect(eve.page.get_by_label("Email")).to_have_value(ada.email)

    eve.page.goto(antiphon.url + "/auth?mode=sign-up")
    eve.page.get_by_label("Name").fill("Eve")
    eve.page.get_by_label("Email").fill(ada.email)
    eve.page.get_by_label("Password").fill(PASSWORD)
    eve.page.get_by_role("button", name="Create account").click()
    expect(eve.page.get_by_role("alert")).to_contain_text("already")

    eve.page.get_by_label("Email").fill("eve@example.com")
    # The browser's own check of the length would keep the form back.
    eve.page.locator("form").evaluate("(form) => { form.noValidate = true; }")
    eve.page.get_by_label("Password").fill("short")
    eve.page.get_by_role("button", name="Create account").click()
    expect(eve.page.get_by_role("alert")).to_contain_text("at least 8 characters")
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


def test_a_session_that_expired_says_so_and_keeps_what_was_written(
    tmp_path: Path, visitor: type[Visitor]
) -> None:
    """The page leads to the way in, says why, and after it back to where one was, with the draft and with the
    message that could not be sent; somebody else stays signed in.
    """
    secret = "a secret of this test's own, long enough"
    with AntiphonProcess(tmp_path, env={"WEBUI_SECRET_KEY": secret}) as antiphon:
        ada, bob = visitor("Ada", antiphon.url), visitor("Bob", antiphon.url)
        for person in (ada, bob):
            person.sign_up()
            person.enter()
        antiphon.kill()
        expect(ada.page.locator("#page-link")).to_have_attribute("data-state", "waiting")
        ada.say("sent too late")
        ada.box.fill("half a thought")
        let_the_token_expire(tmp_path / "page.sqlite3", ada.email, secret)
        antiphon.start()
        expect(ada.page).to_have_url(re.compile("/auth"), timeout=20_000)
        expect(ada.page.get_by_role("status")).to_contain_text("session has expired")
        ada.sign_in()
        expect(ada.page).to_have_url(re.compile("/channels/"))
        expect(ada.box).to_have_value("half a thought")
        # The page server may have sent it before the browser hears of that: for a moment there are two rows.
        expect(ada.row("sent too late")).to_have_count(1, timeout=20_000)
        expect(ada.row("sent too late")).not_to_have_class(re.compile("pending"), timeout=20_000)
        expect(bob.row("sent too late")).to_have_count(1, timeout=20_000)
        ada.page.get_by_role("button", name="Ada, your menu").click()
        ada.page.get_by_role("button", name="Sign out").click()
        expect(ada.page.get_by_role("button", name="Sign in")).to_be_visible()
        expect(ada.page.get_by_text("session has expired")).to_have_count(0)


def let_the_token_expire(sessions: Path, email: str, secret: str) -> None:
    """Put in place of somebody's token the same one with its time over."""
    with closing(sqlite3.connect(sessions)) as database, database:
        (token,) = database.execute("SELECT token FROM sessions WHERE email = ?", (email,)).fetchone()
        claims = jwt.decode(token, secret, algorithms=["HS256"])
        over = jwt.encode({**claims, "exp": claims["iat"] - 1}, secret, algorithm="HS256")
        database.execute("UPDATE sessions SET token = ? WHERE email = ?", (over, email))


def test_a_provider_that_fails_is_said_in_the_answer(
    antiphon: AntiphonProcess, visitor: type[Visitor]
) -> None:
    """401, 404, 500, a web page and half a line: each has its words, before and after a reload, and a way on;
    another model answers and another person is not disturbed.
    """
    with FailingProvider() as provider:
        ada, bob = visitor("Ada", antiphon.url), visitor("Bob", antiphon.url)
        ada.sign_up()
        bob.sign_up()
        bob.enter()
        ada.page.goto(antiphon.url + "/settings/providers")
        ada.page.get_by_label("Address").fill(provider.url)
        ada.page.get_by_role("button", name="Add and check").click()
        expect(ada.page.locator(".verification.good")).to_be_visible()
        for model, words in PROVIDER_FAULTS.items():
            ada.page.get_by_role("link", name="New chat").click()
            expect(ada.page.locator("#view[data-kind=home]")).to_be_visible()
            ada.page.get_by_label("Model").select_option(model)
            ada.say("Are you there?")
            answer = ada.page.locator("article[data-role=assistant]")
            expect(answer).to_have_attribute("data-state", "failed")
            expect(answer.get_by_role("alert")).to_contain_text(words)
            expect(answer).to_contain_text("word4" if model == "half" else "")
            ada.page.reload()
            expect(answer.get_by_role("alert")).to_contain_text(words)
            expect(answer.get_by_role("button", name="Try again")).to_be_visible()
            bob.say(f"meanwhile {model}")
            expect(bob.row(f"meanwhile {model}")).not_to_have_class(re.compile("pending"))
        ada.page.get_by_role("link", name="New chat").click()
        expect(ada.page.locator("#view[data-kind=home]")).to_be_visible()
        ada.page.get_by_label("Model").select_option("words")
        ada.say("And you?")
        expect(ada.page.locator("article[data-role=assistant]")).to_have_attribute("data-state", "done")
