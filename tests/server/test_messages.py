"""What is said in channels."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.postgres import on_both_databases
from tests.server.serving import Person

pytestmark = on_both_databases

CHANNEL = "events:channel"


async def test_a_repeated_post_answers_with_the_first_message_and_tells_nobody(
    bob: Person, cleo: Person
) -> None:
    """`temp_id` is an idempotency key, once per person and channel; others may use the same."""
    window = await cleo.connect()
    general = await bob.general()
    first = await bob.say(general, "once", temp_id="t1")
    again = await bob.say(general, "once, said again", temp_id="t1")
    assert again == first
    await cleo.say(general, "mine", temp_id="t1")
    assert (await window.next(CHANNEL, "message", count=2))["data"]["data"]["content"] == "mine"
    texts = [one["content"] for one in await bob.get(f"/api/v1/channels/{general}/messages")]
    assert texts == ["mine", "once"]


async def test_the_same_post_many_times_at_once_is_stored_once(bob: Person) -> None:
    """However the retries fall together."""
    general = await bob.general()
    window = await bob.connect()
    answers = await asyncio.gather(*(bob.say(general, "now", temp_id="t") for _ in range(8)))
    assert len({answer["id"] for answer in answers}) == 1
    await window.settle()
    assert len(window.of(CHANNEL, "message")) == 1


async def test_a_deleted_message_is_not_brought_back_by_a_retry(bob: Person) -> None:
    """The key outlives the message."""
    general = await bob.general()
    message = await bob.say(general, "oops", temp_id="t1")
    await bob.delete(f"/api/v1/channels/{general}/messages/{message['id']}/delete")
    again = await bob.ask(
        "POST", f"/api/v1/channels/{general}/messages/post", {"content": "oops", "temp_id": "t1"}
    )
    assert again.status == 410
    assert await bob.get(f"/api/v1/channels/{general}/messages") == []


@pytest.mark.parametrize(
    ("form", "status", "word"),
    [
        ({"content": ""}, 400, "empty"),
        ({"content": " \n\t "}, 400, "empty"),
        ({"content": "x" * 1_000_000}, 413, "too long"),
        ({"content": "x", "data": {"blob": "y" * 300_000}}, 413, "too much data"),
        ({"content": "x", "temp_id": ""}, 400, "temp_id"),
        ({"content": "x", "temp_id": "t" * 200}, 400, "temp_id"),
        ({"content": "x", "parent_id": "nothing"}, 400, "not there"),
        ({"content": "x", "reply_to_id": "nothing"}, 400, "not there"),
        ({"content": 5}, 422, "content"),
        ({}, 422, "content"),
        ([], 422, "body"),
        ("text", 422, "body"),
    ],
)
async def test_a_bad_message_is_refused_in_words_and_stored_nowhere(
    bob: Person, form: Any, status: int, word: str
) -> None:
    """Nothing, a megabyte, or something that is no message."""
    general = await bob.general()
    window = await bob.connect()
    answer = await bob.ask("POST", f"/api/v1/channels/{general}/messages/post", form)
    assert answer.status == status
    assert isinstance(answer.detail, str)
    assert word in answer.detail
    assert await bob.get(f"/api/v1/channels/{general}/messages") == []
    await window.settle()
    assert window.of(CHANNEL) == []


async def test_an_empty_text_with_a_file_is_a_message(bob: Person) -> None:
    """A picture needs no words."""
    general = await bob.general()
    message = await bob.say(general, "", data={"files": [{"id": "f"}]})
    listed = (await bob.get(f"/api/v1/channels/{general}/messages"))[0]
    assert listed["data"] is True
    whole = await bob.get(f"/api/v1/channels/{general}/messages/{message['id']}/data")
    assert whole == {"files": [{"id": "f"}]}


async def test_pages_are_walked_by_what_was_seen_last(bob: Person) -> None:
    """W-18: with `before` nothing is missed or given twice, whatever is posted or deleted meanwhile."""
    general = await bob.general()
    ids = [(await bob.say(general, str(n)))["id"] for n in range(7)]
    path = f"/api/v1/channels/{general}/messages"
    first = await bob.get(path, params={"limit": 3})
    assert [one["content"] for one in first] == ["6", "5", "4"]
    await bob.say(general, "meanwhile")
    await bob.delete(f"{path}/{ids[4]}/delete")
    second = await bob.get(path, params={"limit": 3, "before": ids[4]})
    assert [one["content"] for one in second] == ["3", "2", "1"]
    assert [one["content"] for one in await bob.get(path, params={"before": ids[1]})] == ["0"]
    assert [one["content"] for one in await bob.get(path, params={"skip": 1, "limit": 2})] == ["6", "5"]
    assert (await bob.ask("GET", path, params={"before": "nothing"})).status == 404
    for params in ({"limit": 0}, {"limit": 1000}, {"skip": -1}, {"limit": "many"}):
        refused = await bob.ask("GET", path, params=params)
        assert refused.status == 422
        assert next(iter(params)) in refused.detail


async def test_w19_a_thread_gives_its_root_once(bob: Person) -> None:
    """W-19: the root was on every short page, so a thread of 49 replies repeated it."""
    general = await bob.general()
    root = (await bob.say(general, "root"))["id"]
    for n in range(3):
        await bob.say(general, str(n), parent_id=root)
    path = f"/api/v1/channels/{general}/messages/{root}/thread"

    async def texts(**params: Any) -> list[str]:
        return [one["content"] for one in await bob.get(path, params=params)]

    assert await texts() == ["2", "1", "0", "root"]
    assert await texts(limit=4) == ["2", "1", "0", "root"]
    assert await texts(limit=4, skip=4) == []
    assert await texts(limit=3) == ["2", "1", "0"]
    assert await texts(limit=3, skip=3) == ["root"]
    listed = await bob.get(path, params={"limit": 2})
    assert await texts(before=listed[-1]["id"]) == ["0", "root"]
    assert await texts(before=root) == []


async def test_only_the_author_edits(admin: Person, bob: Person, cleo: Person) -> None:
    """W-72: any reader could edit others' messages; here the author may, and an administrator in the open."""
    general = await bob.general()
    message = await bob.say(general, "mine", data={"a": 1})
    path = f"/api/v1/channels/{general}/messages/{message['id']}"
    assert (await cleo.ask("POST", f"{path}/update", {"content": "ours"})).status == 403
    assert (await cleo.ask("DELETE", f"{path}/delete")).status == 403
    edited = await bob.post(f"{path}/update", {"content": "mine, edited", "data": {"b": 2}})
    assert (edited["content"], edited["data"]) == ("mine, edited", {"a": 1, "b": 2})
    assert edited["updated_at"] > message["updated_at"]
    await admin.post(f"{path}/update", {"content": "moderated"})
    group = (
        await bob.post("/api/v1/channels/create", {"name": "g", "type": "group", "user_ids": [cleo.id]})
    )["id"]
    theirs = await cleo.say(group, "hers")
    answer = await bob.ask(
        "POST", f"/api/v1/channels/{group}/messages/{theirs['id']}/update", {"content": "his"}
    )
    assert answer.status == 403
    empty = await bob.ask("POST", f"{path}/update", {"content": " "})
    assert empty.status == 400


async def test_w79_a_pin_tells_everyone_the_whole_message(bob: Person, cleo: Person) -> None:
    """W-79: a pin was not broadcast, or without the message's data, so that rows lost their attachments."""
    window = await cleo.connect()
    general = await bob.general()
    message = await bob.say(general, "look", data={"files": [{"id": "f"}]})
    path = f"/api/v1/channels/{general}/messages/{message['id']}"
    answer = await cleo.post(f"{path}/pin", {"is_pinned": True})
    assert (answer["is_pinned"], answer["pinned_by"]) == (True, cleo.id)
    told = (await window.next(CHANNEL, "message:update"))["data"]["data"]
    assert told["is_pinned"] is True
    assert told["data"] == {"files": [{"id": "f"}]}
    assert [one["id"] for one in await bob.get(f"/api/v1/channels/{general}/messages/pinned")] == [
        message["id"]
    ]
    await cleo.post(f"{path}/pin", {"is_pinned": False})
    assert await bob.get(f"/api/v1/channels/{general}/messages/pinned") == []


async def test_a_reaction_counts_once(bob: Person, cleo: Person) -> None:
    """Adding twice or removing what is not there changes nothing and tells nobody."""
    window = await cleo.connect()
    general = await bob.general()
    message = await bob.say(general, "hello")
    path = f"/api/v1/channels/{general}/messages/{message['id']}/reactions"
    for _ in range(2):
        assert await bob.post(f"{path}/add", {"name": "wave"}) is True
    await cleo.post(f"{path}/add", {"name": "wave"})
    told = (await window.next(CHANNEL, "message:reaction:add", count=2))["data"]["data"]
    assert told["name"] == "wave"
    assert told["reactions"] == [
        {
            "name": "wave",
            "users": [{"id": bob.id, "name": "Bob"}, {"id": cleo.id, "name": "Cleo"}],
            "count": 2,
        }
    ]
    for _ in range(2):
        assert await bob.post(f"{path}/remove", {"name": "wave"}) is True
    await window.settle()
    assert len(window.of(CHANNEL, "message:reaction:add")) == 2
    assert len(window.of(CHANNEL, "message:reaction:remove")) == 1
    assert (await bob.ask("POST", f"{path}/add", {"name": ""})).status == 400
    assert (await bob.ask("POST", f"{path}/add", {"name": "x" * 100})).status == 400


async def test_a_deleted_message_takes_its_thread_along(bob: Person, cleo: Person) -> None:
    """Root and replies go; quotes of it are empty; the parent of a deleted reply has fresh counters."""
    window = await cleo.connect()
    general = await bob.general()
    root = await bob.say(general, "root")
    reply = await cleo.say(general, "reply", parent_id=root["id"])
    quoting = await cleo.say(general, "as you said", reply_to_id=root["id"])
    await cleo.say(general, "second", parent_id=root["id"])
    path = f"/api/v1/channels/{general}/messages"
    await cleo.delete(f"{path}/{reply['id']}/delete")
    parent = (await window.next(CHANNEL, "message:reply", count=3))["data"]["data"]
    assert (parent["id"], parent["reply_count"]) == (root["id"], 1)
    await bob.delete(f"{path}/{root['id']}/delete")
    gone = (await window.next(CHANNEL, "message:delete", count=2))["data"]["data"]
    assert (gone["id"], gone["content"]) == (root["id"], "root")
    listed = await bob.get(path)
    assert [one["id"] for one in listed] == [quoting["id"]]
    assert listed[0]["reply_to_message"] is None
    for method, tail in (("GET", ""), ("GET", "/thread"), ("DELETE", "/delete"), ("GET", "/data")):
        assert (await bob.ask(method, f"{path}/{root['id']}{tail}")).status == 404


async def test_unread_counts_what_others_said_in_the_open_since_the_last_look(
    bob: Person, cleo: Person
) -> None:
    """W-28: thread replies and one's own messages do not count."""
    general = await bob.general()
    root = await bob.say(general, "root")

    async def unread(person: Person) -> int:
        detail = await person.get(f"/api/v1/channels/{general}")
        entry = next(one for one in await person.get("/api/v1/channels/") if one["id"] == general)
        assert entry["unread_count"] == detail["unread_count"]
        return int(detail["unread_count"])

    assert (await unread(bob), await unread(cleo)) == (0, 1)
    await bob.say(general, "in a thread", parent_id=root["id"])
    await cleo.say(general, "mine")
    assert await unread(bob) == 1
    window = await cleo.connect()
    other = await cleo.connect()
    await bob.say(general, "one more")
    await window.emit(CHANNEL, {"channel_id": general, "message_id": None, "data": {"type": "last_read_at"}})
    await other.next(CHANNEL, "channel:read")
    assert await unread(cleo) == 0


async def test_messages_leave_in_the_order_in_which_they_are_stored(bob: Person, cleo: Person) -> None:
    """However many post at once: the order of the events is the order of the times."""
    general = await bob.general()
    window = await cleo.connect()
    await asyncio.gather(*((bob if n % 2 else cleo).say(general, str(n)) for n in range(40)))
    await window.next(CHANNEL, "message", count=40)
    times = [one["data"]["data"]["created_at"] for one in window.of(CHANNEL, "message")]
    assert times == sorted(times)
    listed = await bob.get(f"/api/v1/channels/{general}/messages")
    assert [one["created_at"] for one in listed] == times[::-1]
