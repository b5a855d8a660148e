"""Models that are called in a channel, and how everyone sees them answer."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import OperationalError
from tests.postgres import on_both_databases
from tests.server.providers.provider import WORDS
from tests.server.runs.clock import HandClock
from tests.server.runs.talking import Talk, talking, window_of
from tests.server.runs.test_turn_events import shape
from tests.server.serving import Person, serving

from antiphon.server.channels import replies
from antiphon.server.runs.reply import FRAME
from antiphon.server.storage.tables.channels import messages, model_replies
from antiphon.wire import Malformed, Unknown, parse_event

pytestmark = on_both_databases

CHANNEL = "events:channel"
TEXT = "".join(WORDS).strip()
FIVE = "".join(WORDS[:5])


def events(talk: Talk) -> list[dict[str, Any]]:
    """What the window heard of the channel so far."""
    return talk.window.of(CHANNEL)


async def until_done(talk: Talk, *, count: int = 1) -> list[dict[str, Any]]:
    """Wait for the ends of so many answers; gives the messages as the last events had them."""
    async with asyncio.timeout(10):
        while True:
            ends = [
                event["data"]["data"]
                for event in talk.window.of(CHANNEL, "message:update")
                if (event["data"]["data"]["meta"] or {}).get("done")
            ]
            if len(ends) >= count:
                return ends
            await talk.window.wait()


async def thread(person: Person, channel: str, root: str) -> list[dict[str, Any]]:
    """A thread as anyone reads it, the first message first, without its root."""
    found = await person.get(f"/api/v1/channels/{channel}/messages/{root}/thread")
    return [one for one in reversed(found) if one["id"] != root]


async def open_replies(talk: Talk) -> int:
    """How many answers the database holds as open."""
    async with talk.server.state.database.read() as connection:
        counted = await connection.execute(select(func.count()).select_from(model_replies))
        return int(counted.scalar_one())


async def test_a_mentioned_model_answers_in_the_thread_as_recorded(talk: Talk) -> None:
    """The message, the answer's place, the root's counters, then the answer as it grows, to its end; each
    with the keys and types that 0.12.4 sends.
    """
    general = await talk.person.general()
    asked = await talk.person.say(general, "<@M:held|held> say something", data={})
    await talk.window.next(CHANNEL, "message:update")
    talk.provider.gate.set()
    await until_done(talk)
    heard = events(talk)
    kinds = [event["data"]["type"] for event in heard]
    assert kinds[:3] == ["message", "message", "message:reply"]
    assert set(kinds[3:]) == {"message:update"}
    lines = (Path(__file__).parents[2] / "fixtures/open-webui-0.12.4/events.jsonl").read_text().splitlines()
    recorded = [
        one["data"]
        for one in map(json.loads, lines)
        if (one["step"], one["client"]) == ("model mention in the channel", "user1")
    ]
    assert len(recorded) == 5
    for ours, theirs in zip([*heard[:4], heard[-1]], recorded, strict=True):
        assert shape(ours["data"]["data"]) == shape(theirs["data"]["data"])
        assert ("channel" in ours, "user" in ours) == ("channel" in theirs, "user" in theirs)
    for event in heard:
        assert not isinstance(parse_event(CHANNEL, event), Unknown | Malformed)
    place = heard[1]["data"]["data"]
    assert (place["content"], place["parent_id"]) == ("", asked["id"])
    assert place["meta"] == {"model_id": "held", "model_name": "held"}
    assert FIVE.startswith(heard[3]["data"]["data"]["content"])
    assert heard[2]["data"]["data"]["reply_count"] == 1

    (stored,) = await thread(talk.person, general, asked["id"])
    assert (stored["id"], stored["content"]) == (place["id"], TEXT)
    assert stored["meta"] == {"model_id": "held", "model_name": "held", "done": True}
    assert await open_replies(talk) == 0
    (sent,) = talk.provider.asked
    assert sent["messages"][-1] == {"role": "user", "content": "Ada: @held say something"}


async def test_an_answer_is_told_at_most_every_150_ms(talk: Talk) -> None:
    """However quickly the provider speaks."""
    clock = HandClock()
    talk.server.state.runs.clock = clock
    general = await talk.person.general()
    await talk.person.say(general, "<@M:held>")
    await talk.window.next(CHANNEL, "message:update")
    await clock.slept_on(FRAME)
    assert FRAME == 0.15
    heard = len(talk.window.of(CHANNEL, "message:update"))
    assert heard == 1
    talk.provider.gate.set()
    (end,) = await until_done(talk)
    assert end["content"] == TEXT
    assert len(talk.window.of(CHANNEL, "message:update")) <= heard + 2


async def test_an_answer_to_a_models_message_calls_it_again_with_what_was_said(talk: Talk) -> None:
    """In the thread, with its own words as its own and everybody's under their names."""
    bob = await talk.server.sign_up("Bob")
    general = await talk.person.general()
    asked = await talk.person.say(general, "<@M:words|words> say something")
    (first,) = await until_done(talk)
    more = {"parent_id": asked["id"], "reply_to_id": first["id"]}
    await bob.say(general, "once more", **more)
    await until_done(talk, count=2)
    assert [one["content"] for one in await thread(bob, general, asked["id"])] == [TEXT, "once more", TEXT]
    system, *rest = talk.provider.asked[1]["messages"]
    assert "Ada, Bob" in system["content"]
    assert rest == [
        {"role": "user", "content": "Ada: @words say something"},
        {"role": "assistant", "content": TEXT},
        {"role": "user", "content": "Bob: once more"},
    ]
    assert talk.window.of(CHANNEL, "message:reply")[-1]["data"]["data"]["reply_count"] == 3


async def test_models_do_not_keep_each_other_talking(talk: Talk) -> None:
    """What a model says calls nobody, itself and others included; nor does an edit."""
    general = await talk.person.general()
    words = list(WORDS)
    WORDS[:] = ["<@M:words|words> <@M:reasoning|other> and you?"]
    try:
        asked = await talk.person.say(general, "<@M:words> talk")
        (first,) = await until_done(talk)
    finally:
        WORDS[:] = words
    assert first["content"].startswith("<@M:words|words>")
    path = f"/api/v1/channels/{general}/messages/{asked['id']}/update"
    await talk.person.post(path, {"content": "<@M:words> talk <@M:reasoning>"})
    await talk.window.settle()
    assert len(await thread(talk.person, general, asked["id"])) == 1
    assert len(talk.provider.asked) == 1
    assert talk.server.state.runs.open_runs() == []


async def test_each_named_model_answers_once_and_people_are_no_models(talk: Talk) -> None:
    """Named twice is named once; a repeated post calls nobody again."""
    general = await talk.person.general()
    text = "<@M:words|a> <@M:words|b> <@M:eliza> <@U:words|Bob> <#C:words|c> hello"
    asked = await talk.person.say(general, text, temp_id="t")
    assert await talk.person.say(general, text, temp_id="t") == asked
    await until_done(talk, count=2)
    found = await thread(talk.person, general, asked["id"])
    assert [one["meta"]["model_id"] for one in found] == ["words", "eliza"]
    assert found[1]["meta"]["model_name"] == "Eliza"
    assert all(one["content"] for one in found)


@pytest.mark.parametrize(
    ("model", "kept", "word"),
    [
        ("nobody", "", "not here"),
        ("http-500", "", "500"),
        ("mid-error", FIVE, "failed in mid-stream"),
        ("reset", FIVE, "closed the connection"),
    ],
)
async def test_a_failure_is_seen_and_stored(talk: Talk, model: str, kept: str, word: str) -> None:
    """In the text, which is all that other clients show, after what there is; and in meta."""
    general = await talk.person.general()
    asked = await talk.person.say(general, f"<@M:{model}|{model}> go")
    (end,) = await until_done(talk)
    (stored,) = await thread(talk.person, general, asked["id"])
    assert (stored["content"], stored["meta"]) == (end["content"], end["meta"])
    assert stored["content"].startswith(kept.strip() + "\n\n> " if kept else "> ")
    assert word in stored["content"]
    assert word in stored["meta"]["error"]["content"]
    assert stored["meta"]["done"] is True
    assert await open_replies(talk) == 0


async def test_a_person_stops_the_answer_that_they_asked_for(talk: Talk) -> None:
    """By the list of tasks; nobody else may, and the text so far stays. Until then it cannot be edited."""
    bob = await talk.server.sign_up("Bob")
    general = await talk.person.general()
    asked = await talk.person.say(general, "<@M:held>")
    update_ = await talk.window.next(CHANNEL, "message:update")
    path = f"/api/v1/channels/{general}/messages/{update_['message_id']}"
    refused = await talk.person.ask("POST", f"{path}/update", {"content": "mine"})
    assert (refused.status, "still being written" in refused.detail) == (409, True)
    tasks = f"/api/tasks/chat/channel:{general}"
    assert await bob.get(tasks) == {"task_ids": []}
    (task,) = (await talk.person.get(tasks))["task_ids"]
    assert (await bob.ask("POST", f"/api/tasks/stop/{task}")).status == 403
    assert (await talk.person.post(f"/api/tasks/stop/{task}"))["status"] is True
    (end,) = await until_done(talk)
    assert FIVE.startswith(end["content"])
    assert end["meta"] == {"model_id": "held", "model_name": "held", "done": True}
    (stored,) = await thread(talk.person, general, asked["id"])
    assert stored["content"] == end["content"]
    assert await open_replies(talk) == 0
    assert not [one for one in talk.window.of("events") if one["data"]["type"] == "chat:active"]


@pytest.mark.parametrize("what", ["answer", "question", "channel"])
async def test_what_is_deleted_is_not_written_on(talk: Talk, what: str) -> None:
    """The answer, the message that asked for it, or the whole channel."""
    made = await talk.person.post("/api/v1/channels/create", {"name": "other"})
    channel = made["id"]
    asked = await talk.person.say(channel, "<@M:held>")
    heard = await talk.window.next(CHANNEL, "message:update")
    (run,) = talk.server.state.runs.open_runs()
    if what == "channel":
        await talk.person.delete(f"/api/v1/channels/{channel}/delete")
    else:
        gone = heard["message_id"] if what == "answer" else asked["id"]
        await talk.person.delete(f"/api/v1/channels/{channel}/messages/{gone}/delete")
    async with asyncio.timeout(10):
        await run.ended.wait()
    before = len(talk.window.of(CHANNEL, "message:update"))
    await talk.window.settle()
    kinds = [event["data"]["type"] for event in events(talk)]
    end = kinds.index("channel:deleted" if what == "channel" else "message:delete")
    assert "message:update" not in kinds[end:]
    assert len(talk.window.of(CHANNEL, "message:update")) == before
    assert await open_replies(talk) == 0


async def test_the_servers_end_leaves_no_open_answer(talk: Talk) -> None:
    """Interrupted, stored and told within a second."""
    general = await talk.person.general()
    asked = await talk.person.say(general, "<@M:held>")
    await talk.window.next(CHANNEL, "message:update")
    began = time.monotonic()
    await talk.server.state.runs.drain()
    assert time.monotonic() - began < 1
    (end,) = await until_done(talk)
    assert "server was stopped" in end["content"]
    (stored,) = await thread(talk.person, general, asked["id"])
    assert stored["meta"]["done"] is True
    refused = await talk.person.ask(
        "POST", f"/api/v1/channels/{general}/messages/post", {"content": "<@M:held>"}
    )
    assert refused.status == 503
    assert (await talk.person.say(general, "but people go on"))["content"] == "but people go on"


async def test_a_start_ends_the_answers_that_were_cut(tmp_path: Path, database_url: str) -> None:
    """A killed process could store no end: the next one does, once, and the text so far is kept."""
    folder = tmp_path / "data"
    async with talking(folder, database_url=database_url) as talk:
        general = await talk.person.general()
        asked = await talk.person.say(general, "<@M:words>")
        await until_done(talk)
        (answer,) = await thread(talk.person, general, asked["id"])
        half = {"model_id": "words", "model_name": "words"}
        output = {"output": [{"type": "message", "status": "in_progress", "content": []}]}
        async with talk.server.state.database.write() as connection:
            chosen = update(messages).where(messages.c.id == answer["id"])
            await connection.execute(chosen.values(content="half", meta=half, data=output))
            await connection.execute(insert(model_replies).values(message_id=answer["id"], created_at=1))
        session = talk.person.session
    for _ in range(2):
        async with serving(folder, database_url=database_url) as server:
            ada = Person(server.url, server.http, session)
            (stored,) = await thread(ada, general, asked["id"])
            assert stored["content"].startswith("half\n\n> The server was stopped")
            assert stored["content"].count("stopped") == 1
            assert (stored["meta"]["done"], stored["meta"]["model_id"]) == (True, "words")
            data = await ada.get(f"/api/v1/channels/{general}/messages/{answer['id']}/data")
            assert data["output"][0]["status"] == "incomplete"
            async with server.state.database.read() as connection:
                assert (await connection.execute(select(model_replies))).all() == []


async def test_an_end_that_cannot_be_stored_is_told(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, say: nobody waits for ever, and the next start stores the end."""
    general = await talk.person.general()
    await talk.person.say(general, "<@M:held>")
    await talk.window.next(CHANNEL, "message:update")

    async def full(*_args: object, **_more: object) -> None:
        raise OperationalError("UPDATE", {}, Exception("database or disk is full"))

    monkeypatch.setattr(replies, "write", full)
    talk.provider.gate.set()
    (end,) = await until_done(talk)
    assert "could not be stored" in end["content"]
    assert await open_replies(talk) == 1


async def test_only_so_many_models_answer_one_message(talk: Talk) -> None:
    """A message that names a hundred calls the first few."""
    general = await talk.person.general()
    asked = await talk.person.say(general, " ".join(f"<@M:gone{n}>" for n in range(100)))
    await until_done(talk, count=replies.MOST_CALLED)
    assert len(await thread(talk.person, general, asked["id"])) == replies.MOST_CALLED


async def test_a_client_of_0_6_is_told_in_its_own_shape(tmp_path: Path, database_url: str) -> None:
    """With `user` and `channel` on every update, and no output items in the data."""
    async with talking(tmp_path / "data", database_url=database_url, dialect="0.6") as talk:
        window = await window_of(talk.person)
        general = await talk.person.general()
        await talk.person.say(general, "<@M:words>")
        (end,) = await until_done(talk)
        last = await window.next(CHANNEL, "message:update")
        assert {"user", "channel"} <= last.keys()
        assert (end["content"].strip(), end["data"]) == (TEXT, {})
