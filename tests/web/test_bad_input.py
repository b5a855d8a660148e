"""What makes no sense is answered in words, and hurts nobody."""

from __future__ import annotations

from .serving import Page


async def test_a_message_of_nothing_or_of_a_megabyte_is_refused_in_words(page: Page) -> None:
    """The answer has a detail, the channel has no row, and the next message goes through."""
    browser = await page.person("Ada")
    channel = await browser.general()
    for content in ("", "   \n", "x" * 1_000_000):
        answer = await browser.act("send", id=channel, temp_id="temp-0001", content=content)
        assert answer.status in {413, 422, 400}, answer
        assert answer.json["detail"]
    answer = await browser.act("send", id=channel, temp_id="temp-0002", content="fine")
    assert answer.status == 200
    assert "fine" in (await browser.get(f"/channels/{channel}")).text


async def test_bodies_that_are_no_json_object_are_refused_in_words(page: Page) -> None:
    """Half a line, a list, deep nesting and too much of anything: each gets a detail; the page lives on."""
    browser = await page.person("Ada")
    for body in (
        b"",
        b"{",
        b"[1]",
        b'"text"',
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b"{" + b" " * 5_000_000 + b"}",
    ):
        answer = await browser.raw("/page/send", body)
        assert answer.status in {400, 413}, (body[:20], answer)
        assert answer.json["detail"]
    assert (await browser.get("/")).status == 200


async def test_fields_of_the_wrong_kind_are_refused_in_words(page: Page) -> None:
    """Numbers, null and lists where a text belongs, ids that are none, lone surrogates."""
    browser = await page.person("Ada")
    channel = await browser.general()
    good = {"id": channel, "temp_id": "temp-0001", "content": "hello"}
    for wrong in (
        {**good, "id": 7},
        {**good, "id": ""},
        {**good, "content": None},
        {**good, "content": ["hello"]},
        {**good, "content": "\ud800"},
        {**good, "temp_id": 'x"><script>'},
        {**good, "temp_id": ""},
    ):
        answer = await browser.act("send", body=wrong)
        assert answer.status == 422, (wrong, answer)
        assert answer.json["detail"]
    assert (await browser.act("nonsense")).status == 404


async def test_a_channel_that_is_gone_says_so_and_what_to_do(page: Page) -> None:
    """Its page answers 404 with words, a post to it fails with a detail, its stream asks for the view."""
    browser = await page.person("Ada")
    answer = await browser.get("/channels/00000000-0000-4000-8000-000000000000")
    assert answer.status == 404
    assert "gone" in answer.text
    assert 'href="/"' in answer.text
    post = await browser.act("send", id="not-there", temp_id="temp-0001", content="hello")
    assert post.status in {403, 404, 422}
    assert post.json["detail"]
    tab = await browser.open(kind="channel", id="not-there")
    await tab.until(lambda: tab.of("reload-view"))
    assert (await browser.get("/c/not-there")).status == 404
    assert (await browser.get("/no/such/address")).status == 404


async def test_nobody_can_act_without_a_session(page: Page) -> None:
    """Actions answer 401 in words, and a stream is one event, never a redirect."""
    browser = page.browser()
    answer = await browser.act("send", id="x", temp_id="temp-0001", content="hello")
    assert answer.status == 401
    assert answer.json["detail"]
    tab = await browser.open(kind="home")
    await tab.ends()
    assert tab.response.status == 200
    assert [event.name for event in tab.events] == ["signed-out"]


async def test_a_person_who_is_no_administrator_sees_no_providers(page: Page) -> None:
    """The page of providers is refused to others, in words."""
    await page.person("Ada")
    bob = await page.person("Bob")
    answer = await bob.get("/settings/providers")
    assert answer.status == 403
    added = await bob.form("/page/providers/add", address="http://127.0.0.1:9/v1")
    assert added.status == 403


async def test_a_provider_with_a_bad_address_or_a_bad_answer_is_said_in_the_page(page: Page) -> None:
    """What is no address is refused at once; one where nothing answers is added and said to be silent."""
    ada = await page.person("Ada")
    bad = await ada.form("/page/providers/add", address="not an address", key="k")
    assert bad.status == 422
    assert bad.alert
    silent = await ada.form("/page/providers/add", address="http://127.0.0.1:9/v1", key="k")
    assert silent.status == 200
    assert "bad" in silent.text
