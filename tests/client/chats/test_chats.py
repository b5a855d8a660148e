"""Chats over a real connection: asking, streaming, gaps, two windows, both dialects."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from aiohttp import web
from tests.client.chats.chat_pieces import completing, event, lose_and_find, piece, row
from tests.client.hands import QUICK
from tests.client.peer import no, ok, serving, until

from antiphon import Client, Rejected, SignedOut
from antiphon.client.chats.turns import RunningChanged, TurnAdded, TurnChanged


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
            peer.tasks["k"] = ["t"]
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


async def test_a_repeated_question_asks_nothing_and_loses_nothing() -> None:
    """A page that was not answered sends the same ids again; what the answer has so far stays."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        completing(peer, [{"kind": "response:completion", "data": piece("so far")}], client)
        chat = await client.new_chat("why?", "m", message_id="q", turn_id="a")
        await until(lambda: chat.turns()[-1].content == "so far")
        await chat.ask("why?", "m", message_id="q", turn_id="a")
        assert chat.turns()[-1].content == "so far"
        assert peer.count("POST /api/chat/completions") == 1
        assert len(chat.turns()) == 2


async def test_a_question_that_failed_stays_on_screen_and_can_be_asked_again() -> None:
    """Nothing typed is lost in silence: the document does not have it, and does not take it away."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "because")
        await client.live()
        chat = client.chat("k")
        client.open_window().show_chat("k")
        await chat.open()

        async def refuse(_: web.Request) -> web.StreamResponse:
            return no(400, "No such model")

        peer.hooks["POST /api/chat/completions"] = refuse
        with pytest.raises(Rejected):
            await chat.ask("and now?", "m", message_id="q2", turn_id="a2")
        await lose_and_find(peer, client)
        assert [turn.content for turn in chat.turns()] == ["why?", "because", "and now?", ""]
        assert chat.turns()[-1].error == {"content": "No such model"}
        completing(peer, [])
        await chat.ask("and now?", "m", message_id="q2", turn_id="a2")
        assert chat.running
        assert chat.turns()[-1].error is None
        assert chat.turns()[-1].parent_id == "q2"


async def test_a_chat_that_is_deleted_elsewhere_runs_no_longer() -> None:
    """Its end would never be told."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "", done=False)
        peer.tasks["k"] = ["t"]
        await client.live()
        chat = client.chat("k")
        client.open_window().show_chat("k")
        await chat.open()
        assert chat.running
        peer.chats.pop("k")
        await lose_and_find(peer, client)
        assert not chat.running


async def test_a_refetch_that_fails_is_made_again() -> None:
    """The server stumbles just when the end is asked for: the answer does not run for ever."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "", done=False)
        peer.tasks["k"] = ["t"]
        await client.live()
        chat = client.chat("k")
        await chat.open()
        failures = [None, None]

        async def stumbling(request: web.Request) -> web.StreamResponse:
            if failures:
                failures.pop()
                return no(500, "oops")
            return await peer.answer(request)

        peer.chats["k"] = row("k", "because")
        peer.hooks["GET /api/v1/chats/k"] = stumbling
        await peer.emit("events", event("k", "a", "chat:active", {"active": False}))
        await until(lambda: not chat.running)
        assert chat.turns()[-1].content == "because"


async def test_new_tags_are_fetched() -> None:
    """The event names the chat, not the tags: they are asked for."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        assert client.tags.value == ()

        async def tags(_: web.Request) -> web.StreamResponse:
            return ok([{"id": "physics", "name": "Physics", "user_id": "me"}])

        peer.hooks["GET /api/v1/chats/all/tags"] = tags
        await peer.emit("events", event("k", "a", "chat:tags", ["Physics"]))
        await until(lambda: [tag.name for tag in client.tags.value] == ["Physics"])


async def test_an_answer_is_read_as_it_grows_and_its_end_ends_the_reading() -> None:
    """`stream` gives the whole answer each time; a reader that is slow skips steps and misses nothing."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        completing(peer, [{"kind": "response:completion", "data": piece("one ")}], client)
        chat = await client.new_chat("count", "m", message_id="q", turn_id="a")
        seen: list[str] = []
        async for turn in chat.stream():
            seen.append(turn.content)
            if turn.content == "one ":
                await peer.emit("events", event("new", "a", "response:completion", piece("two ")))
                await peer.emit("events", event("new", "a", "response:completion", piece("three")))
            elif not turn.done:
                done = {"done": True, "content": "one two three"}
                await peer.emit("events", event("new", "a", "chat:completion", done))
        assert seen[-1] == "one two three"
        assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(seen))
        last = await chat.finished()
        assert last is not None
        assert last.done
        assert chat.subscribers == 0


async def test_whoever_waits_for_an_answer_is_told_of_the_sign_out() -> None:
    """An answer that can no longer come is an error, not a wait without end."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        completing(peer, [])
        chat = await client.new_chat("count", "m")
        waiting = asyncio.ensure_future(chat.finished())
        await until(lambda: chat.subscribers == 1)
        await client.sign_out()
        with pytest.raises(SignedOut):
            await waiting


def entries(*numbers: int) -> list[dict[str, Any]]:
    """Build entries of the list, newest first for growing numbers."""
    return [
        {"id": f"k{n:03}", "title": f"Chat {n}", "updated_at": 1000 - n, "created_at": 1} for n in numbers
    ]


async def test_further_pages_of_chats_are_fetched_when_wanted_and_kept_true() -> None:
    """Sixty a page; what was fetched is fetched again after a loss, and what goes meanwhile is gone."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        held = list(range(150))

        async def pages(request: web.Request) -> web.StreamResponse:
            number = int(request.query["page"])
            return ok(entries(*held[(number - 1) * 60 : number * 60]))

        peer.hooks["GET /api/v1/chats/"] = pages
        await client.live()
        assert (len(client.chats.value), client.has_more_chats) == (60, True)
        # Three chats went meanwhile, so that the next page begins three further on.
        del held[10:13]
        assert await client.load_more_chats()
        assert {f"k{n:03}" for n in held[:120]} <= {entry.id for entry in client.chats.value}
        assert not await client.load_more_chats()
        await lose_and_find(peer, client)
        assert [entry.id for entry in client.chats.value] == [f"k{n:03}" for n in held]
        assert not client.has_more_chats


async def test_a_title_that_comes_while_the_list_is_under_way_stays() -> None:
    """W-16 for the list of chats: a list that is older than an event does not undo it."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "because")
        await client.live()
        before = client.counts.typed

        async def slow(request: web.Request) -> web.StreamResponse:
            answer = await peer.answer(request)
            peer.hooks.pop("GET /api/v1/chats/")
            await peer.emit("events", event("k", "a", "chat:title", "A better title"))
            await until(lambda: client.counts.typed > before)
            return answer

        peer.hooks["GET /api/v1/chats/"] = slow
        await client._parts.catch_up.fetch_chats()
        assert [entry.title for entry in client.chats.value] == ["A better title"]
