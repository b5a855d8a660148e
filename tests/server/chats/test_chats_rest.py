"""Chats over REST: the shapes of the original, and nobody else's chats."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.postgres import on_both_databases
from tests.server.chats.test_documents import message
from tests.server.serving import Person, Server

pytestmark = on_both_databases

CHATS = "/api/v1/chats"


def document(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A chat's document."""
    by_id = {one["id"]: one for one in messages}
    return {
        "chat": {
            "title": "New Chat",
            "models": ["eliza"],
            "history": {"messages": by_id, "currentId": messages[-1]["id"]},
            **more,
        }
    }


async def made(person: Person, **more: Any) -> dict[str, Any]:
    """A chat of two messages."""
    answer: dict[str, Any] = await person.post(
        f"{CHATS}/new", document(message("q", None), message("a", "q", role="assistant"), **more)
    )
    return answer


async def test_a_chat_is_made_changed_and_taken_away(bob: Person) -> None:
    """New, get, a part of the document, delete; unknown keys stay."""
    window = await bob.connect()
    chat = await made(bob, own={"x": 1}, params={"temperature": 1})
    path = f"{CHATS}/{chat['id']}"
    assert (await bob.get(path))["chat"] == chat["chat"]
    assert chat["chat"]["own"] == {"x": 1}
    assert chat["chat"]["history"]["messages"]["q"]["childrenIds"] == ["a"]
    renamed = await bob.post(path, {"chat": {"title": "Renamed", "own": {"y": 2}}})
    assert (renamed["title"], renamed["chat"]["title"], renamed["chat"]["own"]) == (
        "Renamed",
        "Renamed",
        {"y": 2},
    )
    assert renamed["chat"]["history"] == chat["chat"]["history"]
    assert (await window.next("events", "chat:title"))["data"]["data"] == "Renamed"
    (entry,) = await bob.get(f"{CHATS}/?page=1")
    assert {"id", "title", "updated_at", "created_at", "last_read_at", "active"} <= set(entry)
    assert (entry["title"], entry["active"]) == ("Renamed", False)
    assert await bob.delete(path) is True
    assert await bob.get(f"{CHATS}/") == []
    assert len(window.of("events", "chat:list")) == 3


async def test_two_windows_that_write_at_once_lose_nothing(bob: Person) -> None:
    """W-50: each writes its old copy of the whole document with one new branch; both branches are there."""
    chat = await made(bob)
    path = f"{CHATS}/{chat['id']}"
    copies = []
    for n in range(6):
        copy = {**chat["chat"]["history"]["messages"], f"new{n}": message(f"new{n}", "a")}
        copies.append({"chat": {**chat["chat"], "history": {"messages": copy, "currentId": f"new{n}"}}})
    await asyncio.gather(*(bob.post(path, copy) for copy in copies))
    messages = (await bob.get(path))["chat"]["history"]["messages"]
    assert set(messages) == {"q", "a", *(f"new{n}" for n in range(6))}
    assert set(messages["a"]["childrenIds"]) == {f"new{n}" for n in range(6)}


async def test_a_message_is_taken_away_by_null_or_by_its_own_address(bob: Person) -> None:
    """What followed it follows its forerunner, and the branch shown stays one that exists."""
    chat = await made(bob)
    path = f"{CHATS}/{chat['id']}"
    await bob.post(
        path,
        {
            "chat": {
                "history": {"messages": {"b": message("b", "a"), "c": message("c", "b")}, "currentId": "c"}
            }
        },
    )
    kept = await bob.post(path, {"chat": {"history": {"messages": {"a": None}}}})
    messages = kept["chat"]["history"]["messages"]
    assert [(one["id"], one["parentId"]) for one in messages.values()] == [
        ("q", None),
        ("b", "q"),
        ("c", "b"),
    ]
    kept = await bob.delete(f"{path}/messages/c")
    assert kept["chat"]["history"]["currentId"] == "b"
    assert [one["id"] for one in kept["chat"]["messages"]] == ["q", "b"]
    assert (await bob.ask("DELETE", f"{path}/messages/c")).status == 404


async def test_the_list_is_paged_newest_first_and_the_pinned_stand_apart(bob: Person, server: Server) -> None:
    """60 a page, an empty page is the end; a pinned chat is in the other list unless asked for."""
    chats = [await made(bob) for _ in range(61)]
    first, second = await bob.get(f"{CHATS}/?page=1"), await bob.get(f"{CHATS}/?page=2")
    assert (len(first), len(second), await bob.get(f"{CHATS}/?page=3")) == (60, 1, [])
    assert {entry["id"] for entry in first + second} == {chat["id"] for chat in chats}
    assert [entry["updated_at"] for entry in first] == sorted(
        (entry["updated_at"] for entry in first), reverse=True
    )
    assert (await bob.ask("GET", f"{CHATS}/?page=0")).status == 422
    path = f"{CHATS}/{chats[0]['id']}"
    assert (await bob.post(f"{path}/pin"))["pinned"] is True
    assert [entry["id"] for entry in await bob.get(f"{CHATS}/pinned")] == [chats[0]["id"]]
    assert await bob.get(f"{path}/pinned") is True
    assert len(await bob.get(f"{CHATS}/")) == 60
    assert len(await bob.get(f"{CHATS}/?include_pinned=true")) == 61
    assert (await bob.post(f"{path}/pin"))["pinned"] is False
    assert (await bob.post(f"{path}/archive"))["archived"] is True
    assert len(await bob.get(f"{CHATS}/")) == 60


async def test_tags_are_given_and_taken(bob: Person) -> None:
    """A tag's id is its name in small letters; a tag that no chat has is gone."""
    one, two = await made(bob), await made(bob)
    path = f"{CHATS}/{one['id']}/tags"
    await bob.post(path, {"name": "Deep  Thought"})
    await bob.post(path, {"name": "deep thought"})
    (tag,) = await bob.get(path)
    assert tag == {"id": "deep_thought", "name": "deep thought", "user_id": bob.id, "meta": None}
    await bob.post(f"{CHATS}/{two['id']}/tags", {"name": "other"})
    assert [tag["id"] for tag in await bob.get(f"{CHATS}/all/tags")] == ["deep_thought", "other"]
    assert [entry["id"] for entry in await bob.post(f"{CHATS}/tags", {"name": "Other"})] == [two["id"]]
    assert (await bob.get(f"{CHATS}/{two['id']}"))["meta"] == {"tags": ["other"]}
    answer = await bob.ask("DELETE", path, {"name": "Deep Thought"})
    assert (answer.status, answer.body) == (200, [])
    assert [tag["id"] for tag in await bob.get(f"{CHATS}/all/tags")] == ["other"]
    assert (await bob.ask("POST", path, {"name": " "})).status == 422


async def test_another_persons_chat_is_not_there(
    admin: Person, bob: Person, cleo: Person, server: Server
) -> None:
    """Neither for others nor for the administrator; the 404 does not even say that it exists."""
    chat = await made(bob)
    path = f"{CHATS}/{chat['id']}"
    requests = (
        ("GET", path, None), ("POST", path, {"chat": {"title": "mine"}}), ("DELETE", path, None),
        ("GET", f"{path}/tags", None), ("POST", f"{path}/tags", {"name": "x"}),
        ("POST", f"{path}/pin", None), ("POST", f"{path}/archive", None),
        ("DELETE", f"{path}/messages/q", None), ("GET", f"{path}/pinned", None),
    )  # fmt: skip
    for method, address, body in requests:
        for person in (admin, cleo):
            answer = await person.ask(method, address, body)
            there_is_none = await person.ask(method, address.replace(chat["id"], "nowhere"), body)
            assert (answer.status, answer.body) == (404, there_is_none.body)
        assert (await server.nobody.ask(method, address, body)).status == 401
    assert (await bob.get(path))["chat"] == chat["chat"]
    assert await cleo.get(f"{CHATS}/") == []


async def test_bad_bodies_are_refused_with_words_and_change_nothing(bob: Person) -> None:
    """Not JSON, no object, no document, a broken tree."""
    chat = await made(bob)
    path = f"{CHATS}/{chat['id']}"
    for body, status, said in (
        ({"chat": 5}, 400, "is an object with history"),
        ({}, 400, "is an object with history"),
        ([], 422, "valid dictionary"),
        (
            {"chat": {"history": {"messages": {"x": message("x", "nowhere")}}}},
            400,
            "which is not in this chat",
        ),
        ({"chat": {"history": {"currentId": "nowhere"}}}, 400, "none of the chat's messages"),
    ):
        for address in (path, f"{CHATS}/new"):
            answer = await bob.ask("POST", address, body)
            assert (answer.status, said in answer.detail) == (status, True), answer
    raw = await bob.ask("POST", path, None, data=b"{", headers={"Content-Type": "application/json"})
    assert raw.status == 422
    assert raw.detail.startswith("The body is not valid JSON: ")
    assert (await bob.get(path))["chat"] == chat["chat"]
    assert len(await bob.get(f"{CHATS}/")) == 1


async def test_a_chat_that_was_read_is_told_to_the_other_windows(bob: Person, cleo: Person) -> None:
    """`events:chat` last_read_at: stored, and sent to all windows of the person, as recorded."""
    chat = await made(bob)
    one, two, other = await bob.connect(), await bob.connect(), await cleo.connect()
    read = {"chat_id": chat["id"], "data": {"type": "last_read_at"}}
    await other.emit("events:chat", read)
    await other.settle()
    assert (await bob.get(f"{CHATS}/{chat['id']}"))["last_read_at"] is None
    await one.emit("events:chat", read)
    heard = await two.next("events", "chat:list")
    assert (heard["chat_id"], set(heard)) == (chat["id"], {"chat_id", "data"})
    at = heard["data"]["data"]["last_read_at"]
    assert (await bob.get(f"{CHATS}/"))[0]["last_read_at"] == at
    assert (await bob.get(f"{CHATS}/{chat['id']}"))["updated_at"] == chat["updated_at"]


async def test_a_window_enters_its_own_chats_room_only(bob: Person, cleo: Person) -> None:
    """`events:chat` join is acknowledged with true, or with false for somebody else's chat."""
    chat = await made(bob)
    one, other = await bob.connect(), await cleo.connect()
    join = {"chat_id": chat["id"], "data": {"type": "join"}}
    assert await one.call("events:chat", join) is True
    presence = await one.next("events", "chat:presence")
    assert (presence["shared"], presence["data"]["data"]) == (
        True,
        {"users": [{"id": bob.id, "name": "Bob"}]},
    )
    assert await other.call("events:chat", join) is False
    assert await one.call("events:chat", {"chat_id": chat["id"], "data": {"type": "leave"}}) is True
    for odd in (
        {},
        {"chat_id": 5, "data": {"type": "join"}},
        {"chat_id": "x", "data": "join"},
        {"chat_id": "x", "data": {"type": "odd"}},
    ):
        assert not await one.call("events:chat", odd)


async def test_a_message_is_edited_and_its_windows_told(bob: Person) -> None:
    """The text alone changes; an edited answer shows its new text, not its old output."""
    chat = await made(bob)
    path = f"{CHATS}/{chat['id']}/messages"
    await bob.post(f"{CHATS}/{chat['id']}", {"chat": {"history": {"messages": {"a": {"output": [1]}}}}})
    window = await bob.connect()
    for id_ in ("q", "a"):
        edited = await bob.post(f"{path}/{id_}", {"content": f"new {id_}"})
        assert edited["chat"]["history"]["messages"][id_]["content"] == f"new {id_}"
        assert "output" not in edited["chat"]["history"]["messages"][id_]
        heard = await window.next("events", "chat:message", count=1 + (id_ == "a"))
        assert (heard["message_id"], heard["data"]["data"]) == (id_, {"content": f"new {id_}"})
    assert (await bob.ask("POST", f"{path}/nowhere", {"content": ""})).status == 404
    assert (await bob.ask("POST", f"{path}/q", {})).status == 422
