"""Every run ends in a stored state: stopped by its owner, interrupted by the server's end, or found cut."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from sqlalchemy import select, update
from tests.server.providers.provider import WORDS, providing
from tests.server.runs.talking import ALL_TASKS, Talk, form, talking, window_of
from tests.server.serving import serving

from antiphon.server.storage.tables.chats import chat_messages, runs

FIVE = "".join(WORDS[:5])


async def state_of_run(talk: Talk, run_id: str) -> tuple[str, str | None]:
    """State and reason as they are stored."""
    async with talk.server.state.database.read() as connection:
        row = (await connection.execute(select(runs.c.state, runs.c.reason).where(runs.c.id == run_id))).one()
    return row.state, row.reason


async def test_a_repeated_request_answers_the_same_and_starts_nothing(talk: Talk) -> None:
    """A turn's message id is an idempotency key: while it runs, after its end, and sent twice at once."""
    asked = await talk.ask("held")
    await asked.until("response:completion", type="response.output_text.delta")
    assert await talk.person.post("/api/chat/completions", asked.form) == asked.accepted
    talk.provider.gate.set()
    await asked.over()
    heard = len(asked.heard())
    assert await talk.person.post("/api/chat/completions", {**asked.form, "model": "gone"}) == asked.accepted
    twice = form("words", session_id=talk.window.sid)
    answers = await asyncio.gather(*(talk.person.post("/api/chat/completions", twice) for _ in range(4)))
    assert all(answer == answers[0] for answer in answers)
    await talk.window.next("events", "chat:active", count=4)
    assert len(talk.provider.asked) == 2
    assert len(asked.heard()) == heard
    assert len(await talk.person.get("/api/v1/chats/")) == 2


async def test_a_repeated_request_of_a_temporary_chat_starts_nothing(talk: Talk) -> None:
    """Also where nothing is stored."""
    asked = await talk.ask("words", chat_id="local:1")
    await asked.over()
    assert await talk.person.post("/api/chat/completions", asked.form) == asked.accepted
    assert len(talk.provider.asked) == 1


async def test_the_servers_end_interrupts_runs_within_a_second(tmp_path: Path) -> None:
    """Drained runs are stored as interrupted with their text, and say so to whoever still listens."""
    folder = tmp_path / "data"
    async with talking(folder) as talk:
        asked = [await talk.ask("held") for _ in range(3)]
        for one in asked:
            await one.until("response:completion", type="response.output_text.delta")
        began = time.monotonic()
        await talk.server.state.runs.drain()
        assert time.monotonic() - began < 1
        for one in asked:
            assert (await state_of_run(talk, one.task_id))[0] == "interrupted"
            await one.until("chat:message:error")
            turn = await one.turn()
            assert (turn["content"], turn["done"], turn["meta"]["state"]) == (FIVE, True, "interrupted")
            assert "server was stopped" in turn["error"]["content"]
        refused = await talk.person.ask("POST", "/api/chat/completions", form("words", session_id="x"))
        assert (refused.status, refused.detail) == (503, "The server is going down. Ask again in a moment.")


async def test_a_start_marks_the_runs_that_were_cut(tmp_path: Path) -> None:
    """A killed process could store no end: the next one does."""
    folder = tmp_path / "data"
    async with talking(folder) as talk:
        asked = await talk.ask("words")
        await asked.over()
        chat_id, turn_id, run_id = asked.chat_id, asked.turn_id, asked.task_id
        async with talk.server.state.database.write() as connection:
            await connection.execute(
                update(runs).where(runs.c.id == run_id).values(state="running", ended_at=None)
            )
            body = {"done": False, "meta": {"task_id": run_id, "state": "running"}}
            where = (chat_messages.c.chat_id == chat_id, chat_messages.c.id == turn_id)
            await connection.execute(update(chat_messages).where(*where).values(content="word0 ", body=body))
    async with providing() as provider, serving(folder, openai_api_base_urls=(provider.address,)) as server:
        person = await server.nobody.post(
            "/api/v1/auths/signin", {"email": "ada@example.com", "password": "a-good-password"}
        )
        headers = {"Authorization": f"Bearer {person['token']}"}
        chat = await server.nobody.get(f"/api/v1/chats/{chat_id}", headers=headers)
        turn = chat["chat"]["history"]["messages"][turn_id]
        assert (turn["content"], turn["done"], turn["meta"]["state"]) == ("word0 ", True, "interrupted")
        assert "server was stopped" in turn["error"]["content"]
        assert (await server.nobody.get("/api/tasks", headers=headers)) == {"tasks": []}


async def test_the_text_so_far_is_stored_before_it_is_told(talk: Talk) -> None:
    """W-51: with the throttle at zero, whatever a window has heard of is in the database by then."""
    from antiphon.server.runs import run

    seen: list[tuple[str, str]] = []
    emit = talk.server.state.live.emit

    async def look_first(event: str, payload: dict, room: str) -> None:  # type: ignore[type-arg]
        inner = payload["data"]
        if inner["type"] in {"response:completion", "chat:completion"}:
            async with talk.server.state.database.read() as connection:
                query = select(chat_messages.c.content).where(chat_messages.c.id == payload["message_id"])
                stored = (await connection.execute(query)).scalar_one()
            data = inner["data"]
            if "offset" in data:
                seen.append((stored, "x" * data["offset"] + data["delta"]))
            elif data.get("done"):
                seen.append((stored, data["output"][0]["content"][0]["text"]))
        await emit(event, payload, room)

    before = run.STORE_EVERY
    run.STORE_EVERY = -1.0
    talk.server.state.live.emit = look_first  # type: ignore[method-assign]
    try:
        asked = await talk.ask("words")
        await asked.over()
    finally:
        run.STORE_EVERY = before
    assert seen
    assert all(len(stored) >= len(told) for stored, told in seen)


async def test_tasks_are_listed_and_stopped_by_their_owner_or_an_administrator(talk: Talk) -> None:
    """W-73: nobody else sees or stops them, and the refusal is clear."""
    bob, eve = await talk.server.sign_up("Bob"), await talk.server.sign_up("Eve")
    window = await window_of(bob)
    body = form("held", session_id=window.sid)
    accepted = await bob.post("/api/chat/completions", body)
    (task_id,), chat_id = accepted["task_ids"], accepted["chat_id"]
    assert await bob.get("/api/tasks") == await talk.person.get("/api/tasks") == {"tasks": [task_id]}
    assert await eve.get("/api/tasks") == {"tasks": []}
    assert await eve.get(f"/api/tasks/chat/{chat_id}") == {"task_ids": []}
    refused = await eve.ask("POST", f"/api/tasks/stop/{task_id}")
    assert (refused.status, "do not have permission" in refused.detail) == (403, True)
    assert (await eve.post(f"/api/tasks/chat/{chat_id}/stop"))["status"] is True
    assert await bob.get(f"/api/tasks/chat/{chat_id}") == {"task_ids": [task_id]}
    assert (await talk.person.post(f"/api/tasks/stop/{task_id}"))["status"] is True
    assert await bob.get("/api/tasks") == {"tasks": []}
    assert await bob.post(f"/api/tasks/stop/{task_id}") == {
        "status": False,
        "message": f"Task with ID {task_id} not found.",
    }


async def test_a_run_in_line_is_queued_and_can_be_stopped(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """More runs than work at once wait, stored as queued, and a stop reaches them there."""
    monkeypatch.setenv("ANTIPHON_RUNS_AT_ONCE", "1")
    async with talking(tmp_path / "data") as talk:
        first = await talk.ask("held")
        await first.until("response:completion", type="response.output_text.delta")
        second, third = await talk.ask("words"), await talk.ask("words")
        assert (await state_of_run(talk, second.task_id))[0] == "queued"
        assert (await second.turn())["meta"]["state"] == "queued"
        await talk.person.post(f"/api/tasks/stop/{third.task_id}")
        assert (await state_of_run(talk, third.task_id))[0] == "stopped"
        talk.provider.gate.set()
        await second.over()
        assert (await state_of_run(talk, second.task_id)) == ("done", None)
        assert len(talk.provider.asked) == 2


async def test_deleting_a_chat_ends_its_run(talk: Talk) -> None:
    """Nothing goes on writing into a chat that is gone."""
    asked = await talk.ask("held")
    await asked.until("response:completion", type="response.output_text.delta")
    assert await talk.person.delete(f"/api/v1/chats/{asked.chat_id}") is True
    assert await talk.person.get("/api/tasks") == {"tasks": []}
    assert (await talk.person.ask("GET", f"/api/v1/chats/{asked.chat_id}")).status == 404


async def test_a_stop_during_the_background_tasks_keeps_the_answer(talk: Talk) -> None:
    """An answer that is done stays done."""
    asked = await talk.ask("words", background_tasks=ALL_TASKS)
    await asked.until("chat:completion", done=True)
    await talk.person.post(f"/api/tasks/chat/{asked.chat_id}/stop")
    await asked.over()
    assert (await asked.turn())["meta"]["state"] == "done"


async def test_bad_requests_are_refused_and_leave_no_trace(talk: Talk) -> None:
    """Unknown model, a chat of somebody else, a missing question, a wrong parent: each says what is wrong."""
    bob = await talk.server.sign_up("Bob")
    asked = await talk.ask("words")
    await asked.over()
    ask = "/api/chat/completions"
    window = {"session_id": talk.window.sid}
    for person, body, status, said in (
        (talk.person, form("nope", **window), 400, "Model not found"),
        (bob, form("words", chat_id=asked.chat_id, **window), 404, "could not find"),
        (talk.person, form("words", chat_id="nowhere", **window), 404, "could not find"),
        (
            talk.person,
            {**form("words", **window), "user_message": None, "messages": []},
            400,
            "begins with a question",
        ),
        (
            talk.person,
            {**form("words", chat_id=asked.chat_id, parent_id="x", **window), "user_message": None},
            400,
            "parent_id",
        ),
        (talk.person, {**form("words", **window), "id": "x" * 300}, 400, "between 1 and 256"),
        (
            talk.person,
            {**form("words", **window), "user_message": {"id": "q", "parentId": "x", "content": ""}},
            400,
            "follows 'x'",
        ),
        (talk.person, {**form("words", **window), "messages": "hello"}, 422, "messages"),
        (talk.person, {"session_id": "s", "id": "i"}, 422, "model"),
    ):
        answer = await person.ask("POST", ask, body)
        assert (answer.status, said in answer.detail) == (status, True), (answer, said)
    raw = await talk.person.ask(
        "POST", ask, None, data=b"{half", headers={"Content-Type": "application/json"}
    )
    assert raw.status == 422
    assert raw.detail.startswith("The body is not valid JSON: ")
    assert (await talk.server.nobody.ask("POST", ask, form("words", **window))).status == 401
    assert len(await talk.person.get("/api/v1/chats/")) == 1
    assert await bob.get("/api/v1/chats/") == []
    taken = {**form("words", chat_id=asked.chat_id, **window), "id": asked.form["user_message"]["id"]}
    assert (await talk.person.ask("POST", ask, taken)).status in {400, 409}
