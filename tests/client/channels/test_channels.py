"""The list of channels, and what a person does with a channel as a whole."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.client.channels.channel_model import ME, OTHER
from tests.client.channels.channel_stage import stage

from antiphon.client.channels.channel_list import ChannelList
from antiphon.client.errors import NotFound, Refused, Rejected
from antiphon.client.link.link import Link, LinkState
from antiphon.wire import ChannelEntry, Message, parse_event


def entry(id_: str = "c", **more: Any) -> ChannelEntry:
    """Build an entry."""
    return ChannelEntry(**{"id": id_, "user_id": "me", "name": id_, "created_at": 1, "updated_at": 1, **more})


def message(at: int, **more: Any) -> Message:
    """Build a message of somebody else; its time is its number."""
    values = {"id": f"m{at}", "user_id": "other", "channel_id": "c", "content": "text", "parent_id": None}
    return Message(**{**values, "created_at": at, "updated_at": at, **more})


def held(channels: ChannelList, id_: str = "c") -> ChannelEntry:
    """Give an entry that must be there."""
    found = channels.get(id_)
    assert found is not None
    return found


def others(channels: ChannelList, at: int, stamp: int, **more: Any) -> None:
    """Let somebody else's message arrive."""
    channels.message("c", message(at, **more), stamp, own=False, looked_at=False)


# The list


def test_w28_a_message_that_the_fetched_list_has_already_counts_once() -> None:
    """It came while the list was under way, and the list was made after it."""
    channels = ChannelList(lambda: None)
    channels.load([entry(unread_count=2, last_message_at=20)], asked_at=1)
    others(channels, at=30, stamp=5)
    channels.load([entry(unread_count=3, last_message_at=30)], asked_at=4)
    assert held(channels).unread_count == 3
    others(channels, at=40, stamp=8)
    channels.load([entry(unread_count=3, last_message_at=30)], asked_at=7)
    assert held(channels).unread_count == 4


def test_w28_a_count_from_before_an_outage_is_not_kept() -> None:
    """Messages were missed; one that comes while the list is under way must not keep the old count alive."""
    channels = ChannelList(lambda: None)
    channels.load([entry(unread_count=0, last_message_at=20)], asked_at=1)
    others(channels, at=90, stamp=11)
    channels.load([entry(unread_count=7, last_message_at=80)], asked_at=10)
    assert (held(channels).unread_count, held(channels).last_message_at) == (8, 90)


def test_a_read_while_the_list_is_under_way_is_not_undone_by_it() -> None:
    """And what comes after the reading counts, whether the list has it or not."""
    channels = ChannelList(lambda: None)
    channels.load([entry(unread_count=2, last_message_at=20)], asked_at=1)
    channels.read("c", 5)
    others(channels, at=30, stamp=6)
    channels.load([entry(unread_count=3, last_message_at=30)], asked_at=4)
    assert held(channels).unread_count == 1


def test_w15_a_list_that_a_later_request_has_overtaken_is_dropped() -> None:
    """A slow old answer tells nothing."""
    channels = ChannelList(lambda: None)
    channels.load([entry(unread_count=1)], asked_at=9)
    channels.load([entry("old", unread_count=5)], asked_at=4)
    assert [one.id for one in channels.store.value] == ["c"]


def test_a_channel_that_left_the_list_is_not_brought_back_by_an_older_one() -> None:
    """The list was asked for before the channel was deleted or hidden, and comes after it."""
    channels = ChannelList(lambda: None)
    channels.load([entry(), entry("d")], asked_at=1)
    channels.removed("c", 5)
    channels.load([entry(), entry("d")], asked_at=4)
    assert [one.id for one in channels.store.value] == ["d"]
    channels.load([entry(), entry("d")], asked_at=6)
    assert [one.id for one in channels.store.value] == ["c", "d"]


def test_w28_a_deletion_of_what_was_unread_asks_the_server() -> None:
    """Only the server knows whether it had been read, and what the last message is now."""
    asked: list[int] = []
    channels = ChannelList(lambda: asked.append(1))
    channels.load([entry(unread_count=2, last_message_at=20)], asked_at=1)
    channels.deleted("c", message(10), 2, own=True)
    assert asked == []
    channels.deleted("c", message(11), 3, own=False)
    assert asked == [1]
    channels.deleted("c", message(20), 4, own=True)
    assert asked == [1, 1]


def test_w06_a_reply_in_a_thread_is_the_last_message_where_the_server_says_so() -> None:
    """Open WebUI's list counts replies as the last message, ours what is said in the channel."""
    theirs, ours = ChannelList(lambda: None), ChannelList(lambda: None, None, lambda: False)
    for channels in (theirs, ours):
        channels.load([entry(last_message_at=20)], asked_at=1)
        others(channels, at=30, stamp=2, parent_id="m20")
        assert held(channels).unread_count == 0
    assert (held(theirs).last_message_at, held(ours).last_message_at) == (30, 20)


def test_w29_a_channel_that_is_not_ours_asks_for_the_list_once() -> None:
    """0.6.41 goes on telling whoever was removed; a word that there is a new channel begins anew."""
    asked: list[int] = []
    channels = ChannelList(lambda: asked.append(1))
    channels.load([entry()], asked_at=1)
    for stamp in range(2, 12):
        channels.message("x", message(stamp), stamp, own=False, looked_at=False)
    channels.load([entry()], asked_at=20)
    before = len(asked)
    for stamp in range(30, 40):
        channels.message("x", message(stamp), stamp, own=False, looked_at=False)
    assert len(asked) == before
    channels.made()
    channels.message("x", message(50), 50, own=False, looked_at=False)
    assert len(asked) == before + 2


def test_w30_an_own_message_moves_a_direct_conversation_up() -> None:
    """Sent from another device: the order follows, the count does not."""
    channels = ChannelList(lambda: None)
    channels.load(
        [entry("a", type="dm", last_message_at=20), entry("c", type="dm", last_message_at=10)], asked_at=1
    )
    channels.message("c", message(30, user_id="me"), 2, own=True, looked_at=False)
    assert [one.id for one in channels.store.value] == ["c", "a"]
    assert held(channels).unread_count == 0


# Reading


async def test_w27_a_message_in_a_channel_that_is_looked_at_is_read() -> None:
    """The mark is said when it comes, not at the next key."""
    async with stage() as now:
        now.listed()
        window = now.windows.open()
        window.show_channel("c")
        window.focus(True)
        now.server.post(OTHER, "hello")
        now.hear()
        assert [said["data"]["type"] for said in now.said] == ["last_read_at"]
        assert held(now.list).unread_count == 0


async def test_w24_marks_of_a_busy_channel_are_gathered() -> None:
    """The first is said at once, those of the next second are one."""
    async with stage() as now:
        now.listed()
        window = now.windows.open()
        window.show_channel("c")
        window.focus(True)
        for _ in range(50):
            now.server.post(OTHER, "hello")
            now.hear()
        assert len(now.said) == 1
        now.clock.advance(1)
        assert len(now.said) == 2
        now.clock.advance(60)
        assert len(now.said) == 2


async def test_w24_a_mark_that_tells_nothing_new_is_not_said() -> None:
    """Opening the same channel again and again writes nothing."""
    async with stage() as now:
        now.server.post(OTHER, "hello")
        now.listed()
        for _ in range(5):
            now.channel.mark_read()
            now.clock.advance(5)
        assert len(now.said) == 1
        now.hear()
        now.server.post(OTHER, "more")
        now.hear()
        now.channel.mark_read()
        assert len(now.said) == 2


async def test_w27_what_is_left_is_read_before_more_comes_there() -> None:
    """The person turns away within the second in which marks are gathered."""
    async with stage() as now:
        now.listed()
        window = now.windows.open()
        window.show_channel("c")
        window.focus(True)
        for text in ("one", "two"):
            now.server.post(OTHER, text)
            now.hear()
        window.show_nothing()
        now.reducer.reading.left()
        assert len(now.said) == 2
        now.server.post(OTHER, "unseen")
        now.hear()
        now.clock.advance(60)
        assert len(now.said) == 2
        assert held(now.list).unread_count == 1


# A channel as a whole


async def test_w71_a_rename_is_in_the_list_and_the_detail_though_nobody_tells_of_it() -> None:
    """And what the form does not name is told again as it is: 0.6.41 empties what is missing."""
    async with stage("0.6.41") as now:
        now.door.detail = {"description": "what for", "access_control": {"read": {}}}
        now.listed()
        await now.loaded()
        renaming = asyncio.ensure_future(now.channel.update(name="renamed"))
        await now.answer()
        await renaming
        assert now.door.affairs == [
            ("update", {"name": "renamed", "description": "what for", "access_control": {"read": {}}})
        ]
        assert held(now.list).name == "renamed"
        assert now.channel.detail.value is not None
        assert now.channel.detail.value.name == "renamed"


async def test_a_deleted_channel_is_gone_at_once() -> None:
    """From the list, with its rows and threads."""
    async with stage() as now:
        now.server.post(OTHER, "hello")
        now.listed()
        await now.loaded()
        thread = now.channel.thread("m0001")
        deleting = asyncio.ensure_future(now.channel.remove())
        await now.answer()
        await deleting
        assert now.list.get("c") is None
        assert now.channel.detail.value is None
        assert now.texts() == []
        assert thread.gone.value


async def test_w71_access_that_was_taken_away_is_noticed_on_use() -> None:
    """Open WebUI tells nobody: the refusal of what a person does there leads to a look."""
    async with stage() as now:
        id_ = now.server.post(ME, "hello").id
        now.listed()
        await now.loaded()
        now.door.forbidden = Refused(403, "Not for you.")
        reacting = asyncio.ensure_future(now.channel.react(id_, "+1"))
        await now.answer(Refused(403, "Not for you."))
        with pytest.raises(Refused):
            await reacting
        now.clock.advance(1)
        await now.turn()
        assert now.list.get("c") is None
        assert now.channel.detail.value is None


async def test_opening_a_channel_that_is_gone_takes_it_from_the_list() -> None:
    """Nobody told that it was deleted."""
    async with stage() as now:
        now.listed()
        now.door.forbidden = NotFound(404, "There is no such channel.")
        with pytest.raises(NotFound):
            await now.channel.open()
        assert now.list.get("c") is None


async def test_muting_is_shown_at_once_and_back_again_if_refused() -> None:
    """W-22; 0.6.41 does not know it."""
    async with stage("0.6.41") as now:
        now.listed()
        muting = asyncio.ensure_future(now.channel.mute())
        await now.turn()
        assert held(now.list).is_channel_muted
        await now.answer(Rejected(405, "Method Not Allowed"))
        with pytest.raises(Rejected):
            await muting
        assert not held(now.list).is_channel_muted


async def test_a_hidden_conversation_comes_back_with_its_next_message() -> None:
    """It leaves the list, and a message of a channel that is not listed asks for the list."""
    async with stage() as now:
        now.listed()
        hiding = asyncio.ensure_future(now.channel.hide())
        await now.answer()
        await hiding
        assert now.list.get("c") is None
        before = now.asked
        now.server.post(OTHER, "are you there?")
        now.hear()
        assert now.asked == before + 1
        now.listed()
        assert held(now.list).unread_count == 1


async def test_members_added_and_removed_are_in_the_detail() -> None:
    """What the server tells of is fetched, because an event does not say who is in the channel."""
    async with stage() as now:
        now.listed()
        await now.loaded()
        now.door.detail = {"user_count": 3}
        adding = asyncio.ensure_future(now.channel.add_members("bob"))
        await now.answer()
        await adding
        now.clock.advance(1)
        await now.turn()
        assert now.channel.detail.value is not None
        assert now.channel.detail.value.user_count == 3
        now.door.detail = {"user_count": 2}
        record = {"id": "c", "user_id": "me", "name": "general", "created_at": 1, "updated_at": 2}
        event: Any = parse_event(
            "events:channel", {"channel_id": "c", "data": {"type": "channel:updated"}, "channel": record}
        )
        now.reducer.apply(event, now.context.arrivals.next())
        await now.turn()
        now.clock.advance(1)
        await now.turn()
        assert now.channel.detail.value.user_count == 2


async def test_leaving_a_group_takes_it_from_the_list() -> None:
    """Removing oneself is leaving."""
    async with stage() as now:
        now.listed()
        leaving = asyncio.ensure_future(now.channel.leave())
        await now.answer()
        await leaving
        assert now.door.affairs == [("remove", ["me"])]
        assert now.list.get("c") is None


# Messages


async def test_data_that_a_list_only_mentions_is_fetched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """W-79: 0.12.4 says `true` there; the row has the files from then on."""
    async with stage() as now:
        id_ = now.server.post(OTHER, "see this").id
        files = {"files": [{"id": "f"}]}
        now.server._set(id_, data=files)
        now.server.told.clear()
        pages = now.server.newest_first
        short = [one.model_copy(update={"data": True}) for one in pages()]
        monkeypatch.setattr(now.server, "newest_first", lambda parent=None: short)
        await now.loaded()
        fetching = asyncio.ensure_future(now.channel.data(id_))
        await now.answer()
        assert await fetching == files
        assert now.channel.timeline.rows()[0].message.data == files
        assert await now.channel.data(id_) == files
        assert now.door.requests == []


async def test_the_pinned_list_is_paged_and_follows_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last pinned first; a pin that comes is on top, an edited one is edited, a deleted one gone."""
    monkeypatch.setattr("antiphon.client.channels.pinned.PINNED_PAGE", 4)
    async with stage() as now:
        ids = [now.server.post(OTHER, f"text {n}").id for n in range(7)]
        for id_ in ids[:6]:
            now.server.pin(id_, OTHER, True)
        now.server.told.clear()
        pinned = now.channel.pinned()
        for work in (pinned.open, pinned.load_more):
            doing = asyncio.ensure_future(work())
            await now.answer_all()
            await doing
        assert [one.content for one in pinned.store.value] == [f"text {n}" for n in (5, 4, 3, 2, 1, 0)]
        assert not pinned.has_more
        now.server.pin(ids[6], OTHER, True)
        now.server.pin(ids[0], OTHER, False)
        now.server.edit(ids[5], "edited")
        now.server.delete(ids[4])
        now.hear()
        assert [one.content for one in pinned.store.value] == [
            "text 6",
            "edited",
            "text 3",
            "text 2",
            "text 1",
        ]


async def test_a_deletion_cleans_the_quote_of_a_message_that_is_being_sent() -> None:
    """What answers it says that it is gone, also before it is stored."""
    async with stage() as now:
        id_ = now.server.post(OTHER, "question").id
        now.server.told.clear()
        await now.loaded()
        now.context.link.set(Link(LinkState.WAITING, 0.0))
        now.channel.send("answer", temp_id="t1", reply_to_id=id_)
        await now.turn()
        row = now.channel.timeline.row("t1")
        assert row is not None
        assert row.message.reply_to_message is not None
        now.server.delete(id_)
        now.hear()
        row = now.channel.timeline.row("t1")
        assert row is not None
        assert row.message.reply_to_message is None
