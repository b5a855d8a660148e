"""A provider that fails, as a program sees it that asks for OpenAI's own stream or body."""

from __future__ import annotations

import pytest
from tests.server.runs.talking import Talk

HI = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "status", "said"),
    [
        ("http-401", 502, "refuses the key"),
        ("http-404", 404, "does not know the model"),
        ("http-500", 502, "a fault of its own"),
        ("html", 502, "a web page"),
        ("plain-error", 502, "out of order"),
    ],
)
async def test_a_provider_that_fails_before_the_first_word_is_a_detail_in_words(
    talk: Talk, model: str, status: int, said: str, stream: bool
) -> None:
    """The sentence names the provider and the fault; the next question is answered."""
    body = {"model": model, "messages": HI, "stream": stream}
    answer = await talk.person.ask("POST", "/api/chat/completions", body)
    assert (answer.status, said in answer.detail) == (status, True), answer
    assert talk.provider.address in answer.detail
    assert (await talk.person.post("/api/chat/completions", {"model": "words", "messages": HI}))["choices"]


async def test_half_a_line_ends_a_plain_stream_with_an_error_object(talk: Talk) -> None:
    """What was said before it arrives; the half line itself does not."""
    body = {"model": "half", "messages": HI, "stream": True}
    text = await talk.person.post("/api/chat/completions", body)
    lines = [line for line in text.split("\n\n") if line]
    assert "word4" in lines[-2]
    assert "closed the connection before the answer was complete" in lines[-1]
    assert lines[-1].startswith('data: {"error"')
