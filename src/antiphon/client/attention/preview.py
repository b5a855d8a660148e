"""A line or two of plain text out of a message or an answer, for a notification: no blocks, no markup."""

from __future__ import annotations

import html
import re

from antiphon.client.channels.mentions import readable

MOST = 200
"""Characters of a preview."""
MOST_READ = 20_000
"""Characters of a text that are looked at: what stands behind them cannot come into the preview's reach."""

_DETAILS = re.compile(r"<(/?)details\b[^<>]{0,20000}>", re.IGNORECASE)
_FENCE = re.compile(r"^[ \t]{0,3}(?:`{3,}|~{3,})[^\n]*$", re.MULTILINE)
_TAG = re.compile(r"<!--|-->|</?[a-zA-Z][^<>]{0,2000}>")
_LINK = re.compile(r"!?\[([^\[\]\n]{0,500})\]\([^()\s]{0,2000}(?:[ \t]+\"[^\"\n]{0,500}\")?\)")
_LINE_START = re.compile(r"^[ \t]{0,3}(?:#{1,6}[ \t]+|>[ \t]?|[-*+][ \t]+|\|[ \t]?)", re.MULTILINE)
_RULE = re.compile(r"^[ \t]{0,3}(?:[-*_|:][ \t]*){3,}$", re.MULTILINE)
_EMPHASIS = re.compile(r"(?<!\w)(?:\*{1,3}|_{1,3}|~~)(?=\S)|(?<=\S)(?:\*{1,3}|_{1,3}|~~)(?!\w)")
_SPACE = re.compile(r"\s+")


def preview(text: str, most: int = MOST) -> str:
    """Give what a person would read first of a text, at most `most` characters long, in one line."""
    plain = _without_details(text[:MOST_READ])
    plain = _FENCE.sub(" ", readable(plain))
    plain = _LINK.sub(r"\1", plain)
    plain = _TAG.sub(" ", plain)
    plain = _RULE.sub(" ", plain)
    plain = _LINE_START.sub("", plain)
    plain = _EMPHASIS.sub("", plain).replace("`", "")
    plain = _SPACE.sub(" ", html.unescape(plain)).strip()
    return plain if len(plain) <= most else plain[: most - 1].rstrip() + "…"


def _without_details(text: str) -> str:
    """Leave out collapsible blocks, nested ones too; one that is not closed reaches to the end."""
    kept: list[str] = []
    depth = begin = 0
    for tag in _DETAILS.finditer(text):
        if tag.group(1):
            if depth == 1:
                begin = tag.end()
            depth = max(depth - 1, 0)
        else:
            if not depth:
                kept.append(text[begin : tag.start()])
            depth += 1
    if not depth:
        kept.append(text[begin:])
    return " ".join(kept)
