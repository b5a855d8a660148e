"""The first words of a question as a title."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.server.chats.titles import LENGTH, first_words


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("Hello", "Hello"),
        ("  two\n\nlines ", "two lines"),
        ("", "New Chat"),
        (
            "How do I keep a sourdough starter alive while I am away for a month?",
            "How do I keep a sourdough starter alive while I am…",
        ),
        ("https://example.test/" + "a" * 60, "https://example.test/" + "a" * 29 + "…"),
    ],
)
def test_a_title_is_the_first_words(question: str, title: str) -> None:
    """In one line and cut at a word, unless the word has no end."""
    assert first_words(question) == title


@given(st.text())
def test_a_title_is_one_short_line(question: str) -> None:
    """Whatever is asked."""
    title = first_words(question)
    assert 0 < len(title) <= LENGTH + 1
    assert title == " ".join(title.split())
