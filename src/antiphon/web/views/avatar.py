"""A person's or a model's small picture: initials on a colour that stays theirs."""

from __future__ import annotations

from functools import lru_cache
from zlib import crc32

import htpy as h

COLOURS = 10
"""How many avatar colours the style sheet has: classes `hue-0` to `hue-9`."""


def colour_class(identity: str) -> str:
    """The colour class of an id: the same in every window and after every restart."""
    return f"hue-{crc32(identity.encode()) % COLOURS}"


def initials(name: str) -> str:
    """One or two letters that stand for a name; `?` for a name without a letter or figure."""
    words = [
        word for word in (part.lstrip("@#([{<\"'.-_") for part in name.split()) if word and word[0].isalnum()
    ]
    if not words:
        return "?"
    letters = words[0][0] + (words[-1][0] if len(words) > 1 else "")
    return letters.upper()[:2]


@lru_cache(maxsize=2048)
def avatar(identity: str, name: str, *, model: bool = False) -> h.Element:
    """The picture of a person, or of a model (drawn as a rounded square, so that the two are told apart
    without colour)."""
    return h.span(class_=["avatar", colour_class(identity), model and "model"], aria_hidden="true")[
        initials(name)
    ]
