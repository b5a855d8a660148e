"""Many things at the same moment: each counts once, and everyone hears the stored order."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.server.raw import eventually
from tests.server.runs.talking import Talk, form, talking, window_of
from tests.server.serving import Person, Server, Socket

from antiphon.server.storage.tables.channels import (
    access_grants,
    channel_members,
    messages,
    reactions,
)

CHANNEL = "events:channel"
ASK = "/api/chat/completions"


def about(window: Socket, channel: str) -> list[dict[str, Any]]:
    """What a window heard about one channel, in order."""
    return [payload for payload in window.of(CHANNEL) if payload.get("channel_id") == channel]


async def test_twenty_people_hear_the_same_in_the_same_order(server: Server, admin: Person) -> None:
    """They all write, react and edit at once; each message comes once, and in the order of the history."""
    people = [admin, *(await asyncio.gather(*(server.sign_up(f"Person{n}") for n in range(19))))]
    general = await admin.general()
    windows = await asyncio.gather(*(person.connect() for person in people))

    async def talk(person: Person) -> None:
        path = f"/api/v1/channels/{general}/messages"
        for number in range(5):
            said = await person.say(general, f"{person.id} {number}", temp_id=f"{person.id} {number}")
            await person.post(f"{path}/{said['id']}/reactions/add", {"name": "wave"})
            await person.post(f"{path}/{said['id']}/update", {"content": f"{person.id} {number} again"})

    await asyncio.gather(*(talk(person) for person in people))
    for window in windows:
        await window.next(CHANNEL, "message:update", count=100)
    heard = [
        [(one["data"]["type"], one["message_id"]) for one in about(window, general)] for window in windows
    ]
    assert all(one == heard[0] for one in heard)
    assert len(heard[0]) == 300
    history = await admin.get(f"/api/v1/channels/{general}/messages?limit=200")
    posted = [message for kind, message in heard[0] if kind == "message"]
    assert posted == [message["id"] for message in reversed(history)]
    assert all(one["created_at"] > other["created_at"] for one, other in pairwise(history))
    assert all(one["content"].endswith("again") and one["reactions"][0]["count"] == 1 for one in history)


async def test_two_devices_at_once_leave_what_was_told_last(server: Server, bob: Person) -> None:
    """Edits, reactions and pins of one message from both: the last event says what is stored."""
    general = await bob.general()
    windows = [await bob.connect(), await bob.connect()]
    root = (await bob.say(general, "first"))["id"]
    path = f"/api/v1/channels/{general}/messages/{root}"
    await asyncio.gather(
        *(bob.post(f"{path}/update", {"content": f"edit {n}", "data": {f"k{n}": n}}) for n in range(10)),
        *(bob.post(f"{path}/reactions/add", {"name": f"r{n % 3}"}) for n in range(10)),
        *(bob.post(f"{path}/pin", {"is_pinned": bool(n % 2)}) for n in range(10)),
    )
    stored = await bob.get(path)
    assert stored["data"] == {f"k{n}": n for n in range(10)}
    assert sorted(one["name"] for one in stored["reactions"]) == ["r0", "r1", "r2"]
    for window in windows:
        await window.next(CHANNEL, "message:update", count=20)
        assert len(window.of(CHANNEL, "message:reaction:add")) == 3
        last = window.of(CHANNEL, "message:update")[-1]["data"]["data"]
        assert (last["content"], last["data"], last["is_pinned"]) == (
            stored["content"],
            stored["data"],
            stored["is_pinned"],
        )
    assert windows[0].of(CHANNEL) == windows[1].of(CHANNEL)


async def test_one_key_from_two_connections_is_one_message(server: Server, bob: Person, cleo: Person) -> None:
    """Two devices send the same `temp_id` at once, as an answer too: one row, one event, one answer."""
    general = await bob.general()
    window = await cleo.connect()
    root = (await bob.say(general, "root"))["id"]
    for key, more in (("a", {}), ("b", {"reply_to_id": root}), ("c", {"parent_id": root})):
        said = await asyncio.gather(*(bob.say(general, "x", temp_id=key, **more) for _ in range(8)))
        assert len({one["id"] for one in said}) == 1
    await cleo.say(general, "the end")
    await window.next(CHANNEL, "message", count=5)
    assert [one["data"]["data"]["temp_id"] for one in window.of(CHANNEL, "message")] == [
        None, "a", "b", "c", None,
    ]  # fmt: skip


async def test_a_channel_that_goes_while_posts_come_leaves_nothing(server: Server, admin: Person) -> None:
    """Each post is stored before or refused after; the last that anyone hears is that the channel is gone."""
    bob = await server.sign_up("Bob")
    channel = (await admin.post("/api/v1/channels/create", {"name": "short"}))["id"]
    window = await bob.connect()

    async def post(number: int) -> int:
        path = f"/api/v1/channels/{channel}/messages/post"
        return (await bob.ask("POST", path, {"content": str(number)})).status

    posting = [asyncio.create_task(post(number)) for number in range(30)]
    await window.next(CHANNEL, "message")
    changing = [
        asyncio.create_task(
            admin.ask("POST", f"/api/v1/channels/{channel}/update", {"name": "x", "access_grants": grants})
        )
        for grants in ([], [{"principal_type": "user", "principal_id": bob.id, "permission": "write"}])
    ]
    assert await admin.delete(f"/api/v1/channels/{channel}/delete") is True
    answers = await asyncio.gather(*posting)
    assert set(answers) <= {200, 403, 404}
    assert {answer.status for answer in await asyncio.gather(*changing)} <= {200, 404}
    kinds = [one["data"]["type"] for one in about(window, channel)]
    assert kinds.count("message") <= answers.count(200)
    assert kinds[-1] == "channel:deleted"
    async with server.state.database.read() as connection:
        for table, column in (
            (messages, messages.c.channel_id),
            (channel_members, channel_members.c.channel_id),
            (access_grants, access_grants.c.resource_id),
        ):
            count = select(func.count()).select_from(table).where(column == channel)
            assert (await connection.execute(count)).scalar_one() == 0, table.name
        assert (await connection.execute(select(func.count()).select_from(reactions))).scalar_one() == 0


async def test_a_channel_that_goes_before_its_change_leaves_no_grant(server: Server, admin: Person) -> None:
    """The change waited for the writer while the channel was deleted."""
    channel = (await admin.post("/api/v1/channels/create", {"name": "short"}))["id"]
    state = server.state
    holding, let_go = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with state.database.write():
            holding.set()
            await let_go.wait()

    held = asyncio.create_task(hold())
    await holding.wait()
    deleting = asyncio.create_task(admin.delete(f"/api/v1/channels/{channel}/delete"))
    await eventually(server, lambda: len(state.database._writing._waiters or ()) == 1)
    grants = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    changing = asyncio.create_task(
        admin.ask("POST", f"/api/v1/channels/{channel}/update", {"access_grants": grants})
    )
    await eventually(server, lambda: len(state.database._writing._waiters or ()) == 2)
    let_go.set()
    await held
    assert await deleting is True
    assert (await changing).status == 404
    async with state.database.read() as connection:
        count = select(func.count()).select_from(access_grants).where(access_grants.c.resource_id == channel)
        assert (await connection.execute(count)).scalar_one() == 0


@pytest.fixture
async def talk(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server with a provider, and somebody with an open window."""
    monkeypatch.setenv("ANTIPHON_ELIZA_DELAY", "0")
    async with talking(tmp_path / "data") as one:
        yield one


@pytest.mark.parametrize("more", [{}, {"chat_id": "local:here"}])
async def test_one_turn_asked_many_times_at_once_is_one_run(talk: Talk, more: dict[str, Any]) -> None:
    """The turn's message id is the key, in a chat that is not stored too, and while models are fetched."""
    talk.server.state.providers._models = {}
    talk.server.state.providers._fetched_at = float("-inf")
    body = form("words", session_id=talk.window.sid, **more)
    answers = await asyncio.gather(*(talk.person.post(ASK, body) for _ in range(8)))
    assert len({(one["task_id"], one["chat_id"]) for one in answers}) == 1
    await talk.window.next("events", "chat:active", count=2)
    assert len(talk.provider.asked) == 1
    ends = [one for one in talk.window.of("events", "chat:completion") if one["data"]["data"].get("done")]
    assert len(ends) == 1


@pytest.mark.parametrize("pause", range(6))
async def test_a_stop_that_meets_the_end_tells_one_end(talk: Talk, pause: int) -> None:
    """Whichever is first: what is stored is what was told, and the chat goes quiet once."""
    asked = await talk.ask("words")
    for _ in range(pause):
        await talk.person.get("/health")
    answers = await asyncio.gather(
        *(talk.person.post(f"/api/tasks/chat/{asked.chat_id}/stop") for _ in range(3)),
        talk.person.post(f"/api/tasks/stop/{asked.task_id}"),
    )
    assert all(isinstance(answer["message"], str) for answer in answers)
    await asked.over()
    turn = await asked.turn()
    kinds = [event["type"] for event in asked.heard()]
    done = [one for one in asked.heard() if one["type"] == "chat:completion" and one["data"].get("done")]
    stopped = kinds.count("chat:tasks:cancel") // 2
    assert (turn["done"], len(done) + stopped) == (True, 1)
    assert turn["meta"]["state"] == ("stopped" if stopped else "done")
    assert [one for one in asked.heard() if one["type"] == "chat:active"][-1]["data"]["active"] is False
    assert kinds.count("chat:active") == 2


async def test_a_chat_that_goes_while_questions_come_leaves_no_run(talk: Talk) -> None:
    """Whoever asks is answered 200 or 404; afterwards nothing runs and nothing is stored of it."""
    asked = await talk.ask("held")
    await asked.until("response:completion")
    questions = [form("held", session_id=talk.window.sid, chat_id=asked.chat_id) for _ in range(6)]
    asking = [asyncio.create_task(talk.person.ask("POST", ASK, one)) for one in questions]
    assert await talk.person.delete(f"/api/v1/chats/{asked.chat_id}") is True
    assert {answer.status for answer in await asyncio.gather(*asking)} <= {200, 404}
    await eventually(talk.server, lambda: not talk.server.state.runs._tasks)
    assert (await talk.person.ask("GET", f"/api/v1/chats/{asked.chat_id}")).status == 404
    assert await talk.person.get("/api/tasks") == {"tasks": []}


async def test_signing_out_does_not_end_the_answer(talk: Talk) -> None:
    """The session's window is closed; the answer is written to its end, and another session finds it."""
    other = Person(talk.person.url, talk.person.http)
    other.session = await other.post(
        "/api/v1/auths/signin", {"email": "ada@example.com", "password": "a-good-password"}
    )
    asked = await talk.ask("held")
    await asked.until("response:completion", count=2)
    there = await window_of(other)
    talk.server.people.append(other)
    await talk.person.post("/api/v1/auths/signout")
    await talk.window.gone.wait()
    before = len(talk.window.heard)
    talk.provider.gate.set()
    await there.next("events", "chat:active")
    await eventually(talk.server, lambda: not talk.server.state.runs._tasks)
    messages_of = (await other.get(f"/api/v1/chats/{asked.chat_id}"))["chat"]["history"]["messages"]
    assert messages_of[asked.turn_id]["meta"]["state"] == "done"
    assert len(talk.window.heard) == before
