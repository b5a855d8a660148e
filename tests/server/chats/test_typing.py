"""Typing in a chat over the socket (`events:chat`)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.server.serving import Person

EVENT = "events:chat"


async def chat_of(person: Person) -> str:
    """A chat of this person's."""
    made = await person.post("/api/v1/chats/new", {"chat": {"title": "mine", "models": ["eliza"]}})
    return str(made["id"])


def said(chat_id: str, data: Any) -> dict[str, Any]:
    """What a window says of typing."""
    return {"chat_id": chat_id, "message_id": None, "data": {"type": "typing", "data": data}}


async def test_typing_is_told_to_the_chats_other_windows_and_acknowledged(bob: Person) -> None:
    """W-26: only the flag is passed on, and not to the window that types."""
    chat = await chat_of(bob)
    window, other, outside = await bob.connect(), await bob.connect(), await bob.connect()
    for one in (window, other):
        assert await one.call(EVENT, {"chat_id": chat, "data": {"type": "join"}}) is True
    assert await window.call(EVENT, said(chat, {"typing": True, "junk": "x"})) is True
    assert await other.next("events", "typing") == {
        "chat_id": chat,
        "shared": True,
        "data": {"type": "typing", "data": {"typing": True}},
        "user": {"id": bob.id, "name": "Bob", "role": "user"},
    }
    for one in (window, outside):
        await one.settle()
        assert one.of("events", "typing") == []


@pytest.mark.parametrize("data", [None, {}, {"typing": "yes"}, {"typing": None}, [], "typing"])
async def test_typing_that_says_nothing_is_refused(bob: Person, data: Any) -> None:
    """Acknowledged with false, and told to nobody."""
    chat = await chat_of(bob)
    window, other = await bob.connect(), await bob.connect()
    for one in (window, other):
        await one.call(EVENT, {"chat_id": chat, "data": {"type": "join"}})
    assert await window.call(EVENT, said(chat, data)) is False
    await other.settle()
    assert other.of("events", "typing") == []


async def test_whoever_is_not_in_a_chat_types_for_nobody(bob: Person, cleo: Person) -> None:
    """Another person, a window that has not entered, and one that has left."""
    chat = await chat_of(bob)
    window, other, stranger = await bob.connect(), await bob.connect(), await cleo.connect()
    await other.call(EVENT, {"chat_id": chat, "data": {"type": "join"}})
    assert await stranger.call(EVENT, said(chat, {"typing": True})) is False
    assert await window.call(EVENT, said(chat, {"typing": True})) is False
    await window.call(EVENT, {"chat_id": chat, "data": {"type": "join"}})
    await window.call(EVENT, {"chat_id": chat, "data": {"type": "leave"}})
    assert await window.call(EVENT, said(chat, {"typing": True})) is False
    await other.settle()
    assert other.of("events", "typing") == []
