"""Title, follow-up questions and tags: asked of a model after its answer. Failing here fails nothing."""

from __future__ import annotations

import json
import re
from typing import Any

from antiphon.server.providers import eliza
from antiphon.server.providers.failures import ProviderFailed
from antiphon.server.runs.answer import Answer
from antiphon.server.runs.turns import Turn

EXCERPT = 2000
"""Characters of question and answer that the model is shown."""

_TITLE = """### Task:
Name the conversation below in three to six words, in its own language, without quotes or a full stop.
Answer with this JSON and nothing else: {"title": "the name"}
"""
_FOLLOW_UPS = """### Task:
Write three short questions that the person could ask next in the conversation below, in its own language and
from the person's point of view.
Answer with this JSON and nothing else: {"follow_ups": ["first", "second", "third"]}
"""
_TAGS = """### Task:
Give one to three broad subjects of the conversation below, each one or two words, in its own language.
Answer with this JSON and nothing else: {"tags": ["first", "second"]}
"""


async def model_title(turn: Turn, answer: str) -> str | None:
    """Return the model's title of the chat."""
    if turn.model.id == eliza.ELIZA:
        return None  # the first words of the question are title enough
    said = await _ask(turn, _TITLE, answer)
    title = said.get("title") if said else None
    return " ".join(title.split())[:200] or None if isinstance(title, str) else None


async def follow_ups(turn: Turn, answer: str) -> list[str]:
    """Return a few things to say next."""
    if turn.model.id == eliza.ELIZA:
        return eliza.follow_ups()
    return _texts(await _ask(turn, _FOLLOW_UPS, answer), "follow_ups", 5, 300)


async def tags(turn: Turn, answer: str) -> list[str]:
    """Return the subjects of the chat."""
    if turn.model.id == eliza.ELIZA:
        return []
    return _texts(await _ask(turn, _TAGS, answer), "tags", 5, 40)


async def _ask(turn: Turn, task: str, answer: str) -> dict[str, Any] | None:
    talk = f"### Conversation:\nPerson: {turn.question[:EXCERPT]}\n\nModel: {answer[:EXCERPT]}\n"
    body = {"model": turn.model.upstream_id, "messages": [{"role": "user", "content": f"{task}\n{talk}"}]}
    try:
        whole = await turn.model.source.complete(body)
    except ProviderFailed:
        return None
    said = Answer()
    said.take_whole(whole)
    said.end()
    return _object_in(said.text())


def _object_in(text: str) -> dict[str, Any] | None:
    """Return the JSON object that a model has wrapped in whatever words."""
    found = re.search(r"\{.*\}", text, re.DOTALL)
    try:
        value = json.loads(found[0]) if found else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _texts(said: dict[str, Any] | None, key: str, count: int, length: int) -> list[str]:
    values = said.get(key) if said else None
    if not isinstance(values, list):
        return []
    return [
        text for value in values if isinstance(value, str) and (text := " ".join(value.split())[:length])
    ][:count]
