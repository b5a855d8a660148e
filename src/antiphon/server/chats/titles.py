"""A chat's first title: the first words of the question."""

from __future__ import annotations

LENGTH = 50
UNTITLED = "New Chat"
"""What the original calls a chat that has no title yet; the first question replaces it."""


def first_words(question: str) -> str:
    """Return the beginning of `question` in one line, cut at a word: at most `LENGTH` characters and “…”."""
    line = " ".join(question.split())
    if not line:
        return UNTITLED
    if len(line) <= LENGTH:
        return line
    cut = line[: LENGTH + 1]
    words, space, _rest = cut.rpartition(" ")
    kept = words if space and len(words) >= LENGTH // 3 else line[:LENGTH]
    return kept.rstrip(" ,;:-") + "…"
