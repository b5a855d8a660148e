"""A provider that fails ends the answer in a visible, stored failure that says what to do."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from tests.server.providers.provider import WORDS
from tests.server.runs.clock import HandClock
from tests.server.runs.talking import ALL_TASKS, Asked, Talk, talking

from antiphon.server.runs.patience import Limits

FIVE = "".join(WORDS[:5])


async def failed(asked: Asked, *said: str) -> None:
    """Hold the end of a failed turn to the rules: heard, stored, and in words."""
    await asked.over()
    turn = await asked.turn()
    text = turn["error"]["content"]
    for part in said:
        assert part in text, text
    assert (turn["done"], turn["meta"]["state"]) == (True, "failed")
    events = asked.heard()
    errors = [event["data"] for event in events if event["type"] == "chat:message:error"]
    assert errors == [{"error": {"content": text}}]
    done = next(
        event["data"] for event in events if event["type"] == "chat:completion" and event["data"].get("done")
    )
    assert done["output"] == turn["output"]
    assert asked.kinds()[-4:] == ["chat:list", "chat:message:error", "chat:completion", "chat:active"]
    assert await asked.talk.person.get(f"/api/tasks/chat/{asked.chat_id}") == {"task_ids": []}


@pytest.mark.parametrize(
    ("model", "content", "said"),
    [
        ("http-401", "", ("refuses the key", "401", "provider settings", "the provider's own words 401")),
        ("http-404", "", ("does not know the model 'http-404'", "Choose another model")),
        ("http-429", "", ("takes no more requests", "Wait a little")),
        ("http-500", "", ("fault of its own", "500", "Ask again later")),
        ("html", "", ("a web page", "/v1")),
        ("plain-error", "", ("out of order",)),
        ("half", FIVE, ("closed the connection before the answer was complete", "ask again")),
        ("early", FIVE, ("closed the connection before the answer was complete",)),
        ("reset", FIVE, ("closed the connection before the answer was complete",)),
        ("garbage", FIVE, ("no part of an answer", "this is no JSON")),
        ("mid-error", FIVE, ("ended the answer with an error", "failed in mid-stream")),
    ],
)
async def test_a_provider_that_fails_ends_in_a_stored_failure(
    talk: Talk, model: str, content: str, said: tuple[str, ...]
) -> None:
    """Each kind of fault has its own words; the text so far is kept; no background task runs."""
    asked = await talk.ask(model, background_tasks=ALL_TASKS)
    await failed(asked, talk.provider.address, *said)
    assert (await asked.turn())["content"] == content
    assert len(talk.provider.requests) == 1
    again = await talk.ask("words")
    await again.over()
    assert (await again.turn())["meta"]["state"] == "done"


async def test_a_provider_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A refused connection says where, and what to check."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    async with talking(tmp_path / "data", openai_api_base_urls=(address,)) as talk:
        config = {
            "OPENAI_API_BASE_URLS": [address],
            "OPENAI_API_KEYS": [""],
            "OPENAI_API_CONFIGS": {"0": {"model_ids": ["gone"]}},
        }
        await talk.person.post("/openai/config/update", config)
        asked = await talk.ask("gone")
        await failed(asked, f"No connection to the model's provider at {address}", "Check that it is running")


async def test_a_connection_that_does_not_come_about_has_a_limit_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that takes no connection (its queue is full) is given up after the connect limit."""
    monkeypatch.setenv("ANTIPHON_PROVIDER_CONNECT_TIMEOUT", "0.2")
    full = socket.socket()
    waiting = []
    try:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(full.getsockname())
            waiting.append(one)
        address = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        async with talking(tmp_path / "data") as talk:
            config = {
                "OPENAI_API_BASE_URLS": [address],
                "OPENAI_API_KEYS": [""],
                "OPENAI_API_CONFIGS": {"0": {"model_ids": ["far"]}},
            }
            await talk.person.post("/openai/config/update", config)
            asked = await talk.ask("far")
            await failed(asked, "did not take the connection within 0.2 s")
    finally:
        for one in (*waiting, full):
            one.close()


@pytest.mark.parametrize(
    ("model", "seconds", "said", "content"),
    [
        ("silent", 7.0, "did not begin to answer within 7 s", ""),
        ("mute", 30.0, "stopped sending in mid-answer for 30 s", FIVE),
    ],
)
async def test_a_provider_that_stalls_is_given_up(
    talk: Talk, model: str, seconds: float, said: str, content: str
) -> None:
    """The limits for the first sign and between two signs are apart, and nothing waits for ever."""
    clock, runs = HandClock(), talk.server.state.runs
    first = 7.0 if model == "silent" else 50.0
    runs.clock, runs.limits = clock, Limits(first=first, idle=30.0, total=100.0)
    asked = await talk.ask(model)
    if content:
        await _all_told(asked, content)
    await clock.slept_on(seconds)
    clock.turn(seconds - 0.5)
    assert await talk.person.get(f"/api/tasks/chat/{asked.chat_id}") == {"task_ids": [asked.task_id]}
    clock.turn(0.5)
    await failed(asked, said)
    assert (await asked.turn())["content"] == content


async def test_an_answer_without_end_is_given_up(talk: Talk) -> None:
    """The limit of the whole answer holds however lively the provider is."""
    clock, runs = HandClock(), talk.server.state.runs
    runs.clock, runs.limits = clock, Limits(first=50.0, idle=50.0, total=10.0)
    asked = await talk.ask("mute")
    await _all_told(asked, FIVE)
    clock.turn(10.0)
    await failed(asked, "did not finish the answer within 10 s")


async def test_a_comment_is_a_sign_of_life(talk: Talk) -> None:
    """A provider that says in comments that it waits is not given up at the limit for the first sign."""
    clock, runs = HandClock(), talk.server.state.runs
    runs.clock, runs.limits = clock, Limits(first=5.0, idle=20.0, total=100.0)
    asked = await talk.ask("comments")
    run = runs.run(asked.task_id)
    async with asyncio.timeout(10):
        while run._patience._last is None:
            await asyncio.wait_for(asyncio.shield(_turn_of_the_loop()), 30)
    clock.turn(6.0)
    talk.provider.gate.set()
    await asked.until("chat:completion", done=True)
    assert (await asked.turn())["meta"]["state"] == "done"


async def test_missing_formalities_are_no_failure(talk: Talk) -> None:
    """A finish reason without [DONE], and [DONE] without a finish reason, are ends."""
    for model in ("no-done", "no-finish"):
        asked = await talk.ask(model)
        await asked.over()
        turn = await asked.turn()
        assert (turn["content"], turn["meta"]["state"]) == ("".join(WORDS).strip(), "done")


async def test_a_title_that_cannot_be_found_fails_nothing(talk: Talk) -> None:
    """Background tasks may fail: the answer and the first words as title stay."""
    asked = await talk.ask("bad-title", background_tasks=ALL_TASKS)
    await asked.over()
    assert (await asked.turn())["meta"]["state"] == "done"
    assert (await asked.chat())["title"] == "tell me something"
    assert "chat:message:follow_ups" not in asked.kinds()


async def _turn_of_the_loop() -> None:
    waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(waiting.set_result, None)
    await waiting


async def _all_told(asked: Asked, content: str) -> None:
    """Wait until the window has heard all of `content`, while the clock stands still."""
    while "".join(delta["delta"] for delta in asked.deltas()) != content:
        await asked.until("response:completion", type="response.output_text.delta")
        await asked.turn()  # a fetch has the rest told
