"""A server that is killed outright: what it acknowledged is there, what it was doing says that it was cut."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.processes import AntiphonProcess
from tests.server.runs.talking import form
from tests.server.serving import PASSWORD, Person

ASK = "/api/chat/completions"
WRITERS = 4


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AntiphonProcess]:
    """A server of its own, whose built-in model takes its time over each word."""
    with AntiphonProcess(tmp_path, "serve", env={"ANTIPHON_ELIZA_DELAY": "0.4"}) as process:
        yield process


@pytest.fixture
async def bob(server: AntiphonProcess) -> Any:
    """Somebody with an account."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        nobody = Person(server.url, http)
        form = {"name": "Bob", "email": "bob@example.com", "password": PASSWORD}
        one = Person(server.url, http, await nobody.post("/api/v1/auths/signup", form))
        yield one
        for window in one.sockets:
            await window.close()


async def test_a_kill_in_the_middle_of_posts_loses_nothing_that_was_acknowledged(
    server: AntiphonProcess, bob: Person
) -> None:
    """Each acknowledged message is there once and as it was; the one under way comes once with its retry."""
    general = await bob.general()
    acknowledged: dict[str, dict[str, Any]] = {}
    under_way: set[str] = set()
    enough = asyncio.Event()

    async def write(writer: int) -> None:
        number = 0
        while True:
            key = f"{writer}-{number}"
            under_way.add(key)
            try:
                said = await bob.say(general, f"message {key}", temp_id=key)
            except aiohttp.ClientError:
                return
            under_way.remove(key)
            acknowledged[key] = said
            number += 1
            if len(acknowledged) >= 60:
                enough.set()

    writers = [asyncio.create_task(write(writer)) for writer in range(WRITERS)]
    async with asyncio.timeout(30):
        await enough.wait()
    await asyncio.to_thread(server.kill)
    await asyncio.gather(*writers)
    assert len(under_way) == WRITERS

    await asyncio.to_thread(server.start)
    for key in sorted(under_way):
        said = await bob.say(general, f"message {key}", temp_id=key)
        assert await bob.say(general, f"message {key}", temp_id=key) == said
        acknowledged[key] = said
    stored: list[dict[str, Any]] = []
    while page := await bob.get(f"/api/v1/channels/{general}/messages?limit=200&skip={len(stored)}"):
        stored += page
    assert sorted(one["content"] for one in stored) == sorted(f"message {key}" for key in acknowledged)
    by_id = {one["id"]: one for one in stored}
    for said in acknowledged.values():
        assert {key: by_id[said["id"]][key] for key in ("content", "created_at")} == {
            key: said[key] for key in ("content", "created_at")
        }
    for writer in range(WRITERS):
        own = [one["content"] for one in reversed(stored) if one["content"].startswith(f"message {writer}-")]
        assert own == [f"message {writer}-{number}" for number in range(len(own))]


async def test_a_kill_in_the_middle_of_an_answer_is_said_in_the_chat(
    server: AntiphonProcess, bob: Person
) -> None:
    """The text that was stored stays, the answer says that it was cut, and the chat goes on."""
    window = await bob.connect()
    asked = form("eliza", "I am unhappy about my mother and my father", session_id=window.sid)
    accepted = await bob.post(ASK, asked)
    path = f"/api/v1/chats/{accepted['chat_id']}"

    async def turn() -> dict[str, Any]:
        found: dict[str, Any] = (await bob.get(path))["chat"]["history"]["messages"][asked["id"]]
        return found

    def deltas() -> list[str]:
        events = [one["data"]["data"] for one in window.of("events", "response:completion")]
        return [str(one["delta"]) for one in events if "delta" in one]

    # With the fourth word the text so far has been stored, which happens once a second.
    async with asyncio.timeout(30):
        while len(deltas()) < 4:
            window._more.clear()
            await window._more.wait()
    told = "".join(deltas())
    await asyncio.to_thread(server.kill)
    await window.gone.wait()
    await asyncio.to_thread(server.start)

    cut = await turn()
    assert (cut["done"], cut["meta"]["state"]) == (True, "interrupted")
    assert "stopped before this answer was complete" in cut["error"]["content"]
    assert cut["content"]
    assert told.startswith(cut["content"])
    assert {item["status"] for item in cut["output"]} == {"incomplete"}
    assert (await bob.get(path))["active"] is False
    assert await bob.get(f"/api/tasks/chat/{accepted['chat_id']}") == {"task_ids": []}
    assert await bob.get("/api/tasks") == {"tasks": []}

    assert await bob.post(ASK, asked) == accepted  # the same request again starts nothing
    assert (await turn())["meta"]["state"] == "interrupted"
    again = await bob.connect()
    more = form("eliza", "Hello", session_id=again.sid, chat_id=accepted["chat_id"])
    more["user_message"]["parentId"] = asked["id"]
    await bob.post(ASK, more)
    await again.next("events", "chat:active", count=2)
    last = (await bob.get(path))["chat"]["history"]["messages"][more["id"]]
    assert (last["meta"]["state"], bool(last["content"])) == ("done", True)
