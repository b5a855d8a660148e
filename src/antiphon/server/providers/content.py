"""The `content` of a message as a provider takes it: a text, or a list of parts of which some are text."""

from __future__ import annotations

from typing import Any


def text_of(content: Any) -> str:
    """Return the words of a content, whatever else it holds."""
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        return " ".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""
