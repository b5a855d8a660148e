"""Eliza, the reflecting therapist, as rules in data: the model that needs no key and no network.

The scheme is Weizenbaum's (1966): the keyword of highest rank in the last thing said chooses a rule; its
patterns take the sentence apart; the parts are turned round (I → you) and put into one of the rule's
sentences; what was said of one's own is remembered for when no keyword is found. The rules: `eliza.json`.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import uuid4

from antiphon.server.providers.content import text_of

ELIZA = "eliza"


@cache
def script() -> dict[str, Any]:
    """Return the rules."""
    text = files("antiphon.server.providers").joinpath("eliza.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


class Eliza:
    """Answers a conversation; with the same random numbers it says the same things."""

    def __init__(self, rules: dict[str, Any] | None = None, chance: random.Random | None = None) -> None:
        rules = rules or script()
        self._rules = {rule["key"]: rule for rule in rules["rules"]}
        self._synonyms: dict[str, list[str]] = rules["synonyms"]
        self._aliases: dict[str, str] = dict(rules["aliases"])
        for group, words in self._synonyms.items():
            if f"@{group}" in self._rules:
                for word in (group, *words):
                    self._aliases.setdefault(word, f"@{group}")
        self._reflections: dict[str, str] = rules["reflections"]
        self._memory: list[str] = rules["memory"]
        self._nothing: list[str] = rules["nothing"]
        self._empty: list[str] = rules["empty"]
        self._matchers: dict[str, re.Pattern[str]] = {}
        self._chance = chance or random.Random()  # noqa: S311 - a turn of phrase, no secret

    def answer(self, said: Sequence[str]) -> str:
        """Answer the last of the things `said` by the person; the earlier ones are its memory."""
        words = _words(said[-1]) if said else ""
        if not words:
            return self._chance.choice(self._empty)
        for rule in self._ranked(words):
            for pattern in self._rules[rule.get("same_as", rule["key"])]["patterns"]:
                if found := self._matcher(pattern["match"]).fullmatch(words):
                    return self._fill(self._chance.choice(pattern["say"]), found)
        kept = [mine for earlier in said[:-1] if (mine := self._kept(_words(earlier)))]
        if kept:
            return self._chance.choice(self._memory).replace("{1}", self._reflect(self._chance.choice(kept)))
        return self._chance.choice(self._nothing)

    def _ranked(self, words: str) -> list[dict[str, Any]]:
        keys = dict.fromkeys(self._aliases.get(word, word) for word in words.split())
        # A word can be a key of its own and also stand for a group (“mother” after “my”).
        keys |= dict.fromkeys(word for word in words.split())
        return sorted(
            (self._rules[key] for key in keys if key in self._rules), key=lambda rule: -rule["rank"]
        )

    def _kept(self, words: str) -> str | None:
        for pattern in self._rules["my"]["patterns"]:
            if pattern.get("keep") and (found := self._matcher("* my *").fullmatch(words)):
                return found[2].strip() or None
        return None

    def _matcher(self, pattern: str) -> re.Pattern[str]:
        if known := self._matchers.get(pattern):
            return known
        parts = []
        for piece in pattern.split():
            if piece == "*":
                parts.append("(.*)")
            elif piece.startswith("@"):
                group = piece[1:]
                parts.append(rf"\b({'|'.join(map(re.escape, (group, *self._synonyms[group])))})\b")
            else:
                parts.append(rf"\b{re.escape(piece)}\b")
        joined = r"\s*".join(parts).replace(r"i\b\s*\bam", r"i(?:\b\s*\bam|'m)")
        self._matchers[pattern] = re.compile(joined)
        return self._matchers[pattern]

    def _fill(self, sentence: str, found: re.Match[str]) -> str:
        def part(slot: re.Match[str]) -> str:
            return self._reflect(found[int(slot[1])].strip()) or "that"

        said = re.sub(r"\{(\d)\}", part, sentence)
        return said[:1].upper() + said[1:]

    def _reflect(self, words: str) -> str:
        return " ".join(self._reflections.get(word, word) for word in words.split())


class ElizaSource:
    """Eliza behind the interface of a provider, streamed word by word."""

    address = "Eliza"

    def __init__(
        self, sleep: Callable[[float], Awaitable[None]], delay: float, eliza: Eliza | None = None
    ) -> None:
        self._sleep = sleep
        self._delay = delay
        self._eliza = eliza or Eliza()

    async def stream(self, body: dict[str, Any]) -> AsyncGenerator[list[dict[str, Any]], None]:
        """Yield one word per chunk, `delay` seconds apart."""
        text = self._eliza.answer(_said(body))
        head = {
            "id": f"chatcmpl-{uuid4().hex[:12]}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
        }
        head["model"] = ELIZA

        def chunk(delta: dict[str, Any], finish: str | None = None, **extra: Any) -> list[dict[str, Any]]:
            return [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **extra}]

        yield chunk({"role": "assistant", "content": ""})
        for word in re.findall(r"\S+\s*", text):
            if self._delay:
                await self._sleep(self._delay)
            yield chunk({"content": word})
        yield chunk({}, "stop", usage=_usage(body, text))

    async def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the whole answer at once."""
        text = self._eliza.answer(_said(body))
        message = {"role": "assistant", "content": text}
        return {
            "id": f"chatcmpl-{uuid4().hex[:12]}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": ELIZA,
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": _usage(body, text),
        }


def entry() -> dict[str, Any]:
    """Return Eliza's row in the list of models."""
    return {
        "id": ELIZA,
        "name": "Eliza",
        "object": "model",
        "created": 0,
        "owned_by": "antiphon",
        "connection_type": "local",
        "actions": [],
        "filters": [],
        "tags": [],
    }


def follow_ups() -> list[str]:
    """Return things a person could say next."""
    return list(script()["follow_ups"])


def _words(text: str) -> str:
    """Return the last sentence that has words, in lower case and without punctuation."""
    text = text.lower().replace("\u2019", "'").replace("can not", "cannot")
    sentences = [" ".join(re.findall(r"[\w']+", part)) for part in re.split(r"[.!?;\n]+", text)]
    return next((sentence for sentence in reversed(sentences) if sentence), "")


def _said(body: dict[str, Any]) -> list[str]:
    return [
        text_of(message.get("content"))
        for message in body.get("messages") or []
        if isinstance(message, dict) and message.get("role") == "user"
    ]


def _usage(body: dict[str, Any], text: str) -> dict[str, int]:
    asked = sum(len(said.split()) for said in _said(body))
    answered = len(text.split())
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
