"""Mentions in a message's text: `<@U:id|label>` names a person, `<@M:id|label>` a model, `<#C:id|label>` a
channel.

The label may be missing. The markup is that of Open WebUI, both releases.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MARKUP: Final = re.compile(r"<([@#])([A-Z]):([^|<>\s]{1,200})(?:\|([^<>\n]{0,200}))?>")


@dataclass(frozen=True, slots=True)
class Mention:
    """Somebody or something named in a text.

    `sign` is `@` or `#`, `kind` a letter (`U` a person, `M` a model, `C` a channel), `label` what people
    read, without the sign.
    """

    sign: str
    kind: str
    id: str
    label: str

    @property
    def text(self) -> str:
        """The mention as people read it: `@Ada`, `#general`."""
        return self.sign + self.label


def found_in(text: str) -> tuple[Mention, ...]:
    """Give all mentions in a text, in their order."""
    return tuple(_mention(match) for match in MARKUP.finditer(text))


def readable(text: str) -> str:
    """Give the text as people read it: each mention by its label, or by its id where it has none."""
    return MARKUP.sub(lambda match: _mention(match).text, text)


def mentions(text: str, user_id: str) -> bool:
    """Tell whether a text names this person."""
    return any(one.kind == "U" and one.id == user_id for one in found_in(text))


def of_person(user_id: str, name: str) -> str:
    """Give the markup that names a person, to be put into a text."""
    label = re.sub(r"[<>|\n]", " ", name).strip()[:200]
    return f"<@U:{user_id}|{label}>" if label else f"<@U:{user_id}>"


def _mention(match: re.Match[str]) -> Mention:
    sign, kind, identity, label = match.groups()
    return Mention(sign, kind, identity, (label or identity).lstrip("@#"))
