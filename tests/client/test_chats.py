"""Chats over a real connection: asking, streaming, gaps, two windows, both dialects."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from tests.client.hands import QUICK
from tests.client.peer import Peer, no, ok, serving, until

from antiphon import Client, Rejected
from antiphon.client import LinkState
from antiphon.client.turns import ChatReset, RunningChanged, TurnAdded, TurnChanged


def event(chat: str, message: str, type_: str, data: Any) -> dict[str, Any]:
    """Build a chat event."""
    return {"chat_id": chat, "message_id": message, "data": {"type": type_, "data": data}}


def piece(delta: str, offset: int | None = None) -> dict[str, Any]:
    """Build a piece of an answer."""
    more = {} if offset is None else {"offset": offset}
    return {
        "type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0,
        "delta": delta,
        **more,
    }  # fmt: skip


def row(chat_id: str, answer: str, *, done: bool | None = True) -> dict[str, Any]:
    """Build a chat's row with one question and its answer."""
    messages = {
        "q": {"id": "q", "parentId": None, "childrenIds": ["a"], "role": "user", "content": "why?"},
        "a": {
            "id": "a", "parentId": "q", "childrenIds": [], "role": "assistant", "content": answer,
            "model": "m", "done": done,
        },
    }  # fmt: skip
    return {
        "id": chat_id, "user_id": "me", "title": "A title", "updated_at": 2, "created_at": 1,
        "chat": {"title": "A title", "models": ["m"], "history": {"messages": messages, "currentId": "a"}},
    }  # fmt: skip


def completing(peer: Peer, first: list[dict[str, Any]], client: Client | None = None) -> None:
    """Take a completion as 0.12.4 does; the first events overtake the answer."""

    async def complete(request: web.Request) -> web.StreamResponse:
        form = await request.json()
        chat_id = form.get("chat_id") or "new"
        for data in first:
            await peer.emit("events", event(chat_id, form["id"], data["kind"], data["data"]))
        if first and client is not None:
            await until(lambda: client.counts.typed >= len(first))
        return ok({"status": True, "task_ids": ["t"], "chat_id": chat_id})

    peer.hooks["POST /api/chat/completions"] = complete


async def test_events_that_overtake_the_answer_to_a_new_chat_are_not_lost() -> None:
    """The first words may arrive before the chat has a name here."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        completing(
            peer, [{"kind": "response:completion", "data": piece(text)} for text in ("one ", "two ")], client
        )
        chat = await client.new_chat("count", "m")
        assert chat.id == "new"
        assert client.chat("new") is chat
        await until(lambda: chat.turns()[-1].content == "one two ")
        assert chat.running
        asked = next(body for where, body in peer.bodies if where == "POST /api/chat/completions")
        assert asked["parent_id"] is None
        assert "chat_id" not in asked
        assert asked["user_message"]["content"] == "count"
        assert asked["session_id"] in peer.sids


async def test_a_question_that_is_refused_shows_why_and_is_raised() -> None:
    """The words of the person stay, the answer carries the reason."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "because")
        await client.live()
        chat = client.chat("k")
        await chat.open()

        async def refuse(request: web.Request) -> web.StreamResponse:
            return no(400, "Model not found")

        peer.hooks["POST /api/chat/completions"] = refuse
        with pytest.raises(Rejected, match="Model not found"):
            await chat.ask("and?", "nope")
        assert chat.turns()[-2].content == "and?"
        assert chat.turns()[-1].error == {"content": "Model not found"}
        assert not chat.running


async def test_changes_are_told_as_they_happen() -> None:
    """Added question and answer, running, pieces, the end."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "because")
        await client.live()
        chat, changes = client.chat("k"), list[Any]()
        await chat.open()
        chat.subscribe(changes.append)
        completing(peer, [{"kind": "response:completion", "data": piece("so")}])
        await chat.ask("and?", "m", message_id="q2", turn_id="a2")
        await until(lambda: isinstance(changes[-1], TurnChanged))
        await peer.emit("events", event("k", "a2", "chat:completion", {"done": True, "content": "so it is"}))
        await until(lambda: changes[-1] == RunningChanged(False))
        assert [type(change) for change in changes[:4]] == [TurnAdded, TurnAdded, RunningChanged, TurnChanged]
        assert chat.turns()[-1].content == "so it is"
        assert [turn.id for turn in chat.turns()] == ["q", "a", "q2", "a2"]


async def test_a_gap_in_the_pieces_is_repaired_from_the_document() -> None:
    """W-45: what was missed is fetched, and the stream goes on behind it."""
    async with serving(antiphon="0.1.0") as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "", done=False)
        peer.tasks["k"] = ["t"]
        await client.live()
        chat = client.chat("k")
        await chat.open()
        assert chat.running
        await peer.emit("events", event("k", "a", "response:completion", piece("one ", 0)))
        await until(lambda: chat.turns()[-1].content == "one ")
        stored = peer.chats["k"]["chat"]["history"]["messages"]["a"]
        item = {"type": "message", "id": "i", "role": "assistant", "status": "in_progress"}
        text = "one two three "
        stored |= {"content": text, "output": [{**item, "content": [{"type": "output_text", "text": text}]}]}
        await peer.emit("events", event("k", "a", "response:completion", piece("three ", 8)))
        await until(lambda: chat.turns()[-1].content == text)
        await peer.emit("events", event("k", "a", "response:completion", piece("four", len(text))))
        await until(lambda: chat.turns()[-1].content == "one two three four")


async def test_a_turn_begun_in_another_window_appears() -> None:
    """An event about an unknown answer asks for the document once."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "because")
        await client.live()
        chat = client.chat("k")
        await chat.open()
        messages = peer.chats["k"]["chat"]["history"]["messages"]
        messages["q2"] = {
            **messages["q"],
            "id": "q2",
            "parentId": "a",
            "childrenIds": ["a2"],
            "content": "and?",
        }
        messages["a2"] = {**messages["a"], "id": "a2", "parentId": "q2", "content": "", "done": False}
        peer.chats["k"]["chat"]["history"]["currentId"] = "a2"
        peer.tasks["k"] = ["t"]
        before = peer.count("GET /api/v1/chats/k")
        for offset, text in enumerate("abcde"):
            await peer.emit("events", event("k", "a2", "response:completion", piece(text, offset)))
        await until(lambda: [turn.id for turn in chat.turns()] == ["q", "a", "q2", "a2"])
        assert peer.count("GET /api/v1/chats/k") - before <= 2


async def test_a_cancel_ends_its_own_answer_alone() -> None:
    """W-48: the other answer goes on, whichever is on screen."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "because")
        await client.live()
        chat = client.chat("k")
        await chat.open()
        completing(peer, [])
        await chat.ask("one", "m", message_id="q2", turn_id="a2")
        await chat.ask("two", "m", parent_id="a", message_id="q3", turn_id="a3")
        await peer.emit("events", {"chat_id": "k", "message_id": "a2", "data": {"type": "chat:tasks:cancel"}})
        await until(lambda: chat._turns.message("a2").done)
        assert chat.running
        assert not chat._turns.message("a3").done


async def test_on_the_old_dialect_only_the_asking_client_completes_and_saves() -> None:
    """W-46: two windows on one chat, one `completed`, one save."""
    async with (
        serving(release="0.6.41") as peer,
        Client(peer.url, token="token-me", delays=QUICK) as asking,
        Client(peer.url, token="token-me", delays=QUICK) as watching,
    ):
        await asking.live()
        await watching.live()
        saved: list[Any] = []

        async def new(request: web.Request) -> web.StreamResponse:
            form = await request.json()
            peer.chats["k"] = {**row("k", ""), "chat": form["chat"], "title": "New Chat"}
            return ok(peer.chats["k"])

        async def save(request: web.Request) -> web.StreamResponse:
            form = await request.json()
            saved.append(form["chat"])
            peer.chats["k"]["chat"] |= form["chat"]
            return ok(peer.chats["k"])

        async def completed(request: web.Request) -> web.StreamResponse:
            form = await request.json()
            form["messages"][-1]["content"] += " (filtered)"
            return ok(form)

        async def complete(request: web.Request) -> web.StreamResponse:
            form = await request.json()
            assert form["chat_id"] == "k"
            assert form["parent_id"] != form["id"]
            assert "user_message" not in form
            return ok({"status": True, "task_id": "t"})

        peer.hooks["POST /api/v1/chats/new"] = new
        peer.hooks["POST /api/v1/chats/k"] = save
        peer.hooks["POST /api/chat/completed"] = completed
        peer.hooks["POST /api/chat/completions"] = complete
        chat = await asking.new_chat("why?", "m", message_id="q", turn_id="a")
        other = watching.chat("k")
        await other.open()
        for text in ("because", "because of it"):
            await peer.emit("events", event("k", "a", "chat:completion", {"content": text}))
        await peer.emit(
            "events", event("k", "a", "chat:completion", {"done": True, "content": "because of it"})
        )
        await until(lambda: saved)
        await until(lambda: other.turns()[-1].done)
        assert peer.count("POST /api/chat/completed") == 1
        assert len(saved) == 1
        assert saved[0]["history"]["messages"]["a"]["content"] == "because of it (filtered)"
        assert chat.turns()[-1].content == "because of it (filtered)"
        assert chat.turns()[-1].original_content == "because of it"


async def test_after_a_reconnect_a_shown_chat_has_its_end() -> None:
    """The end came while the link was down; the document tells it."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "", done=False)
        peer.tasks["k"] = ["t"]
        await client.live()
        client.open_window().show_chat("k")
        chat, changes = client.chat("k"), list[Any]()
        await chat.open()
        await peer.emit("events", event("k", "a", "response:completion", piece("half of")))
        await until(lambda: chat.turns()[-1].content == "half of")
        chat.subscribe(changes.append)
        peer.chats["k"] = row("k", "half of it")
        peer.tasks.clear()
        peer.cut()
        await until(lambda: client.link.value.state is not LinkState.LIVE)
        await client.live()
        assert chat.turns()[-1].content == "half of it"
        assert not chat.running
        assert changes == [ChatReset(), RunningChanged(False)]


async def test_the_lists_title_and_activity_follow_the_events() -> None:
    """A title changes in place; an unknown chat asks for the list."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "because")
        await client.live()
        chat = client.chat("k")
        assert chat.title == "A title"
        await peer.emit("events", event("k", "a", "chat:title", "Another"))
        await until(lambda: chat.title == "Another")
        await peer.emit("events", event("k", "a", "chat:active", {"active": True}))
        await until(lambda: client.chats.value[0].active)
        peer.chats["n"] = {**row("n", ""), "updated_at": 9}
        await peer.emit("events", event("n", "a", "chat:list", {"chat_id": "n"}))
        await until(lambda: [entry.id for entry in client.chats.value] == ["n", "k"])


async def test_a_slow_document_does_not_undo_what_was_streamed_meanwhile() -> None:
    """W-16 for chats: pieces that come while the document is under way are kept."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "", done=False)
        peer.tasks["k"] = ["t"]
        await client.live()
        chat = client.chat("k")
        await chat.open()
        started, go = asyncio.Event(), asyncio.Event()

        async def slow(request: web.Request) -> web.StreamResponse:
            answer = await peer.answer(request)
            started.set()
            await go.wait()
            return answer

        peer.hooks["GET /api/v1/chats/k"] = slow
        again = asyncio.create_task(chat.refresh())
        await started.wait()
        for text in ("one ", "two"):
            await peer.emit("events", event("k", "a", "response:completion", piece(text)))
        await until(lambda: chat.turns()[-1].content == "one two")
        go.set()
        await again
        assert chat.turns()[-1].content == "one two"
        assert chat.running


async def test_pieces_that_come_during_the_first_load_are_kept() -> None:
    """W-16 for chats: nothing is held yet, so they wait for the document."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "", done=False)
        peer.tasks["k"] = ["t"]
        await client.live()
        before = client.counts.typed

        async def slow(request: web.Request) -> web.StreamResponse:
            answer = await peer.answer(request)
            for text in ("one ", "two"):
                await peer.emit("events", event("k", "a", "response:completion", piece(text)))
            await until(lambda: client.counts.typed >= before + 2)
            return answer

        peer.hooks["GET /api/v1/chats/k"] = slow
        await client.chat("k").open()
        assert client.chat("k").turns()[-1].content == "one two"


async def test_a_document_that_has_less_does_not_take_away_what_was_streamed() -> None:
    """Open WebUI stores an answer at its end only: fetching meanwhile brings an empty one."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "", done=False)
        peer.tasks["k"] = ["t"]
        await client.live()
        chat = client.chat("k")
        await chat.open()
        await peer.emit("events", event("k", "a", "response:completion", piece("one ")))
        await until(lambda: chat.turns()[-1].content == "one ")
        await chat.refresh()
        await peer.emit("events", event("k", "a", "response:completion", piece("two")))
        await until(lambda: chat.turns()[-1].content == "one two")
