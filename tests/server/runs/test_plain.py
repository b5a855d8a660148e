"""Completions for programs: without `session_id` the answer is OpenAI's own stream or body."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.server.providers.provider import WORDS
from tests.server.runs.talking import Talk, form

ASK = "/api/chat/completions"
HI = [{"role": "user", "content": "hi"}]


def chunks(text: str) -> list[Any]:
    """The JSON of each data line."""
    lines = [line[6:] for line in text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


async def test_a_program_gets_a_body_or_a_stream(talk: Talk) -> None:
    """As OpenAI's API does, with nothing stored and no event sent; ours alone is not passed on."""
    for model in ("words", "eliza"):
        body = await talk.person.post(ASK, {"model": model, "messages": HI})
        assert body["object"] == "chat.completion"
        assert body["choices"][0]["message"]["content"]
        text = await talk.person.post(
            ASK, {"model": model, "messages": HI, "stream": True, "temperature": 0.5}
        )
        parsed = chunks(text)
        assert parsed[-1] == "[DONE]"
        assert parsed[-2]["choices"][0]["finish_reason"] == "stop"
        said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in parsed[:-1])
        assert said == "".join(WORDS) if model == "words" else said
    assert talk.provider.asked[-1] == {"model": "words", "messages": HI, "stream": True, "temperature": 0.5}
    assert talk.window.of("events") == []
    assert await talk.person.get("/api/v1/chats/") == []


@pytest.mark.parametrize(("model", "status"), [("http-401", 502), ("http-429", 429), ("html", 502)])
async def test_a_provider_that_refuses_is_an_http_error(talk: Talk, model: str, status: int) -> None:
    """Before the first word a failure is an answer of its own, never a 401 that signs the caller out."""
    for stream in (False, True):
        answer = await talk.person.ask("POST", ASK, {"model": model, "messages": HI, "stream": stream})
        assert (answer.status, talk.provider.address in answer.detail) == (status, True)


async def test_a_stream_that_breaks_says_so(talk: Talk) -> None:
    """In mid-stream the failure is an error object, as providers send it themselves."""
    parsed = chunks(await talk.person.post(ASK, {"model": "early", "messages": HI, "stream": True}))
    assert "closed the connection" in parsed[-1]["error"]["message"]


async def test_the_servers_end_ends_plain_streams(talk: Talk) -> None:
    """A program that reads is told, and does not hold the server."""
    headers = {"Authorization": f"Bearer {talk.person.token}"}
    body = {"model": "held", "messages": HI, "stream": True}
    async with talk.person.http.post(talk.person.url + ASK, json=body, headers=headers) as answer:
        first = await answer.content.readuntil(b"\n\n")
        assert b"chat.completion.chunk" in first
        talk.server.state.runs.plain.close()
        rest = chunks((await answer.content.read()).decode())
    assert rest[-1] == {"error": {"message": "The server is going down. Ask again in a moment."}}


async def test_without_an_id_or_a_session_the_answer_is_plain(talk: Talk) -> None:
    """Events need both: the window's socket and the place of the answer."""
    body = {**form("words"), "stream": False}
    assert (await talk.person.post(ASK, body))["object"] == "chat.completion"
