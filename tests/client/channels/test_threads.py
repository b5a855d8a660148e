"""Threads: a timeline of their own, their root, and what becomes of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.client.channels.channel_model import OTHER
from tests.client.channels.channel_stage import Stage, stage

from antiphon.client.channels import channel as channel_module
from antiphon.client.channels import thread as thread_module
from antiphon.client.channels.thread import Thread
from antiphon.client.errors import NotFound


async def opened(now: Stage, replies: int = 2) -> Thread:
    """Open the thread under the only message of the channel."""
    root = now.server.post(OTHER, "root").id
    for n in range(replies):
        now.server.post(OTHER, f"reply {n}", parent=root)
    now.server.told.clear()
    await now.loaded()
    thread = now.channel.thread(root)
    await done(now, thread.open())
    return thread


async def done(now: Stage, work: Any) -> Any:
    """Do something that asks the server."""
    doing = asyncio.ensure_future(work)
    await now.answer_all()
    return await doing


def texts(thread: Thread) -> list[str]:
    """Give the replies shown."""
    return [row.message.content for row in thread.timeline.rows()]


async def test_a_thread_has_its_own_timeline_and_its_root() -> None:
    """Replies stand there and not in the channel."""
    async with stage() as now:
        thread = await opened(now)
        assert texts(thread) == ["reply 0", "reply 1"]
        assert now.texts() == ["root"]
        assert thread.root.value is not None
        assert (thread.root.value.content, thread.root.value.reply_count) == ("root", 2)
        now.server.post(OTHER, "reply 2", parent=thread.id)
        now.hear()
        assert texts(thread)[-1] == "reply 2"
        assert now.texts() == ["root"]


async def test_w31_the_counters_of_a_root_follow_the_replies() -> None:
    """In the channel's row and in the thread alike, when replies come and go."""
    async with stage() as now:
        thread = await opened(now)
        reply = now.server.post(OTHER, "reply 2", parent=thread.id).id
        now.hear()
        row = now.channel.timeline.row(thread.id)
        assert row is not None
        assert thread.root.value is not None
        assert (row.message.reply_count, thread.root.value.reply_count) == (3, 3)
        now.server.delete(reply)
        now.hear()
        row = now.channel.timeline.row(thread.id)
        assert row is not None
        assert (row.message.reply_count, thread.root.value.reply_count) == (2, 2)


async def test_w31_a_thread_whose_root_was_deleted_says_that_it_is_gone() -> None:
    """Nothing of it stays on show, and what was being written under it is forgotten."""
    async with stage() as now:
        thread = await opened(now)
        now.server.delete(thread.id)
        now.hear()
        assert thread.gone.value
        assert thread.root.value is None
        assert texts(thread) == []
        assert now.drafts == [thread.id]


async def test_opening_a_thread_that_is_gone_says_so() -> None:
    """The server does not know its root any more."""
    async with stage() as now:
        thread = await opened(now)
        now.server.delete(thread.id)
        now.server.told.clear()
        with pytest.raises(NotFound):
            await done(now, thread.open())
        assert thread.gone.value


async def test_a_short_page_without_its_root_is_a_thread_that_is_gone() -> None:
    """Open WebUI answers with nothing, not with 404, where the root is gone."""
    async with stage() as now:
        thread = await opened(now)
        opening = asyncio.ensure_future(thread.open())
        await now.turn()
        for request in now.door.requests:
            request.work()
        pages = [request for request in now.door.requests if isinstance(request.result, list)]
        pages[0].result = []
        await now.answer_all()
        with pytest.raises(NotFound):
            await opening
        assert thread.gone.value


@pytest.mark.parametrize("release", ["0.12.4", "0.6.41"])
async def test_w19_a_thread_is_paged_to_its_end_without_its_root(
    monkeypatch: pytest.MonkeyPatch, release: str
) -> None:
    """One reply fewer than a page holds looks like a full page, because the root comes with it."""
    monkeypatch.setattr(thread_module, "PAGE", 4)
    async with stage(release) as now:
        if release == "0.6.41":
            forget_before(now)
        for replies in (3, 4, 5, 9):
            root = now.server.post(OTHER, "root").id
            for n in range(replies):
                now.server.post(OTHER, f"reply {n}", parent=root)
            thread = now.channel.thread(root)
            await done(now, thread.open())
            while await done(now, thread.load_earlier(4)):
                pass
            assert texts(thread) == [f"reply {n}" for n in range(replies)]


async def test_w18_earlier_replies_are_asked_for_by_the_oldest_one_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not by a count, which replies that are deleted without a word would shift."""
    monkeypatch.setattr(thread_module, "PAGE", 4)
    async with stage() as now:
        thread = await opened(now, replies=9)
        for one in [m for m in now.server.messages.values() if m.content in {"reply 7", "reply 8"}]:
            del now.server.messages[one.id]
        loading = asyncio.ensure_future(thread.load_earlier(4))
        await now.answer()
        assert await loading
        assert texts(thread)[:4] == [f"reply {n}" for n in range(1, 5)]


async def test_a_server_that_does_not_know_where_to_read_on_is_asked_by_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A release that ignores the question gives its newest page, which must not be put before the oldest."""
    monkeypatch.setattr(thread_module, "PAGE", 4)
    async with stage() as now:
        forget_before(now)
        thread = await opened(now, replies=9)
        while await done(now, thread.load_earlier(4)):
            pass
        assert texts(thread) == [f"reply {n}" for n in range(9)]


async def test_own_replies_are_pending_in_the_thread_and_confirmed_there() -> None:
    """The row keeps its key."""
    async with stage() as now:
        thread = await opened(now, replies=0)
        sending = thread.send("mine", temp_id="t1")
        await now.turn()
        row = thread.timeline.rows()[0]
        assert (row.key, row.state) == ("t1", "pending")
        assert now.texts() == ["root"]
        await now.answer_all()
        await sending
        now.hear()
        row = thread.timeline.rows()[0]
        assert (row.key, row.state) == ("t1", "confirmed")


async def test_w22_a_reply_is_edited_at_once_and_back_again() -> None:
    """Threads roll back as channels do."""
    async with stage() as now:
        thread = await opened(now)
        id_ = thread.timeline.rows()[0].message.id
        editing = asyncio.ensure_future(thread.edit(id_, "better"))
        await now.turn()
        assert texts(thread)[0] == "better"
        await now.answer(NotFound(404, "There is no such message."))
        with pytest.raises(NotFound):
            await editing
        assert texts(thread)[0] == "reply 0"


async def test_w22_the_root_shows_an_own_edit_in_the_thread_too() -> None:
    """Wherever a message stands, it is the same message."""
    async with stage() as now:
        thread = await opened(now)
        editing = asyncio.ensure_future(now.channel.edit(thread.id, "better"))
        await now.turn()
        assert thread.root.value is not None
        assert thread.root.value.content == "better"
        assert now.texts() == ["better"]
        await now.answer_all()
        await editing


async def test_w25_typing_in_a_thread_is_told_there_and_ended_when_it_is_left() -> None:
    """Its signs carry the root's id, and closing the thread is the end of them."""
    async with stage() as now:
        thread = now.channel.thread("m0001")
        for _ in range(5):
            thread.typing()
        thread.close()
        signs = [(said["message_id"], said["data"]["data"]["typing"]) for said in now.said]
        assert signs == [("m0001", True), ("m0001", False)]


async def test_w25_typing_in_one_place_does_not_hold_up_another() -> None:
    """W-24: the throttle is for each place by itself."""
    async with stage() as now:
        now.channel.typing()
        now.channel.thread("m0001").typing()
        now.channel.typing()
        assert [said["message_id"] for said in now.said] == [None, "m0001"]


async def test_a_reply_far_back_is_reached_without_a_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    """All replies from that one on are there."""
    monkeypatch.setattr(thread_module, "PAGE", 4)
    monkeypatch.setattr(channel_module, "LONG_PAGE", 3)
    monkeypatch.setattr(thread_module, "LONG_PAGE", 3)
    async with stage() as now:
        thread = await opened(now, replies=20)
        wanted = next(m for m in now.server.messages.values() if m.content == "reply 5").id
        assert await done(now, now.channel.find(wanted)) is thread
        start = texts(thread).index("reply 5")
        assert texts(thread)[start:] == [f"reply {n}" for n in range(5, 20)]


async def test_a_thread_that_is_listened_to_is_caught_up_and_others_are_dropped() -> None:
    """W-09: replies and edits that were missed are there after a loss."""
    async with stage() as now:
        thread = await opened(now)
        other = now.server.post(OTHER, "another root").id
        idle = now.channel.thread(other)
        await done(now, idle.open())
        thread.timeline.subscribe(lambda _: None)
        now.server.post(OTHER, "missed", parent=thread.id)
        now.server.told.clear()
        assert now.channel.followed
        assert now.channel.wanted
        await done(now, now.channel.refresh())
        assert texts(thread)[-1] == "missed"
        assert not idle.timeline.loaded


def forget_before(now: Stage) -> None:
    """Let the server be one that pages by count alone, and ignores what it does not know."""
    page = now.server.page
    now.server.page = lambda parent, skip, limit, before: page(parent, skip, limit, None)  # type: ignore[method-assign]
