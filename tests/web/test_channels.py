"""Making, changing and deleting channels, and chats that go while somebody looks at them."""

from __future__ import annotations

import re

from tests.server.serving import PASSWORD

from .serving import Browser, Page, Tab


async def again(page: Page, name: str) -> Browser:
    """The same person in another browser, with a sign-in of its own."""
    browser = page.browser()
    answer = await browser.form("/page/sign-in", email=f"{name.lower()}@example.com", password=PASSWORD)
    assert answer.status == 303, answer.text
    return browser


async def asked(browser: Browser) -> str:
    """A chat with a question to Eliza; its id."""
    answer = await browser.act(
        "ask", id="", message_id="question-1", turn_id="answer-01", model="eliza", content="I am sad"
    )
    assert answer.status == 200, answer.text
    return str(answer.json["id"])


async def shown(browser: Browser, chat: str) -> Tab:
    """A tab that shows a chat, once its answer is there."""
    tab = await browser.open(kind="chat", id=chat)
    await tab.until(lambda: 'data-state="done"' in tab.html.rpartition('id="t-answer-01"')[2])
    return tab


async def test_an_administrator_makes_a_channel_that_everybody_sees_at_once(page: Page) -> None:
    """The other one's sidebar gets it without asking, and both can write there."""
    ada, bob = await page.person("Ada"), await page.person("Bob")
    await ada.general()
    tab = await bob.open(kind="home")
    made = await ada.act("create-channel", {"name": "garden", "description": "Everything that grows"})
    assert made.status == 200, made.text
    await tab.shows(f"/channels/{made.json['id']}")
    html = (await bob.get(f"/channels/{made.json['id']}")).text
    assert "Everything that grows" in html
    sent = await bob.act("send", id=made.json["id"], temp_id="temp-0001", content="peas")
    assert sent.status == 200, sent.text


async def test_what_is_wrong_with_a_new_channel_is_said(page: Page) -> None:
    """No name, too long a name, or somebody who may not: words, and no channel."""
    ada, bob = await page.person("Ada"), await page.person("Bob")
    await ada.general()
    for browser, name, status in ((ada, "  ", 422), (ada, "x" * 101, 400), (bob, "mine", 403)):
        answer = await browser.act("create-channel", {"name": name})
        assert answer.status == status, answer.text
        assert answer.json["detail"]
    assert len(re.findall(r'href="/channels/', (await ada.get("/settings/providers")).text)) == 1


async def test_a_channel_is_renamed_and_deleted_by_who_runs_it(page: Page) -> None:
    """Everything else about the channel stays; others may do neither, and are not offered it."""
    ada, bob = await page.person("Ada"), await page.person("Bob")
    made = await ada.act("create-channel", {"name": "garden", "description": ""})
    address = f"/channels/{made.json['id']}"
    before = await page.site.people.__iter__().__next__().client.rest.channels.get(made.json["id"])
    tab = await bob.open(kind="channel", id=made.json["id"])
    await tab.shows("view-head")
    for act in ("edit-channel", "delete-channel"):
        assert f'data-action="{act}"' in (await ada.get(address)).text
        assert f'data-action="{act}"' not in (await bob.get(address)).text
        refused = await bob.act(act, {"id": made.json["id"], "name": "mine"})
        assert refused.status == 403, refused.text
    changed = await ada.act(
        "edit-channel", {"id": made.json["id"], "name": "orchard", "description": "Trees"}
    )
    assert changed.status == 204, changed.text
    await tab.until(lambda: "orchard" in tab.html and "Trees" in tab.html)
    after = await page.site.people.__iter__().__next__().client.rest.channels.get(made.json["id"])
    assert {(one.principal_id, one.permission) for one in after.access_grants or ()} == {
        (one.principal_id, one.permission) for one in before.access_grants or ()
    }
    assert (await ada.act("delete-channel", id=made.json["id"])).status == 204
    await tab.until(lambda: bool(tab.of("reload-view")))
    assert (await bob.get(address)).status == 404


async def test_a_chat_that_is_deleted_elsewhere_goes_here_at_once(page: Page) -> None:
    """The tab is told to look again, and what it then sees says what happened."""
    here = await page.person("Ada")
    there = await again(page, "Ada")
    chat = await asked(here)
    tab = await shown(here, chat)
    assert (await there.act("delete-chat", id=chat)).status == 204
    await tab.until(lambda: bool(tab.of("reload-view")))
    gone = await here.get(f"/c/{chat}")
    assert gone.status == 404
    assert "This chat was deleted" in gone.text
    assert chat not in gone.text.partition('id="chat-list"')[2].partition("</nav>")[0]
    await tab.close()
    late = await here.open(kind="chat", id=chat)
    await late.until(lambda: bool(late.of("reload-view")))


async def test_a_chat_that_is_renamed_elsewhere_is_renamed_here_at_once(page: Page) -> None:
    """In the head of the view as well as in the sidebar."""
    here = await page.person("Ada")
    there = await again(page, "Ada")
    chat = await asked(here)
    tab = await shown(here, chat)
    assert (await there.act("rename", id=chat, title="On sadness")).status == 204
    await tab.until(lambda: [event.data for event in tab.of("title")][-1:] == ["On sadness"])
    await tab.shows("On sadness")
    assert "<h1>On sadness</h1>" in (await here.get(f"/c/{chat}")).text
