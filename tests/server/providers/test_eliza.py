"""Eliza: a therapist of rules."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.server.providers.eliza import Eliza, ElizaSource, script


def eliza(seed: int = 1) -> Eliza:
    """Eliza with known chances."""
    return Eliza(chance=random.Random(seed))


@given(st.text(max_size=80), st.integers(0, 9))
def test_eliza_always_answers_and_the_same_for_the_same_chances(text: str, seed: int) -> None:
    """Whatever one says, she says something, without a slot left open."""
    answer = eliza(seed).answer([text])
    assert answer
    assert not re.search(r"[{}@*]", answer.replace(text.lower(), ""))
    assert answer == eliza(seed).answer([text])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("I am unhappy", {"unhappy"}),
        ("I'm afraid of you", {"afraid"}),
        ("I want a new bicycle", {"a new bicycle", "such"}),
        ("My mother hates me", {"mother"}),
        ("I think you dislike my cat.", {"I dislike your cat"}),
        ("Well, I remember the sea", {"the sea"}),
        ("What? I can't sleep!", {"sleep", "part of it"}),
    ],
)
def test_she_gives_back_what_was_said_turned_round(said: str, expected: set[str]) -> None:
    """Every sentence she may choose is about the words of the person."""
    for seed in range(12):
        answer = eliza(seed).answer([said])
        assert answer[0].isupper()
        assert " my cat" not in answer
    assert any(any(part in eliza(seed).answer([said]) for part in expected) for seed in range(12))


def test_the_rule_of_highest_rank_wins() -> None:
    """A computer in a sentence is more to her than what else is in it."""
    answers = {eliza(seed).answer(["I am sad because of my computer"]) for seed in range(20)}
    rule = next(rule for rule in script()["rules"] if rule["key"] == "@machine")
    assert answers <= set(rule["patterns"][0]["say"])


def test_she_remembers_when_she_finds_nothing_to_say() -> None:
    """What was said of one's own comes back when no keyword is found."""
    answers = {eliza(seed).answer(["I worry about my old boat", "xyzzy"]) for seed in range(12)}
    assert all("your old boat" in answer for answer in answers)


def test_the_rules_are_whole() -> None:
    """Every pattern fits its sentences, every alias has its rule, and there are a few dozen."""
    rules = script()
    keys = {rule["key"] for rule in rules["rules"]}
    assert len(keys) == len(rules["rules"]) >= 36
    assert set(rules["aliases"].values()) <= keys
    one = eliza()
    for rule in rules["rules"]:
        assert rule.get("same_as", rule["key"]) in keys
        for pattern in rule.get("patterns", ()):
            groups = one._matcher(pattern["match"]).groups
            for sentence in pattern["say"]:
                assert all(int(slot) <= groups for slot in re.findall(r"\{(\d)\}", sentence)), sentence


async def test_she_speaks_word_by_word_with_a_pause() -> None:
    """Streamed, her words are those of the whole answer, with the given delay before each."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "I am happy"}]}]}
    source = ElizaSource(sleep, 0.04, eliza(3))
    chunks = [chunk async for batch in source.stream(body) for chunk in batch]
    words = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks]
    whole = await ElizaSource(sleep, 0, eliza(3)).complete(body)
    assert "".join(words) == whole["choices"][0]["message"]["content"]
    assert pauses == [0.04] * len([word for word in words if word])
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"]["prompt_tokens"] == 3
