"""What stands beside an answer's text; temporary chats; rooms, presence, reading; pins, folders and tags."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from tests.client.chats.chatting import (
    WORDS,
    document,
    event,
    heard,
    message,
    one_turn,
    piece,
    saving,
    taking_questions,
)
from tests.client.hands import QUICK, HandClock
from tests.client.peer import Peer, no, ok, serving, until

from antiphon import Client
from antiphon.client import LinkState
from antiphon.client.chats.chat_list import unread
from antiphon.client.chats.people import ChatPeople
from antiphon.client.clock import Delays
from antiphon.wire import ChatTyping, Presence, parse_event


async def opened(peer: Peer, client: Client) -> Any:
    """Give a chat with one turn."""
    peer.chats["k"] = one_turn()
    await client.live()
    chat = client.chat("k")
    await chat.open()
    return chat


async def lose_and_find(peer: Peer, client: Client) -> None:
    """Cut the link and wait until it is live again."""
    peer.cut()
    await until(lambda: client.link.value.state is not LinkState.LIVE)
    await client.live()


# Beside the text


@pytest.mark.parametrize(("kind", "name"), [("files", "files"), ("embeds", "embeds")])
async def test_files_and_embeds_stand_as_a_reload_would_show_them(kind: str, name: str) -> None:
    """W-49: the server puts new ones before the old ones; only what says so takes their place."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat = await opened(peer, client)
        one, two, three = ({"url": f"/{number}"} for number in range(3))
        await heard(client, peer, event("k", "a", kind, {name: [one]}))
        await heard(client, peer, event("k", "a", kind, {name: [two]}))
        assert getattr(chat.turn("a"), name) == [two, one]
        whole = event("k", "a", f"chat:message:{name}", {name: [three]})
        if kind == "embeds":
            whole = event("k", "a", kind, {name: [three], "replace": True})
        await heard(client, peer, whole)
        assert getattr(chat.turn("a"), name) == [three]


async def test_what_a_document_has_already_is_not_added_once_more() -> None:
    """W-16: steps, files and sources that came while the document was under way."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat = await opened(peer, client)
        step, file, source = {"description": "Searching"}, {"url": "/1"}, {"source": {"name": "s"}}

        async def slow(request: web.Request) -> web.StreamResponse:
            peer.hooks.clear()
            await heard(
                client,
                peer,
                event("k", "a", "status", step),
                event("k", "a", "files", {"files": [file]}),
                event("k", "a", "source", {**source, "document": [], "metadata": []}),
                event("k", "a", "message", {"content": " of it"}),
            )
            stored = {**source, "document": [], "metadata": []}
            peer.chats["k"] = one_turn(
                answer="because of it", statusHistory=[step], files=[file], sources=[stored]
            )
            return await peer.answer(request)

        peer.hooks["GET /api/v1/chats/k"] = slow
        await chat.refresh()
        turn = chat.turn("a")
        assert turn.content == "because of it"
        assert (turn.status_history, turn.files, len(turn.sources)) == ([step], [file], 1)


async def test_everything_beside_the_text_is_held() -> None:
    """Steps, sources, code runs by their id, follow-ups, usage, the model that was chosen, voice, tasks."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat = await opened(peer, client)
        run = {"type": "code_execution", "id": "e1", "name": "run", "code": "print(1)"}
        await heard(
            client,
            peer,
            event("k", "a", "status", {"description": "Searching", "done": False}),
            event("k", "a", "status", {"description": "Searched", "done": True}),
            event("k", "a", "source", {"source": {"name": "s"}, "document": [], "metadata": []}),
            event("k", "a", "citation", run),
            event("k", "a", "citation", {**run, "result": {"output": "1"}}),
            event("k", "a", "chat:message:follow_ups", {"follow_ups": ["More?"]}),
            event("k", "a", "chat:completion", {"usage": {"total_tokens": 3}}),
            event("k", "a", "chat:completion", {"selected_model_id": "chosen"}),
            event("k", "a", "chat:message:voice", {"voice": {"id": "v"}}),
            event("k", "a", "chat:message:favorite", {"favorite": True}),
            event("k", "a", "chat:message:tasks", {"tasks": [{"content": "do"}]}),
            event("k", "a", "context_compaction", {"done": True, "checkpoint_message_id": "q",
                                                   "context_summary": "in short"}),
        )  # fmt: skip
        turn = chat.turn("a")
        assert [step["description"] for step in turn.status_history] == ["Searching", "Searched"]
        assert len(turn.sources) == 1
        assert [each["result"] for each in turn.code_executions] == [{"output": "1"}]
        assert turn.follow_ups == ["More?"]
        assert turn.usage == {"total_tokens": 3}
        assert turn.selected_model_id == "chosen"
        assert turn.meta == {"voice": {"id": "v"}}
        assert turn.favorite
        assert chat.row.value.tasks == [{"content": "do"}]
        assert chat.compaction.value.done
        assert chat.turn("q").dump()["contextSummary"] == "in short"


async def test_outlet_filters_keep_what_was_written_before() -> None:
    """`chat:outlet` (0.12.4) pushes what filters made of the messages."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat = await opened(peer, client)
        changed = {"messages": [{"id": "a", "content": "BECAUSE"}, {"id": "q", "content": "why?"}]}
        await heard(client, peer, event("k", "a", "chat:outlet", changed))
        assert (chat.turn("a").content, chat.turn("a").original_content) == ("BECAUSE", "because")
        assert chat.turn("q").original_content is None


# Temporary chats


async def test_a_temporary_chat_keeps_its_id_over_a_reconnect_and_is_stored_nowhere() -> None:
    """W-53: its id is not the connection's, and two of them are two."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        asked = taking_questions(peer)
        chat, other = client.temporary_chat(), client.temporary_chat()
        assert chat.id != other.id
        await chat.ask("psst", "m", turn_id="a1")
        done = {"done": True, "content": "yes"}
        await heard(client, peer, event(chat.id, "a1", "chat:completion", done))
        before = chat.id
        await lose_and_find(peer, client)
        await chat.ask("again", turn_id="a2")
        assert chat.id == before
        assert [form["chat_id"] for form in asked] == [before, before]
        assert asked[0]["session_id"] != asked[1]["session_id"]
        assert [m["content"] for m in asked[1]["messages"]] == ["psst", "yes", "again"]
        assert not any(before in where for where in peer.requests if where.startswith("GET /api/v1/chats/"))
        assert chat.turns()[1].content == "yes"


async def test_events_of_another_windows_temporary_chat_change_nothing() -> None:
    """W-54: no list is asked for again because of it."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        before = peer.count("GET /api/v1/chats/")
        await heard(
            client,
            peer,
            event("local:x", "a", "chat:active", {"active": True}),
            event("local:x", "a", "chat:title", "Secret"),
            event("temporary:x", "a", "chat:list", {"chat_id": "temporary:x"}),
        )
        await lose_and_find(peer, client)
        assert peer.count("GET /api/v1/chats/") == before + 1


async def test_an_answer_of_a_temporary_chat_whose_end_was_missed_says_so() -> None:
    """No document has it: it does not run for ever, and an end that comes after all is taken."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        taking_questions(peer)
        chat = client.temporary_chat()
        await chat.ask("psst", "m", turn_id="a1")
        await heard(client, peer, event(chat.id, "a1", "response:completion", piece("one ")))
        await lose_and_find(peer, client)
        assert not chat.running
        assert "broke" in chat.turns()[-1].error["content"]
        assert chat.turns()[-1].content == "one "
        done = {"done": True, "content": "one two"}
        await heard(client, peer, event(chat.id, "a1", "chat:completion", done))
        assert (chat.turns()[-1].content, chat.turns()[-1].error) == ("one two", None)


async def test_a_temporary_answer_that_the_server_cannot_stop_is_over_here() -> None:
    """0.12.4 finds such a chat by its first connection alone."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        taking_questions(peer)
        chat = client.temporary_chat()
        await chat.ask("psst", "m", turn_id="a1")
        await heard(client, peer, event(chat.id, "a1", "response:completion", piece(WORDS[0])))
        await chat.stop()
        assert not chat.running
        await heard(client, peer, event(chat.id, "a1", "response:completion", piece(WORDS[1])))
        assert chat.turns()[-1].content == WORDS[0]


async def test_a_temporary_answer_of_the_old_dialect_is_stopped_by_its_task() -> None:
    """0.6.41 lists no tasks of a chat that it does not store, but names the one that it began."""
    async with (
        serving(release="0.6.41") as peer,
        Client(peer.url, token="token-me", delays=QUICK) as client,
    ):
        await client.live()

        async def complete(_: web.Request) -> web.StreamResponse:
            return ok({"status": True, "task_id": "t1"})

        async def stop(_: web.Request) -> web.StreamResponse:
            return ok({"status": True, "message": "stopped"})

        peer.hooks |= {"POST /api/chat/completions": complete, "POST /api/tasks/stop/t1": stop}
        chat = client.temporary_chat()
        await chat.ask("psst", "m", turn_id="a1")
        await chat.stop()
        assert peer.count("POST /api/tasks/stop/t1") == 1
        assert peer.count("POST /api/v1/chats/new") == 0
        cancel = {"chat_id": chat.id, "message_id": "a1", "data": {"type": "chat:tasks:cancel"}}
        await heard(client, peer, cancel)
        assert not chat.running


# Rooms, people, reading


def said(peer: Peer, chat_id: str) -> list[str]:
    """Give what was said about a chat."""
    return [
        data["data"]["type"]
        for name, data in peer.said
        if name == "events:chat" and data["chat_id"] == chat_id
    ]


async def test_a_chat_on_screen_is_joined_again_after_a_reconnect_and_left_in_the_end() -> None:
    """A new connection is in no room."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await opened(peer, client)
        window = client.open_window()
        window.show_chat("k")
        await until(lambda: said(peer, "k") == ["join"])
        await lose_and_find(peer, client)
        await until(lambda: said(peer, "k") == ["join", "join"])
        window.show_nothing()
        await until(lambda: said(peer, "k")[-1] == "leave")


async def test_a_chat_is_read_when_looked_at_and_when_its_answer_ends_there() -> None:
    """And once more when the person turns away; 0.6.41 knows none of it."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await opened(peer, client)
        window = client.open_window()
        window.show_chat("k")
        window.focus(True)
        await until(lambda: said(peer, "k") == ["join", "last_read_at"])
        await heard(
            client,
            peer,
            event("k", "a", "chat:active", {"active": True}),
            event("k", "a", "chat:completion", {"done": True, "content": "because"}),
        )
        await until(lambda: said(peer, "k").count("last_read_at") == 2)
        window.focus(False)
        await until(lambda: said(peer, "k").count("last_read_at") == 3)
    async with (
        serving(release="0.6.41") as peer,
        Client(peer.url, token="token-me", delays=QUICK) as client,
    ):
        await opened(peer, client)
        window = client.open_window()
        window.show_chat("k")
        window.focus(True)
        await lose_and_find(peer, client)
        assert said(peer, "k") == []


def test_who_types_in_a_shared_chat_stops_after_a_while_or_by_leaving() -> None:
    """Each person has one timer, and none is left."""
    clock = HandClock()
    people = ChatPeople(clock, Delays())
    typing = parse_event(
        "events",
        event("k", None, "typing", {"typing": True}, user={"id": "ann", "name": "Ann"}, shared=True),
    )
    assert isinstance(typing, ChatTyping)
    people.typed(typing, "me")
    people.typed(typing, "me")
    assert [person.name for person in people.typing.value] == ["Ann"]
    assert people.timers == 1
    clock.advance(6)
    assert people.typing.value == ()
    people.typed(typing, "me")
    people.typed(typing, "ann")
    nobody = parse_event("events", event("k", None, "chat:presence", {"users": []}, shared=True))
    assert isinstance(nobody, Presence)
    people.came_and_went(nobody)
    assert people.typing.value == ()
    assert people.timers == 0


async def test_a_chat_whose_access_was_taken_away_runs_no_longer() -> None:
    """`chat:access`: it is looked for, and is not there."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = document(
            "k", [message("q", None, "?", "a"), message("a", "q", "", done=False)], "a"
        )
        peer.tasks["k"] = ["t"]
        await client.live()
        chat = client.chat("k")
        await chat.open()
        assert chat.running
        users = {"users": [{"id": "ann", "name": "Ann"}]}
        await heard(client, peer, event("k", None, "chat:presence", users, shared=True))
        assert [person.name for person in chat.viewers.value] == ["Ann"]

        async def gone(_: web.Request) -> web.StreamResponse:
            return no(401, "We could not find what you're looking for :/")

        peer.hooks["GET /api/v1/chats/k"] = gone
        await peer.emit("events", event("k", None, "chat:access", {}, shared=True))
        await until(lambda: not chat.running)
        assert chat.viewers.value == ()
        assert client.link.value.state is LinkState.LIVE


# The list


async def test_pinned_chats_and_folders_stand_beside_the_list() -> None:
    """Where a server has none of it, that is as good as none."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        pinned = [{"id": "p", "title": "Kept", "updated_at": 5, "created_at": 1, "pinned": True}]
        folders = [
            {"id": "f", "name": "work", "unread_count": 1, "created_at": 1, "updated_at": 1},
            {"id": "g", "name": "Art", "unread_count": 0, "created_at": 1, "updated_at": 1},
        ]

        async def give_pinned(_: web.Request) -> web.StreamResponse:
            return ok(pinned)

        async def give_folders(_: web.Request) -> web.StreamResponse:
            return ok(folders)

        await client.live()
        assert (client.pinned_chats.value, client.folders.value) == ((), ())
        asked = peer.count("GET /api/v1/folders/")
        await lose_and_find(peer, client)
        assert peer.count("GET /api/v1/folders/") == asked
    async with serving() as peer:
        peer.hooks |= {"GET /api/v1/chats/pinned": give_pinned, "GET /api/v1/folders/": give_folders}
        async with Client(peer.url, token="token-me", delays=QUICK) as client:
            await client.live()
            assert [entry.id for entry in client.pinned_chats.value] == ["p"]
            assert [folder.name for folder in client.folders.value] == ["Art", "work"]
            news = {"chat_id": "p", "last_read_at": 4, "folder_unread_counts": {"f": 0, "g": 2}}
            await heard(
                client,
                peer,
                event("p", "a", "chat:title", "Kept well"),
                event("p", None, "chat:list", news),
            )
            assert [folder.unread_count for folder in client.folders.value] == [2, 0]
            entry = client.pinned_chats.value[0]
            assert (entry.title, entry.last_read_at, unread(entry)) == ("Kept well", 4, True)


async def test_pins_archives_folders_and_tags_are_set_as_wanted() -> None:
    """The server only turns pins and archives over: what is so already is left alone."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat = await opened(peer, client)
        row = peer.chats["k"]

        async def is_pinned(_: web.Request) -> web.StreamResponse:
            return ok(row.get("pinned"))

        async def pin(_: web.Request) -> web.StreamResponse:
            row["pinned"] = not row.get("pinned")
            return ok(row)

        async def archive(_: web.Request) -> web.StreamResponse:
            row["archived"] = not row.get("archived")
            return ok(row)

        async def move(request: web.Request) -> web.StreamResponse:
            row["folder_id"] = (await request.json())["folder_id"]
            return ok(row)

        tags = list[dict[str, Any]]()

        async def tag(request: web.Request) -> web.StreamResponse:
            name = (await request.json())["name"]
            if request.method == "POST":
                tags.append({"id": name.lower(), "name": name})
            else:
                tags[:] = [each for each in tags if each["name"] != name]
            return ok(tags)

        peer.hooks |= {
            "GET /api/v1/chats/k/pinned": is_pinned,
            "POST /api/v1/chats/k/pin": pin,
            "POST /api/v1/chats/k/archive": archive,
            "POST /api/v1/chats/k/folder": move,
            "POST /api/v1/chats/k/tags": tag,
            "DELETE /api/v1/chats/k/tags": tag,
        }
        await chat.pin()
        await chat.pin()
        assert chat.row.value.pinned
        assert peer.count("POST /api/v1/chats/k/pin") == 1
        await chat.archive(False)
        assert peer.count("POST /api/v1/chats/k/archive") == 0
        await chat.archive()
        assert chat.row.value.archived
        await chat.move("f")
        assert chat.row.value.folder_id == "f"
        assert [each.name for each in await chat.add_tag("Physics")] == ["Physics"]
        assert await chat.remove_tag("Physics") == ()
        saving(peer)
