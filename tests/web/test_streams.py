"""Streams: what a tab gets, when, and what is left when it goes."""

from __future__ import annotations

import asyncio

import psutil
from tests.processes import AntiphonProcess
from tests.server.serving import PASSWORD

from .serving import Browser, Page, Tab, page_for, whole


async def send(browser: Browser, channel: str, number: int, text: str) -> None:
    """Post a message through the page."""
    answer = await browser.act("send", id=channel, temp_id=f"temp-{number:04}", content=text)
    assert answer.status == 200, answer


async def opened(browser: Browser, channel: str) -> Tab:
    """Open a channel's stream as a tab does that has nothing yet."""
    tab = await browser.open(kind="channel", id=channel)
    await tab.shows("view-head")
    return tab


async def test_the_first_response_is_the_whole_page(page: Page) -> None:
    """The newest messages are in the HTML, before any script runs."""
    ada = await page.person("Ada")
    channel = await ada.general()
    await send(ada, channel, 1, "the first words")
    html = (await ada.get(f"/channels/{channel}")).text
    assert "the first words" in html
    assert 'role="log"' in html


async def test_a_message_reaches_every_tab_as_one_rendered_row(page: Page) -> None:
    """Two tabs of one person and one of another get the row, which is rendered once for each person."""
    ada, bob = await page.person("Ada"), await page.person("Bob")
    channel = await ada.general()
    tabs = [await opened(ada, channel), await opened(ada, channel), await opened(bob, channel)]
    person = next(iter(page.site.people))
    cache = person._cache
    before = cache.rendered
    await send(bob, channel, 1, "hello tabs")
    for tab in tabs:
        await tab.shows("hello tabs")
    await tabs[2].until(lambda: 'data-state="confirmed"' in tabs[2].html)
    # Ada's two tabs share one; Bob's row is rendered as pending and as confirmed.
    assert cache.rendered - before == 3


async def test_a_tab_that_has_everything_is_sent_nothing_again(page: Page) -> None:
    """A second attempt that names the version of the first gets no rows; any other gets them all."""
    ada = await page.person("Ada")
    channel = await ada.general()
    await send(ada, channel, 1, "only once")
    first = await opened(ada, channel)
    version = first.of("patch")[-1].id
    await first.close()
    again = await ada.open(kind="channel", id=channel, version=version, sidebar=page_sidebar(page))
    await send(ada, channel, 2, "and then this")
    await again.shows("and then this")
    assert "only once" not in again.html
    other = await opened(ada, channel)
    assert "only once" in other.html


def page_sidebar(page: Page) -> str:
    """The version of the first person's sidebar."""
    return next(iter(page.site.people)).sidebar.version


async def test_a_tab_that_does_not_read_gets_one_full_render_instead_of_all_it_missed(tmp_path) -> None:
    """The debt is bounded: beyond the limit it collapses, and what the tab gets then is complete."""
    async with whole(tmp_path, stream_limit=8) as page:
        ada = await page.person("Ada")
        channel = await ada.general()
        tab = await opened(ada, channel)
        (person,) = page.site.people
        (stream,) = person.streams
        feed = await person.channel(channel)
        for number in range(20):
            feed.publish(f"<i>{number}</i>")
        assert len(stream._debt) <= 8
        assert stream.collapses == 1
        await send(ada, channel, 1, "after the flood")
        await tab.shows("after the flood")
        assert 'hx-swap="rows"' in tab.of("patch")[-1].data or 'hx-swap="rows"' in tab.html


async def test_alive_comes_again_and_again(tmp_path) -> None:
    """A silent stream still says that it is alive, and ends when its browser no longer acknowledges that."""
    async with whole(tmp_path, alive_every=0.05, stream_lost_after=0.6) as page:
        ada = await page.person("Ada")
        tab = await ada.open(kind="home")
        await tab.until(lambda: len(tab.of("alive")) >= 3)
        answer = await ada.act("presence", stream=tab.name, focused=True, at_end=True)
        assert answer.status == 204
        await tab.ends()
        assert next(iter(page.site.people)).streams == set()
        assert (await ada.act("presence", stream=tab.name, focused=True, at_end=True)).status == 410


async def test_a_drained_page_tells_its_streams_and_closes_within_a_second(page: Page) -> None:
    """Every stream ends with `restart`, no client stays, and a new stream is refused the same way."""
    ada = await page.person("Ada")
    tabs = [await ada.open(kind="home") for _ in range(10)]
    started = asyncio.get_running_loop().time()
    await page.app.drain()
    assert asyncio.get_running_loop().time() - started <= 1.2
    for tab in tabs:
        await tab.ends()
        assert tab.events[-1].name == "restart"
    assert len(page.site.people) == 0


async def test_a_hundred_tabs_leave_nothing_behind(page: Page) -> None:
    """A hundred streams cost one socket to the server; closed, they leave no subscriber, task or socket."""
    ada = await page.person("Ada")
    channel = await ada.general()
    await send(ada, channel, 1, "before")
    (person,) = page.site.people
    client = person.client
    warm = await opened(ada, channel)  # what one tab costs for a while is there from the beginning
    await warm.close()
    await settled(lambda: not person.streams)
    before = counted(page, channel)
    crowd = page.like(ada)
    tabs = await asyncio.gather(*(opened(crowd, channel) for _ in range(100)))
    assert len(person.streams) == 100
    assert len(client.windows.value) == 100
    assert client.channel(channel).timeline.subscribers == 1
    assert counted(page, channel)["sockets of the page"] >= before["sockets of the page"] + 200
    await send(ada, channel, 2, "to all of them")
    for tab in tabs:
        await tab.shows("to all of them")
    assert counted(page, channel)["sockets to the server"] == before["sockets to the server"]
    for tab in tabs:
        await tab.close()
    await crowd.close()
    try:
        await settled(lambda: counted(page, channel) == before)
    except TimeoutError:
        assert counted(page, channel) == before


def counted(page: Page, channel: str) -> dict[str, int]:
    """Subscribers, tasks, windows and sockets as they are now; each socket has two ends in this process."""
    (person,) = page.site.people
    client = person.client
    ends = [
        one for one in psutil.Process().net_connections("tcp") if one.status == "ESTABLISHED" and one.raddr
    ]
    feeds = (person.sidebar, person.held("channel", channel))
    page_port = int(page.url.rpartition(":")[2])
    return {
        "streams": len(person.streams),
        "followers": sum(len(feed.streams) for feed in feeds if feed is not None),
        "windows": len(client.windows.value),
        "link": client.link.subscribers,
        "channels": client.channels.subscribers,
        "chats": client.chats.subscribers,
        "typing": client.typing.subscribers,
        "timeline": client.channel(channel).timeline.subscribers,
        "detail": client.channel(channel).detail.subscribers,
        "tasks": len(asyncio.all_tasks()),
        "sockets of the page": sum(page_port in {end.laddr.port, end.raddr.port} for end in ends),
        "sockets to the server": len(page.server.state.live.sessions_of(client.user.value.id)),
    }


async def settled(condition) -> None:
    """Wait until a condition holds; the loop runs meanwhile."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.to_thread(lambda: None)


async def test_a_client_closes_some_time_after_its_last_stream(tmp_path) -> None:
    """Its feeds and its socket to the server go with it; the session stays, the next visit opens another."""
    async with whole(tmp_path, client_idle=0.2, feed_linger=0.1) as page:
        ada = await page.person("Ada")
        tab = await ada.open(kind="home")
        (person,) = page.site.people
        await tab.close()
        await settled(lambda: len(page.site.people) == 0)
        await settled(lambda: str(person.client.link.value.state) == "closed")
        assert await ada.general()


async def test_a_post_is_taken_once_for_each_temp_id(page: Page) -> None:
    """A second try is answered like the first and makes no second message, also after a new sign-in."""
    ada = await page.person("Ada")
    channel = await ada.general()
    answers = [await ada.act("send", id=channel, temp_id="temp-same", content="once") for _ in range(2)]
    assert answers[0].json == answers[1].json
    other = page.browser()
    await other.form("/page/sign-in", email="ada@example.com", password=PASSWORD)
    third = await other.act("send", id=channel, temp_id="temp-same", content="once")
    assert third.json["id"] == answers[0].json["id"]
    html = (await ada.get(f"/channels/{channel}")).text
    assert html.count(">once<") == 1


async def test_a_page_without_its_server_is_a_shell_that_comes_alive(tmp_path) -> None:
    """The first paint says that the server is away; the stream asks for the view as soon as it is back."""
    with AntiphonProcess(tmp_path / "server", "serve") as server:
        async with page_for(None, tmp_path / "page", url=server.url) as page:
            ada = await page.person("Ada")
            channel = await ada.general()
            await page.app.drain()
            await asyncio.to_thread(server.kill)
            async with page_for(None, tmp_path / "page", url=server.url, first_paint_within=0.05) as again:
                browser = again.browser()
                browser.http.cookie_jar.update_cookies({one.key: one.value for one in ada.http.cookie_jar})
                shell = await browser.get(f"/channels/{channel}")
                assert shell.status == 503
                assert 'id="page-state"' in shell.text
                assert "Ada" in shell.text
                tab = await browser.open(kind="error", status="503")
                await asyncio.to_thread(server.start)
                await tab.until(lambda: tab.of("reload-view"))
                assert (await browser.get(f"/channels/{channel}")).status == 200


async def test_an_answer_grows_block_by_block(page: Page) -> None:
    """While an answer streams its text comes in blocks, and the whole turn comes at its end, once."""
    ada = await page.person("Ada")
    asked = await ada.act(
        "ask", id="", message_id="question-1", turn_id="answer-01", model="eliza", content="I am sad"
    )
    assert asked.status == 200
    tab = await ada.open(kind="chat", id=asked.json["id"])
    await tab.until(
        lambda: (
            'id="t-answer-01"' in tab.html
            and 'data-state="done"' in tab.html.rpartition('id="t-answer-01"')[2]
        )
    )
    again = await ada.act(
        "ask", id="", message_id="question-1", turn_id="answer-01", model="eliza", content="I am sad"
    )
    assert again.json == asked.json
    html = (await ada.get(f"/c/{asked.json['id']}")).text
    assert html.count('id="t-question-1"') == 1
    assert html.count('id="t-answer-01"') == 1
