"""Recorded channels of both releases, replayed: the reducers end where the server's own answers ended."""

from __future__ import annotations

from typing import Any

import pytest
from tests.client.channels.channel_stage import Stage, stage
from tests.client.peer import recorded

from antiphon.client.channels.mentions import mentions, readable
from antiphon.wire import ChannelEntry, Message, UserName, parse_event

RELEASES = ("0.6.41", "0.12.4")
FIRST_STEP = "message create"


def events(release: str, client: str = "user1") -> list[tuple[str, dict[str, Any]]]:
    """Give what one client received about channels, with the step."""
    return [
        (line["step"], line["data"])
        for line in recorded(release, "events")
        if line["client"] == client and line["event"] == "events:channel"
    ]


def answers(release: str, step: str) -> list[Any]:
    """Give the REST answers of a step."""
    return [line["response"] for line in recorded(release, "rest") if line["step"] == step]


def general(release: str) -> str:
    """Give the id of the channel in which most steps take place."""
    return str(answers(release, "GET channels")[0][0]["id"])


def replayed(now: Stage, release: str, until: str, client: str = "user1") -> None:
    """Feed the events of a client to the reducer, up to the first one of the step `until`."""
    first = answers(release, "GET channels")[0]
    now.list.load([ChannelEntry.model_validate(entry) for entry in first], now.context.arrivals.next())
    user_id = next(
        data["user"]["id"]
        for step, data in events(release)
        if step == ("message create" if client != "user2" else "reply (reply_to_id)")
    )
    now.context.me = UserName(id=user_id, name=client, role="user")
    channel = now.channel = now.reducer.handle(general(release))
    channel.timeline.merge_page([], asked_at=now.context.arrivals.next(), newest=True, complete=True)
    for step, data in events(release, client):
        if step == until:
            break
        event: Any = parse_event("events:channel", data)
        now.reducer.apply(event, now.context.arrivals.next())


def without_order(message: dict[str, Any]) -> dict[str, Any]:
    """Give a message as it is compared: 0.12.4 lists only whether there is data."""
    return message | {"data": bool(message.get("data"))}


@pytest.mark.parametrize("release", RELEASES)
async def test_the_newest_page_is_what_the_events_made(release: str) -> None:
    """Posts, quotes, an edit, reactions and (0.12.4) a pin: live equals fetched, to the last key."""
    page = answers(release, "GET messages")[0]
    until = "typing on"
    async with stage(release) as now:
        replayed(now, release, until)
        rows = [row.message for row in now.channel.timeline.rows()]
        held = {message.id: without_order(message.dump()) for message in rows}
        assert [message.id for message in rows[::-1]][: len(page)] == [one["id"] for one in page]
        for one in page:
            there = without_order(Message.model_validate(one).dump())
            there["reply_to_message"] = there.get("reply_to_message") and there["reply_to_message"]["id"]
            here = held[one["id"]]
            here["reply_to_message"] = here.get("reply_to_message") and here["reply_to_message"]["id"]
            assert {key: here[key] for key in there} == there


@pytest.mark.parametrize("release", RELEASES)
async def test_a_fetched_page_changes_nothing_that_the_events_made(release: str) -> None:
    """W-17: the page of the same moment is merged without a trace."""
    async with stage(release) as now:
        replayed(now, release, "typing on")
        before = now.channel.timeline.rows()
        changes: list[Any] = []
        now.channel.timeline.subscribe(changes.append)
        page = [Message.model_validate(one) for one in answers(release, "GET messages")[0]]
        asked_at = now.context.arrivals.next()
        now.channel.timeline.merge_page(page, asked_at=asked_at, newest=True, complete=False)
        assert [row.message.id for row in now.channel.timeline.rows()] == [row.message.id for row in before]
        assert all(row.message.data in ({}, None, False) for row in now.channel.timeline.rows())


@pytest.mark.parametrize("release", RELEASES)
async def test_the_thread_is_what_the_events_made(release: str) -> None:
    """The reply stands in the thread alone, and the root counts it."""
    page = answers(release, "GET thread")[0]
    async with stage(release) as now:
        root = page[-1]["id"]
        thread = now.reducer.handle(general(release)).thread(root)
        replayed(now, release, "typing on")
        assert [row.message.id for row in thread.timeline.rows()] == [one["id"] for one in page[:-1]]
        row = now.channel.timeline.row(root)
        assert row is not None
        assert row.message.reply_count == len(page) - 1
        assert row.message.latest_reply_at == page[0]["created_at"]
        assert thread.root.value is not None
        assert thread.root.value.content == page[-1]["content"]


@pytest.mark.parametrize("release", RELEASES)
async def test_a_deleted_reply_leaves_the_counters_at_nothing(release: str) -> None:
    """Both deletions of the recording: a reply in a thread, and a message that another one quoted."""
    async with stage(release) as now:
        thread_root = answers(release, "GET thread")[0][-1]["id"]
        thread = now.reducer.handle(general(release)).thread(thread_root)
        last = "mute" if release == "0.12.4" else "join-channels again"
        replayed(now, release, last)
        assert thread.timeline.rows() == ()
        row = now.channel.timeline.row(thread_root)
        assert row is not None
        assert row.message.reply_count == 0
        gone = next(d["message_id"] for step, d in events(release) if step == "message delete")
        assert now.channel.timeline.row(gone) is None
        quotes = [r.message for r in now.channel.timeline.rows() if r.message.reply_to_id == gone]
        assert all(message.reply_to_message is None for message in quotes)
        assert quotes or release == "0.12.4"


@pytest.mark.parametrize("release", RELEASES)
async def test_typing_is_told_apart_by_place_and_own_typing_is_left_out(release: str) -> None:
    """On, off, and in the thread."""
    typing = [(step, data) for step, data in events(release, "user2") if data["data"]["type"] == "typing"]
    typist = typing[0][1]["user"]["id"]
    listener = "user2" if typist == events(release)[0][1]["user"]["id"] else "user1"
    async with stage(release) as now:
        replayed(now, release, "typing off", listener)
        assert list(now.typing.store.value) == [general(release)]
        replayed(now, release, "typing in a thread", listener)
        assert dict(now.typing.store.value) == {}
        now.context.me = UserName(id=typist, name="typist", role="user")
        for _, data in typing:
            event: Any = parse_event("events:channel", data)
            now.reducer.apply(event, now.context.arrivals.next())
        assert dict(now.typing.store.value) == {}


async def test_the_recorded_mute_is_in_the_list() -> None:
    """0.12.4: it goes to the person's own windows alone."""
    async with stage() as now:
        replayed(now, "0.12.4", "unmute")
        entry = now.list.get(general("0.12.4"))
        assert entry is not None
        assert entry.is_channel_muted
        replayed(now, "0.12.4", "message in the new channel after user2's join-channels")
        entry = now.list.get(general("0.12.4"))
        assert entry is not None
        assert not entry.is_channel_muted


@pytest.mark.parametrize("release", RELEASES)
async def test_a_group_and_a_direct_conversation_ask_for_the_list(release: str) -> None:
    """`channel:created` comes without a channel; their first messages belong to channels not listed yet."""
    async with stage(release) as now:
        replayed(now, release, "group channel create by user1")
        before = now.asked
        replayed(now, release, "DM message")
        assert now.asked > before


async def test_the_recorded_list_counts_as_the_events_do() -> None:
    """W-06, W-28, W-30, in 0.6.41: unread and last message before the channel was read, and after."""
    until = "typing on"
    counted = ChannelEntry.model_validate(answers("0.6.41", "GET channels before last_read_at")[0][0])
    async with stage("0.6.41") as now:
        replayed(now, "0.6.41", until)
        entry = now.list.get(counted.id)
        assert entry is not None
        assert entry.last_message_at == counted.last_message_at
        assert entry.unread_count == counted.unread_count
        now.reducer.reading.read(counted.id)
        read = ChannelEntry.model_validate(answers("0.6.41", "GET channels after last_read_at")[0][0])
        entry = now.list.get(counted.id)
        assert entry is not None
        assert (entry.unread_count, entry.last_message_at) == (read.unread_count, read.last_message_at)


@pytest.mark.parametrize("release", RELEASES)
async def test_a_models_answer_grows_in_the_thread_under_its_question(release: str) -> None:
    """One-shot in 0.6.41, in pieces and without a user on the envelope in 0.12.4."""
    step = "model mention in the channel"
    last = [d for s, d in events(release) if s == step and d["data"]["type"] == "message:update"][-1]
    message = last["data"]["data"]
    async with stage(release) as now:
        thread = now.reducer.handle(general(release)).thread(message["parent_id"])
        replayed(now, release, "nothing more")
        row = thread.timeline.row(message["id"])
        assert row is not None
        assert row.message.content == message["content"]
        assert row.message.meta == message["meta"]
        parent = now.channel.timeline.row(message["parent_id"])
        assert parent is not None
        assert parent.message.reply_count == 1


@pytest.mark.parametrize("release", RELEASES)
def test_the_recorded_mention_is_readable(release: str) -> None:
    """`<@U:id|label>` is read as `@label`, and names its person."""
    text = next(d["data"]["data"]["content"] for s, d in events(release) if s == "mention of user2")
    user2 = next(d["user"]["id"] for s, d in events(release) if s == "reply (reply_to_id)")
    assert readable(text) == "@User 2 look"
    assert mentions(text, user2)
    assert not mentions(text, "somebody else")
