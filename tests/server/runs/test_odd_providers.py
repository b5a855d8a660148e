"""Providers that send what cannot be stored, addresses with secrets in them, and faults of our own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy.exc import OperationalError
from tests.server.raw import eventually
from tests.server.runs.talking import Talk, form, talking

from antiphon.server.providers.source import Model
from antiphon.server.runs import states, store

ASK = "/api/chat/completions"
HI = [{"role": "user", "content": "hi"}]


async def test_half_a_character_from_a_provider_is_mended(talk: Talk) -> None:
    """Some cut an emoji's two halves apart; the answer is stored and told with a mark in its place."""
    asked = await talk.ask("broken-text")
    await asked.over()
    turn = await asked.turn()
    assert turn["meta"]["state"] == "done"
    assert turn["content"].startswith(
        "half \N{REPLACEMENT CHARACTER} and NUL \N{REPLACEMENT CHARACTER} word0"
    )
    assert asked.deltas()
    body = {"model": "broken-text", "messages": HI, "stream": True}
    assert "\N{REPLACEMENT CHARACTER}" in await talk.person.post(ASK, body)


async def test_nesting_without_end_is_the_providers_fault(talk: Talk) -> None:
    """It ends the answer as any other garbage does, and a program's stream too."""
    asked = await talk.ask("deep")
    await asked.over()
    assert "no part of an answer" in (await asked.turn())["error"]["content"]
    said = await talk.person.post(ASK, {"model": "deep", "messages": HI, "stream": True})
    assert "no part of an answer" in said


async def test_a_password_in_an_address_is_told_to_nobody(tmp_path: Path) -> None:
    """A failure is shown to whoever asked; the administrator's address is not all theirs to see."""
    address = "http://someone:hush@127.0.0.1:9/v1"
    async with talking(tmp_path / "data", openai_api_base_urls=(address,)) as talk:
        config = {
            "OPENAI_API_BASE_URLS": [address],
            "OPENAI_API_KEYS": [""],
            "OPENAI_API_CONFIGS": {"0": {"model_ids": ["gone"]}},
        }
        await talk.person.post("/openai/config/update", config)
        asked = await talk.ask("gone")
        await asked.over()
        text = (await asked.turn())["error"]["content"]
        refused = await talk.person.ask("POST", ASK, {"model": "gone", "messages": HI})
    for said in (text, refused.detail):
        assert "http://127.0.0.1:9/v1" in said
        assert "hush" not in said


async def test_an_end_that_cannot_be_stored_is_told(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk may be full: no window waits for ever, and the next start closes the run."""

    async def full(*_: Any) -> str:
        raise OperationalError("UPDATE", {}, OSError("no space left on device"))

    with monkeypatch.context() as patched:
        patched.setattr(store, "store_end", full)
        asked = await talk.ask("words")
        await asked.over()
    error = await asked.until("chat:message:error")
    assert "could not be stored" in error["data"]["error"]["content"]
    await asked.until("chat:completion", done=True)
    assert (await asked.chat())["active"] is False
    assert await store.interrupt_open_runs(talk.server.state.database) == 1
    assert (await asked.turn())["meta"]["state"] == "interrupted"


class _Faulty:
    """A source with a fault of ours in it."""

    address = "nowhere"

    def __init__(self, before: int) -> None:
        self.before = before

    async def stream(self, _body: dict[str, Any]) -> AsyncGenerator[list[dict[str, Any]], None]:
        for _ in range(self.before):
            yield [{"choices": [{"index": 0, "delta": {"content": "word"}}]}]
        raise ZeroDivisionError

    async def complete(self, _body: dict[str, Any]) -> dict[str, Any]:
        raise ZeroDivisionError


async def _with_source(talk: Talk, source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = await talk.server.state.providers.find("words")
    assert found is not None
    model = replace(found, source=source)

    async def find(_id: str) -> Model:
        return model

    monkeypatch.setattr(talk.server.state.providers, "find", find)


@pytest.mark.parametrize("before", [0, 1])
async def test_a_fault_of_ours_ends_a_plain_stream(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """Whoever reads is told, instead of waiting for ever."""
    await _with_source(talk, _Faulty(before), monkeypatch)
    async with asyncio.timeout(10):
        answer = await talk.person.ask("POST", ASK, {"model": "words", "messages": HI, "stream": True})
    assert answer.status == (200 if before else 500)
    assert "a fault in this server" in (str(answer.body) if before else answer.detail)


async def test_a_program_that_goes_away_leaves_no_reader(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """However early it goes, what was read ahead for it is let go, and the provider with it."""
    let_go = asyncio.Event()

    class Endless(_Faulty):
        async def stream(self, _body: dict[str, Any]) -> AsyncGenerator[list[dict[str, Any]], None]:
            try:
                while True:
                    yield [{"choices": [{"index": 0, "delta": {"content": "word " * 10_000}}]}]
            finally:
                let_go.set()

    await _with_source(talk, Endless(0), monkeypatch)
    headers = {"Authorization": f"Bearer {talk.person.token}"}
    body = {"model": "words", "messages": HI, "stream": True}
    for read in (False, True):
        let_go.clear()
        async with aiohttp.ClientSession() as http:
            answer = await http.post(talk.person.url + ASK, json=body, headers=headers)
            if read:
                await answer.content.readany()
            answer.close()
        async with asyncio.timeout(10):
            await let_go.wait()
    await eventually(talk.server, lambda: not talk.server.state.runs.plain._readers)


async def test_a_run_begun_while_the_server_ends_is_interrupted(talk: Talk) -> None:
    """The turn was stored as the end began; its run must not be left open."""
    runs = talk.server.state.runs
    held = talk.server.state.database.write()
    async with held:
        asking = asyncio.create_task(talk.person.ask("POST", ASK, form("words", session_id=talk.window.sid)))
        await eventually(talk.server, lambda: len(talk.server.state.database._writing._waiters or ()) == 1)
        runs._draining = True
    answer = await asking
    assert answer.status == 200
    await eventually(talk.server, lambda: not runs._tasks)
    row = await talk.person.get(f"/api/v1/chats/{answer.body['chat_id']}")
    turn = row["chat"]["history"]["messages"][row["current_message_id"]]
    assert turn["meta"]["state"] == states.INTERRUPTED
