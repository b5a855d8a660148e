"""All of one's chats: found, archived, taken out and brought in."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.postgres import on_both_databases
from tests.server.chats.test_chats_rest import CHATS, document, made
from tests.server.chats.test_documents import message
from tests.server.serving import Person, Server

from antiphon.server.chats import library_rest
from antiphon.server.chats.search import SNIPPET
from antiphon.wire import ChatEntry, ChatRow

pytestmark = on_both_databases


async def chat_of(person: Person, title: str, *texts: str) -> str:
    """A chat with these messages, one after the other; gives its id."""
    messages = [
        message(f"m{number}", f"m{number - 1}" if number else None, content=text)
        for number, text in enumerate(texts or ("nothing",))
    ]
    chat = await person.post(f"{CHATS}/new", document(*messages, title=title))
    return str(chat["id"])


async def titles(person: Person, text: str, **more: str) -> set[str]:
    """The titles of what a person finds."""
    return {one["title"] for one in await person.get(f"{CHATS}/search", params={"text": text, **more})}


async def test_chats_are_found_by_title_and_text(bob: Person, cleo: Person) -> None:
    """One's own alone; all words in the title or in one message; no character has a meaning of its own."""
    await chat_of(bob, "Holiday in Norway", "Where is it cold?", "In the 100% north of O'Brien's_land")
    await chat_of(bob, "Recipes", "A cake from Norway", "with flour")
    await chat_of(cleo, "Norway for Cleo", "cold")
    expected = {
        "norway": {"Holiday in Norway", "Recipes"},
        "NORWAY holiday": {"Holiday in Norway"},
        "cake norway": {"Recipes"},
        "cake flour": set(),
        "100%": {"Holiday in Norway"},
        "1%0": set(),
        "s_l": {"Holiday in Norway"},
        "o_b": set(),
        "O'Brien": {"Holiday in Norway"},
        "\\": set(),
        "": {"Holiday in Norway", "Recipes"},
    }
    assert {text: await titles(bob, text) for text in expected} == expected
    assert await bob.get(f"{CHATS}/search", params={"text": "norway", "page": "2"}) == []
    refused = await Person(bob.url, bob.http).ask("GET", f"{CHATS}/search", params={"text": "norway"})
    assert refused.status == 401


async def test_a_finding_says_where_and_narrows_by_tag_pin_and_archive(bob: Person) -> None:
    """As 0.12.4's page asks; archived chats are found only when asked for."""
    long = await chat_of(bob, "Long", "filler " * 100 + "the needle " + "filler " * 100)
    tagged = await chat_of(bob, "needle in the title")
    await bob.post(f"{CHATS}/{tagged}/tags", {"name": "Two words"})
    await bob.post(f"{CHATS}/{tagged}/pin")
    found = {one["id"]: one for one in await bob.get(f"{CHATS}/search", params={"text": "Needle"})}
    assert found.keys() == {long, tagged}
    assert "the needle" in found[long]["snippet"]
    assert len(found[long]["snippet"]) <= SNIPPET + 2
    assert found[tagged]["snippet"] is None
    assert all(ChatEntry.load(one) for one in found.values())
    assert await titles(bob, "needle tag:two_words") == {"needle in the title"}
    assert await titles(bob, "tag:other") == set()
    assert await titles(bob, "pinned:true") == {"needle in the title"}
    await bob.post(f"{CHATS}/{long}/archive")
    assert await titles(bob, "needle") == {"needle in the title"}
    assert await titles(bob, "needle archived:true") == {"Long"}


async def test_the_archive_is_listed_filled_and_emptied(bob: Person, cleo: Person) -> None:
    """One at a time or all at once, and nobody else's; the person's windows hear of it."""
    first, second = await chat_of(bob, "first"), await chat_of(bob, "second")
    await chat_of(cleo, "hers")
    window = await bob.connect()
    await bob.post(f"{CHATS}/{first}/archive")
    assert [one["id"] for one in await bob.get(f"{CHATS}/archived")] == [first]
    assert [one["id"] for one in await bob.get(f"{CHATS}/")] == [second]
    assert await bob.post(f"{CHATS}/archive/all") is True
    assert {one["id"] for one in await bob.get(f"{CHATS}/archived")} == {first, second}
    assert await bob.get(f"{CHATS}/") == []
    assert await bob.get(f"{CHATS}/archived?page=2") == []
    assert [one["id"] for one in await bob.get(f"{CHATS}/all/archived")] != []
    await window.next("events", "chat:list", count=2)
    assert await bob.post(f"{CHATS}/unarchive/all") is True
    assert await bob.get(f"{CHATS}/archived") == []
    assert len(await bob.get(f"{CHATS}/")) == 2
    assert len(await cleo.get(f"{CHATS}/")) == 1


async def test_what_is_exported_is_imported_as_it_was(bob: Person, cleo: Person) -> None:
    """Documents with every branch and unknown key, times, tags, pins, the archive; with new ids."""
    chat = await made(bob, own={"x": [1, None]}, params={"temperature": 1})
    path = f"{CHATS}/{chat['id']}"
    branch = {"history": {"messages": {"b": message("b", "q", role="assistant", own=[1])}}}
    await bob.post(path, {"chat": {"title": "Two ways 👋", **branch}})
    await bob.post(f"{path}/tags", {"name": "Tag"})
    await bob.post(f"{path}/pin")
    other = await chat_of(bob, "away")
    await bob.post(f"{CHATS}/{other}/archive")
    exported = await bob.get(f"{CHATS}/all")
    assert {one["title"] for one in exported} == {"Two ways 👋", "away"}
    assert all(ChatRow.load(one) for one in exported)
    assert await cleo.get(f"{CHATS}/all") == []
    for one in exported:
        one["created_at"] -= 1000
        one["updated_at"] -= 500
    window = await cleo.connect()
    made_of = await cleo.post(f"{CHATS}/import", {"chats": exported})
    again = await cleo.get(f"{CHATS}/all")
    assert sorted(made_of, key=repr) == sorted(again, key=repr)
    await window.next("events", "chat:list", count=2)
    of = {one["title"]: one for one in again}
    for one in exported:
        copy = of[one["title"]]
        assert copy["id"] != one["id"]
        assert copy["user_id"] == cleo.id
        for key in ("chat", "created_at", "updated_at", "pinned", "archived"):
            assert without_id(copy[key]) == without_id(one[key]), key
    assert [tag["id"] for tag in await cleo.get(f"{CHATS}/{of['Two ways 👋']['id']}/tags")] == ["tag"]
    (single,) = await cleo.post(f"{CHATS}/import", exported[:1])
    assert single["title"] == exported[0]["title"]
    one = await cleo.post(f"{CHATS}/import", exported[0])
    assert one["title"] == exported[0]["title"]
    assert len(await bob.get(f"{CHATS}/all")) == 2


async def test_an_imported_answer_is_not_awaited_for_ever(bob: Person) -> None:
    """Nobody writes it on here; a time in milliseconds, or none, is read as what it is."""
    half = {"chat": document(message("q", None), message("a", "q", role="assistant", done=False))["chat"]}
    half |= {"created_at": 1_700_000_000_000, "updated_at": None, "meta": None, "pinned": None}
    chat = await bob.post(f"{CHATS}/import", half)
    assert chat["chat"]["history"]["messages"]["a"]["done"] is True
    assert chat["created_at"] == 1_700_000_000
    assert chat["updated_at"] > 1_700_000_000
    assert (chat["pinned"], chat["active"]) == (False, False)


async def test_a_bad_import_is_refused_whole(bob: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the number of the chat that cannot be taken, and nothing stored."""
    good = document(message("q", None))
    orphan = document(message("q", "nowhere"))
    for bad, word in (
        ([good, orphan], "Chat 2"),
        ({"chats": [good, 5]}, "Chat 2"),
        ({"chats": 5}, "Chat 1"),
        ({}, "Chat 1"),
        ([], "no chat"),
        ({"chats": []}, "no chat"),
        (5, "Chat 1"),
        ({"chat": []}, "Chat 1"),
    ):
        refused = await bob.ask("POST", f"{CHATS}/import", bad)
        assert (refused.status, word in refused.detail) == (400, True), bad
    monkeypatch.setattr(library_rest, "MOST_IMPORTED", 1)
    refused = await bob.ask("POST", f"{CHATS}/import", [good, good])
    assert "At most 1" in refused.detail
    assert await bob.get(f"{CHATS}/all") == []


async def test_an_export_outlives_a_deletion_in_its_middle(server: Server, bob: Person) -> None:
    """It is read a chat at a time; one that goes meanwhile is left out, and the rest is whole JSON."""
    ids = [await chat_of(bob, f"chat {number}") for number in range(3)]
    found = await server.state.principals.of_token(bob.token)
    assert found is not None
    person = found[0]
    pieces = library_rest._written(server.state, person, server.state.runs, ids)
    text = await anext(pieces)
    await bob.delete(f"{CHATS}/{ids[1]}")
    async for piece in pieces:
        text += piece
    assert [one["id"] for one in json.loads(text)] == [ids[0], ids[2]]
    answers = await asyncio.gather(*(bob.get(f"{CHATS}/all") for _ in range(8)))
    assert all(len(answer) == 2 for answer in answers)


def without_id(value: Any) -> Any:
    """A document without the id that some carry of the chat that they are in."""
    return {key: inner for key, inner in value.items() if key != "id"} if isinstance(value, dict) else value
