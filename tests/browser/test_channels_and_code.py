"""Making channels, copying code, times of the reader's zone, and chats that go in another tab."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from playwright.sync_api import expect
from tests.processes import AntiphonProcess

from .people import Visitor
from .provider import LocalProvider


def test_a_channel_is_made_renamed_and_deleted_in_the_page(
    antiphon: AntiphonProcess, visitor: type[Visitor]
) -> None:
    """Everyone sees it appear, change and go at once; what is wrong with its name is said in the dialog."""
    ada, bob = visitor("Ada", antiphon.url), visitor("Bob", antiphon.url)
    ada.sign_up()
    bob.sign_up()
    expect(bob.page.get_by_role("button", name="New channel")).to_have_count(0)
    ada.page.get_by_role("button", name="New channel").click()
    dialog = ada.page.get_by_role("dialog", name="New channel")
    expect(dialog.get_by_label("Name")).to_be_focused()
    dialog.get_by_label("Name").fill("   ")
    dialog.get_by_label("Name").press("Enter")
    expect(dialog.get_by_role("alert")).to_have_text("Give the channel a name.")
    dialog.get_by_label("Name").evaluate(
        "(field) => { field.maxLength = 1000; field.value = 'x'.repeat(101); }"
    )
    dialog.get_by_role("button", name="Create channel").click()
    expect(dialog.get_by_role("alert")).to_contain_text("too long")
    dialog.get_by_label("Name").fill("garden")
    dialog.get_by_label("What it is for").fill("Everything that grows")
    dialog.get_by_role("button", name="Create channel").dblclick()
    expect(ada.page.get_by_role("heading", name="garden", exact=True)).to_be_visible()
    expect(ada.page.get_by_role("dialog")).to_have_count(0)
    expect(ada.page.locator("#channel-list").get_by_role("link", name="garden")).to_have_count(1)
    bob.enter("garden")
    expect(bob.page.locator("#view-head")).to_contain_text("Everything that grows")

    ada.page.get_by_role("button", name="Edit channel").click()
    dialog = ada.page.get_by_role("dialog")
    expect(dialog.get_by_label("What it is for")).to_have_value("Everything that grows")
    dialog.get_by_label("Name").fill("orchard")
    dialog.get_by_role("button", name="Save").click()
    for person in (ada, bob):
        expect(person.page.get_by_role("heading", name="orchard", exact=True)).to_be_visible()
        expect(person.page.locator("#channel-list")).to_contain_text("orchard")
    ada.page.get_by_role("button", name="Delete channel").click()
    ada.page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(ada.page.locator("#view[data-kind=home]")).to_be_visible()
    expect(bob.page.get_by_role("main")).to_contain_text("gone")
    expect(bob.page.locator("#channel-list")).not_to_contain_text("orchard")


def test_an_answers_code_is_copied_with_one_press(antiphon: AntiphonProcess, visitor: type[Visitor]) -> None:
    """Also where the page came over plain HTTP; without the last line end, which a terminal would run. Lines
    of the answer that CommonMark joins are joined while it grows and afterwards.
    """
    words = ("Wrapped\n", "text.\n\n```sh\n", "echo one\necho two\n", "```\n")
    with LocalProvider("tiny", words=words) as provider:
        ada = visitor("Ada", antiphon.url)
        ada.sign_up()
        ada.context.grant_permissions(["clipboard-read", "clipboard-write"])
        ada.page.goto(antiphon.url + "/settings/providers")
        ada.page.get_by_label("Address").fill(provider.url)
        ada.page.get_by_role("button", name="Add and check").click()
        expect(ada.page.get_by_text("was added")).to_be_visible()
        ada.page.goto(antiphon.url)
        provider.go_on.clear()
        ada.page.get_by_label("Model").select_option("tiny")
        ada.say("How?")
        answer = ada.log.locator("article[data-role=assistant]")
        expect(answer).to_contain_text("Wrapped")
        assert ada.log.get_attribute("aria-live") == "off"  # not every word is read aloud
        provider.go_on.set()
        expect(answer).to_have_attribute("data-state", "done")
        expect(answer.locator("p br")).to_have_count(0)
        expect(ada.page.locator("#said")).to_contain_text("Wrapped text.")  # the whole, once
        copy = answer.get_by_role("button", name="Copy code")
        copy.focus()
        copy.press("Enter")
        expect(ada.page.locator("#said")).to_have_text("Copied")
        assert ada.page.evaluate("() => navigator.clipboard.readText()") == "echo one\necho two"
        ada.page.evaluate("() => navigator.clipboard.writeText('')")
        ada.page.evaluate(
            "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('insecure')); }"
        )
        copy.click()
        expect(copy).to_have_attribute("data-done", "")
        assert ada.page.evaluate("() => navigator.clipboard.readText()") == "echo one\necho two"


def test_times_are_those_of_the_readers_clock(antiphon: AntiphonProcess, visitor: type[Visitor]) -> None:
    """Two people in two zones read two times, in the first response of every page after the first."""
    ada = visitor("Ada", antiphon.url, timezone_id="Asia/Kolkata")
    bob = visitor("Bob", antiphon.url, timezone_id="America/St_Johns")
    for person in (ada, bob):
        person.sign_up()
        person.enter()
    ada.say("what time is it?")
    for person, zone in ((ada, "Asia/Kolkata"), (bob, "America/St_Johns")):
        row = person.row("what time is it?")
        expect(row).to_have_attribute("data-state", "confirmed")
        nanoseconds = int(row.get_attribute("data-at") or "0")
        moment = datetime.fromtimestamp(nanoseconds // 1_000_000_000, ZoneInfo(zone))
        expect(row.locator(".meta time")).to_have_text(f"{moment:%H:%M}")
        response = person.page.request.get(person.page.url)
        assert f'datetime="{moment.isoformat(timespec="seconds")}"' in response.text()


def test_a_chat_deleted_in_another_tab_goes_here_too(
    antiphon: AntiphonProcess, visitor: type[Visitor]
) -> None:
    """Here it says what happened and how to go on; the tab that deleted it is at the start."""
    ada = visitor("Ada", antiphon.url)
    ada.sign_up()
    ada.say("I feel tired")
    expect(ada.log.locator("article[data-role=assistant]")).to_have_attribute("data-state", "done")
    address = ada.page.url
    other = ada.tab()
    other.goto(address)
    expect(other.locator("#page-link")).to_have_attribute("data-state", "live")
    other.get_by_role("button", name="Delete chat").click()
    other.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(other.locator("#view[data-kind=home]")).to_be_visible()
    expect(ada.page.get_by_role("heading", name="This chat was deleted")).to_be_visible()
    expect(ada.page.get_by_role("main").get_by_role("link", name="New chat")).to_be_visible()
    other.go_back()
    expect(other.get_by_role("heading", name="This chat was deleted")).to_be_visible()
    other.go_forward()
    expect(other.locator("#view[data-kind=home]")).to_be_visible()
    expect(other).to_have_url(re.compile(r"/$"))
