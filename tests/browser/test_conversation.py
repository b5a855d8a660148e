"""Two people and a model talk live, through a kill of the server and a cut of the link."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect
from tests.processes import AntiphonProcess

from .people import Visitor, general, post
from .provider import LocalProvider
from .proxy import Proxy


def test_two_people_see_each_others_doings_at_once(antiphon: AntiphonProcess, visitor: type[Visitor]) -> None:
    """Messages, typing, edits, reactions and deletions reach the other page with nothing done there."""
    ada, bob = visitor("Ada", antiphon.url), visitor("Bob", antiphon.url)
    ada.page.goto(antiphon.url)
    expect(ada.page.get_by_text("administrator")).to_be_visible()
    ada.sign_up()
    bob.sign_up()
    ada.enter()
    bob.enter()

    ada.say("Shall we *begin*?")
    expect(bob.rows).to_have_count(1)
    expect(bob.row("Shall we begin?").locator("em")).to_have_text("begin")
    expect(ada.row("Shall we begin?")).not_to_have_class(re.compile("pending"))

    bob.box.press_sequentially("Yes")
    expect(ada.page.locator("#typing")).to_have_text(re.compile("Bob is typing"))
    bob.box.press("Enter")
    expect(ada.row("Yes")).to_be_visible()
    expect(ada.page.locator("#typing")).to_be_empty()

    ada.row("Yes").hover()
    ada.row("Yes").get_by_label("Add reaction").click()
    ada.page.locator("#emoji-picker").get_by_label("thumbsup").click()
    expect(bob.row("Yes").locator(".reaction")).to_have_text(re.compile("1"))
    bob.row("Yes").locator(".reaction").click()
    expect(ada.row("Yes").locator(".reaction")).to_have_text(re.compile("2"))

    bob.row("Yes").hover()
    bob.row("Yes").get_by_label("Edit", exact=True).click()
    bob.page.get_by_label("Edit message").fill("Yes, now")
    bob.page.get_by_label("Edit message").press("Enter")
    expect(ada.row("Yes, now")).to_be_visible()

    ada.row("Shall we begin?").hover()
    ada.row("Shall we begin?").get_by_label("Delete", exact=True).click()
    ada.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(bob.rows).to_have_count(1)
    expect(ada.rows).to_have_count(1)


def test_a_chat_streams_and_gets_its_title_and_an_added_provider_brings_its_models(
    antiphon: AntiphonProcess, visitor: type[Visitor]
) -> None:
    """The built-in model needs no key; a provider added in the page is checked and can be asked at once."""
    ada = visitor("Ada", antiphon.url)
    ada.sign_up()
    ada.say("I am worried about my garden")
    expect(ada.page).to_have_url(re.compile("/c/"))
    expect(ada.page.locator("article[data-role=user]")).to_have_text(
        re.compile("I am worried about my garden")
    )
    expect(ada.page.locator("article[data-role=assistant]")).to_have_attribute(
        "data-state", "done", timeout=20_000
    )
    expect(ada.page.get_by_role("heading", level=1)).not_to_have_text("New chat")
    expect(ada.page.locator("#chat-list a[aria-current=page]")).to_have_count(1)

    with LocalProvider(
        "quill-1", "quill-2", key="secret", words=("The answer", " is\n\n", "**42**.")
    ) as provider:
        ada.page.goto(antiphon.url + "/settings/providers")
        ada.is_connected()
        ada.page.get_by_label("Address").fill(provider.url)
        ada.page.get_by_label("Key").fill("wrong")
        ada.page.get_by_role("button", name="Add and check").click()
        expect(ada.page.locator(".verification.bad")).to_be_visible()
        ada.page.get_by_role("button", name=f"Remove {provider.url}").click()
        expect(ada.page.get_by_text("was removed")).to_be_visible()
        ada.page.get_by_label("Address").fill(provider.url)
        ada.page.get_by_label("Key").fill("secret")
        ada.page.get_by_role("button", name="Add and check").click()
        expect(ada.page.locator(".verification.good")).to_contain_text("quill-2")
        assert "secret" not in ada.page.content()

        ada.page.get_by_role("link", name="New chat").click()
        ada.page.get_by_label("Model").select_option("quill-2")
        provider.go_on.clear()
        ada.say("What is it?")
        growing = ada.page.locator("article[data-role=assistant]")
        expect(growing).to_contain_text("The answer")
        expect(growing).to_have_attribute("data-state", "running")
        expect(ada.page.get_by_role("button", name="Stop")).to_be_visible()
        provider.go_on.set()
        expect(growing.locator("strong").filter(has_text="42")).to_be_visible()
        expect(growing).to_have_attribute("data-state", "done")
        expect(ada.page.get_by_role("button", name="Stop")).to_have_count(0)


def test_nothing_is_lost_when_the_server_is_killed_and_a_link_is_cut(
    antiphon: AntiphonProcess, visitor: type[Visitor]
) -> None:
    """Five messages come by REST while a page's link is cut, and one is typed into it: all six are there
    once, in order, without a reload; who was signed in still is; scroll and composer are as they were.
    """
    with Proxy(antiphon.port) as proxy:
        ada, bob = visitor("Ada", antiphon.url), visitor("Bob", proxy.url)
        ada.sign_up()
        bob.sign_up()
        token = ada.token(antiphon.url)
        channel = general(antiphon.url, token)
        for number in range(70):
            post(antiphon.url, token, channel, f"earlier {number}")
        ada.enter()
        bob.enter()
        ada.mark()
        bob.mark()
        ada.box.fill("half a thought")
        reading = ada.row("earlier 40").first
        reading.scroll_into_view_if_needed()
        before = reading.bounding_box()

        antiphon.kill()
        expect(ada.page.get_by_role("status").first).to_contain_text("Waiting for the server")
        expect(bob.page.get_by_role("button", name="Try now")).to_be_visible()
        antiphon.start()
        ada.is_connected()
        bob.is_connected()
        expect(ada.page.locator("#server-link")).to_have_attribute("data-state", "live", timeout=20_000)

        proxy.cut()
        expect(bob.page.locator("#page-link")).to_have_attribute("data-state", "waiting")
        for number in range(5):
            post(antiphon.url, token, channel, f"meanwhile {number}")
        bob.say("typed into the cut page")
        expect(bob.row("typed into the cut page")).to_have_class(re.compile("pending"))
        proxy.mend()

        six = [*(f"meanwhile {number}" for number in range(5)), "typed into the cut page"]
        for person in (ada, bob):
            expect(person.row("typed into the cut page")).to_have_count(1, timeout=20_000)
            expect(person.row("typed into the cut page")).not_to_have_class(
                re.compile("pending"), timeout=20_000
            )
            assert person.texts()[-6:] == six
            assert person.was_not_reloaded()
        assert ada.box.input_value() == "half a thought"
        after = reading.bounding_box()
        assert before is not None
        assert after is not None
        assert abs(before["y"] - after["y"]) <= 2
        assert (
            bob.page.evaluate("() => Object.keys(localStorage).filter((key) => key.includes(':outbox:'))")
            == []
        )
        ada.say("still signed in")
        expect(bob.row("still signed in")).to_be_visible()


def test_two_people_talk_alone(antiphon: AntiphonProcess, visitor: type[Visitor]) -> None:
    """A person in the sidebar leads to a conversation of two; the other finds it there, unread."""
    ada, bob = visitor("Ada", antiphon.url), visitor("Bob", antiphon.url)
    ada.sign_up()
    bob.sign_up()
    bob.enter()
    ada.enter()
    bob.say("hello")
    ada.page.locator("#people-list").get_by_role("link", name=re.compile("Bob")).click()
    expect(ada.page.get_by_role("heading", level=1)).to_have_text("Bob")
    expect(ada.page).to_have_url(re.compile("/channels/"))
    ada.is_connected()
    ada.say("between us")
    mine = bob.page.locator("#people-list").get_by_role("link", name=re.compile("Ada"))
    expect(mine.locator(".unread")).to_contain_text("1")
    mine.click()
    expect(bob.row("between us")).to_be_visible()
    expect(mine).to_have_attribute("aria-current", "page")


def test_a_chat_is_stopped_renamed_and_deleted(antiphon: AntiphonProcess, visitor: type[Visitor]) -> None:
    """An answer ends where it is stopped; a new title is everywhere at once; a deleted chat is left."""
    with LocalProvider("quill", words=("Once", " upon", " a", " time")) as provider:
        ada = visitor("Ada", antiphon.url)
        ada.sign_up()
        ada.page.goto(antiphon.url + "/settings/providers")
        ada.page.get_by_label("Address").fill(provider.url)
        ada.page.get_by_role("button", name="Add and check").click()
        expect(ada.page.locator(".verification.good")).to_be_visible()
        ada.page.get_by_role("link", name="New chat").click()
        ada.page.get_by_label("Model").select_option("quill")
        provider.go_on.clear()
        ada.say("Tell me a story")
        answer = ada.page.locator("article[data-role=assistant]")
        expect(answer).to_contain_text("Once")
        other = ada.tab()
        other.goto(ada.page.url)
        expect(other.locator("article[data-role=assistant]")).to_have_attribute("data-state", "running")
        ada.page.get_by_role("button", name="Stop").click()
        expect(answer).to_have_attribute("data-state", "stopped")
        expect(other.locator("article[data-role=assistant]")).to_have_attribute("data-state", "stopped")
        provider.go_on.set()
        answer.get_by_role("button", name="Try again").click()
        expect(ada.page.locator("article[data-role=assistant][data-state=done]")).to_contain_text(
            "Once upon a time"
        )

        ada.page.get_by_role("button", name="Rename").click()
        ada.page.get_by_role("textbox", name="New title").fill("A story")
        ada.page.get_by_role("button", name="Save").click()
        for page in (ada.page, other):
            expect(page.get_by_role("heading", level=1)).to_have_text("A story")
            expect(page).to_have_title(re.compile("^A story"))
            expect(page.locator("#chat-list")).to_contain_text("A story")
        ada.page.get_by_role("button", name="Delete chat").click()
        ada.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(ada.page.locator("#view[data-kind=home]")).to_be_visible()
        expect(ada.page.locator("#chat-list")).not_to_contain_text("A story")


def test_the_two_links_are_told_apart(tmp_path: Path, visitor: type[Visitor]) -> None:
    """With the page up and its server down the page says which link is gone; what is written waits."""
    with (
        AntiphonProcess(tmp_path / "server", "serve") as server,
        AntiphonProcess(tmp_path / "page", "page", args=("--server", server.url), ready_path="/auth") as page,
    ):
        ada = visitor("Ada", page.url)
        ada.sign_up()
        ada.enter()
        ada.mark()
        server.kill()
        expect(ada.page.locator("#server-link")).to_have_attribute("data-state", "waiting", timeout=20_000)
        expect(ada.page.locator("#page-link")).to_have_attribute("data-state", "live")
        expect(ada.page.get_by_role("status", name="Connection")).to_contain_text("Waiting for the server")
        ada.say("while it was away")
        expect(ada.row("while it was away")).to_have_class(re.compile("pending"))
        fresh = ada.tab()
        fresh.goto(page.url)
        expect(fresh.get_by_role("main")).to_be_visible()
        server.start()
        expect(ada.page.locator("#server-link")).to_have_attribute("data-state", "live", timeout=20_000)
        expect(ada.row("while it was away")).not_to_have_class(re.compile("pending"), timeout=20_000)
        expect(ada.rows).to_have_count(1)
        page.kill()
        page.start()
        ada.is_connected()
        expect(ada.rows).to_have_count(1)
        assert ada.was_not_reloaded()
        eve = visitor("Eve", page.url)
        server.kill()
        eve.page.goto(page.url)
        eve.sign_in()
        expect(eve.page.get_by_role("alert")).to_contain_text("cannot be reached")
        expect(eve.page.get_by_label("Email")).to_have_value(eve.email)
