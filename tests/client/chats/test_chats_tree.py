"""The tree of a chat: branches, further answers, questions in other words, and messages that go."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from tests.client.chats.chatting import document, event, heard, message, piece, saving, taking_questions
from tests.client.hands import QUICK
from tests.client.peer import Peer, ok, serving, until

from antiphon import Client
from antiphon.client.chats.tree import ChatTree
from antiphon.client.chats.turns import ChatReset, TurnRemoved
from antiphon.client.errors import NotFound
from antiphon.wire import ChatMessage


def two_branches(chat_id: str = "k") -> dict[str, Any]:
    """Build a chat whose first question has two answers; the second was gone on from."""
    messages = [
        message("q", None, "why?", "a", "a1"),
        message("a", "q", "because"),
        message("a1", "q", "therefore", "q2"),
        message("q2", "a1", "and?", "a2"),
        message("a2", "q2", "so"),
    ]
    return document(chat_id, messages, "a2")


async def opened(peer: Peer, client: Client) -> Any:
    """Give the chat with two branches."""
    peer.chats["k"] = two_branches()
    await client.live()
    chat = client.chat("k")
    await chat.open()
    return chat


def ids(chat: Any) -> list[str]:
    """Give the branch on screen."""
    return [turn.id for turn in chat.turns()]


def test_a_document_that_names_itself_as_its_own_parent_ends_nowhere() -> None:
    """A tree from elsewhere may be broken; walking it ends."""
    tree = ChatTree()
    loop = {"a": ("b", ["b"]), "b": ("a", ["a"])}
    tree.load({i: ChatMessage(id=i, parent_id=p, children_ids=c, role="user") for i, (p, c) in loop.items()})
    assert set(tree.path("a")) == {"a", "b"}
    assert tree.leaf("a") in {"a", "b"}


async def test_switching_shows_the_newest_branch_through_a_message_and_stays_there() -> None:
    """The choice is written to the server, and a document that does not have it yet does not undo it."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat, changes = await opened(peer, client), list[Any]()
        saved = saving(peer)
        chat.subscribe(changes.append)
        assert chat.siblings("a1") == ("a", "a1")
        assert ids(chat) == ["q", "a1", "q2", "a2"]
        await chat.switch("a")
        assert ids(chat) == ["q", "a"]
        assert changes == [ChatReset()]
        assert saved == [{"history": {"messages": {}, "currentId": "a"}}]
        peer.chats["k"] = two_branches()
        await chat.refresh()
        assert ids(chat) == ["q", "a"]
        await chat.switch("a1")
        assert ids(chat) == ["q", "a1", "q2", "a2"]
        with pytest.raises(NotFound):
            await chat.switch("nothing")


async def test_a_question_is_answered_once_more_beside_its_other_answers() -> None:
    """The question keeps its place and its id; the new answer is on screen at once."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat = await opened(peer, client)
        asked = taking_questions(peer)
        await chat.regenerate("a", turn_id="a9")
        assert ids(chat) == ["q", "a9"]
        assert chat.siblings("a9") == ("a", "a1", "a9")
        assert chat.running_ids == {"a9"}
        assert asked[0]["user_message"]["id"] == "q"
        assert asked[0]["parent_id"] is None
        assert asked[0]["messages"] == [{"role": "user", "content": "why?"}]
        assert asked[0]["model"] == "m"


async def test_a_question_in_other_words_begins_a_branch_of_its_own() -> None:
    """The first question of a chat too: it has no forerunner to follow."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat = await opened(peer, client)
        asked = taking_questions(peer)
        await chat.edit_question("q", "why not?", turn_id="a9")
        first = ids(chat)[0]
        assert ids(chat) == [first, "a9"]
        assert chat.siblings(first) == ("q", first)
        assert asked[0]["user_message"]["parentId"] is None
        await chat.edit_question("q2", "and then?", turn_id="a10")
        assert [turn.content for turn in chat.turns()] == ["why?", "therefore", "and then?", ""]


async def test_a_message_that_is_deleted_goes_and_is_told_of() -> None:
    """0.12.4 and ours take it away; what they leave is what is shown."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat, changes = await opened(peer, client), list[Any]()
        chat.subscribe(changes.append)

        async def take_away(_: web.Request) -> web.StreamResponse:
            left = [message("q", None, "why?", "a"), message("a", "q", "because")]
            peer.chats["k"] = document("k", left, "a")
            return ok(peer.chats["k"])

        peer.hooks["DELETE /api/v1/chats/k/messages/a1"] = take_away
        await chat.delete_message("a1")
        assert ids(chat) == ["q", "a"]
        assert {change.id for change in changes if isinstance(change, TurnRemoved)} == {"a1", "q2", "a2"}


async def test_on_the_old_dialect_a_message_is_taken_away_by_writing_the_rest() -> None:
    """0.6.41 has no path for it: its answers go with it, and what follows goes on behind its forerunner."""
    async with (
        serving(release="0.6.41") as peer,
        Client(peer.url, token="token-me", delays=QUICK) as client,
    ):
        chat = await opened(peer, client)
        saved = saving(peer)
        await chat.delete_message("q2")
        assert set(saved[0]["history"]["messages"]) == {"q", "a", "a1"}
        assert saved[0]["history"]["messages"]["a1"]["childrenIds"] == []
        assert ids(chat) == ["q", "a1"]
        await chat.delete_message("q")
        assert ids(chat) == []


async def test_a_turn_deleted_elsewhere_goes_here_too() -> None:
    """Ours tells that the chat's row changed, and names no message: what is held is fetched again."""
    async with serving(antiphon="0.1.0") as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat, changes = await opened(peer, client), list[Any]()
        chat.subscribe(changes.append)
        left = [message("q", None, "why?", "a"), message("a", "q", "because")]
        peer.chats["k"] = document("k", left, "a")
        await peer.emit("events", event("k", None, "chat:list", {"chat_id": "k", "folder_id": None}))
        await until(lambda: ids(chat) == ["q", "a"])
        assert TurnRemoved("a2") in changes


async def test_a_text_is_edited_in_its_place() -> None:
    """No branch: the same message says something else."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat = await opened(peer, client)

        async def edit(request: web.Request) -> web.StreamResponse:
            assert await request.json() == {"content": "thus"}
            return ok(peer.chats["k"])

        peer.hooks["POST /api/v1/chats/k/messages/a2"] = edit
        await chat.edit("a2", "thus")
        assert [turn.content for turn in chat.turns()][-1] == "thus"


async def test_a_turn_of_another_viewer_is_merged_and_followed() -> None:
    """`chat:messages`: what goes on from the branch on screen is shown; a branch beside it is only known."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat = await opened(peer, client)
        turn = {"q3": message("q3", "a2", "more", "a3"), "a3": message("a3", "q3", "", done=False)}
        shared = {"messages": turn, "currentId": "a3"}
        await heard(client, peer, event("k", "a3", "chat:messages", shared, shared=True, user_id="ann"))
        assert ids(chat) == ["q", "a1", "q2", "a2", "q3", "a3"]
        assert chat.turn("a2").children_ids == ["q3"]
        beside = {"messages": {"q4": message("q4", "a", "beside")}, "currentId": "q4"}
        await heard(client, peer, event("k", "q4", "chat:messages", beside, shared=True, user_id="ann"))
        assert ids(chat)[-1] == "a3"
        assert chat.turn("a").children_ids == ["q4"]
        item = {"type": "message", "id": "i", "role": "assistant",
                "content": [{"type": "output_text", "text": "whole so far"}]}  # fmt: skip
        for person, text in (("ann", "whole so far"), ("me", "whole so far")):
            output = [{**item, "content": [{"type": "output_text", "text": text}]}]
            told = event("k", "a3", "chat:completion", {"output": output}, shared=True, user_id=person)
            await heard(client, peer, told)
        assert chat.turn("a3").content == "whole so far"


async def test_the_copy_for_other_viewers_of_a_run_of_ours_is_left_aside() -> None:
    """A window in the chat's room hears its own run twice; each thing counts once."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat = await opened(peer, client)
        step = {"action": "search", "description": "Searching"}
        await heard(
            client,
            peer,
            event("k", "a2", "status", step),
            event("k", "a2", "status", step, shared=True, user_id="me"),
        )
        assert chat.turn("a2").status_history == [step]


async def test_a_follow_up_question_of_another_window_is_shown_before_its_answer_begins() -> None:
    """The row's news name the question: it is fetched, and its answer runs (W-52)."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat = await opened(peer, client)
        history = peer.chats["k"]["chat"]["history"]
        history["messages"]["q3"] = message("q3", "a2", "more", "a3")
        history["messages"]["a3"] = message("a3", "q3", "", done=False)
        history["currentId"] = "a3"
        peer.tasks["k"] = ["t"]
        await peer.emit("events", event("k", "q3", "chat:list", {"chat_id": "k", "folder_id": None}))
        await until(lambda: ids(chat)[-1] == "a3")
        assert chat.running
        await heard(
            client,
            peer,
            event("k", "a3", "chat:active", {"active": True}),
            event("k", "a3", "response:completion", piece("yes")),
        )
        assert chat.turns()[-1].content == "yes"
