"""Code in colours: Pygments finds the tokens, the style sheet has a colour for each role, light and dark.

`python -m antiphon.web.highlight` writes the style sheet `static/highlight.css`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any, Final

# Pygments ships no types; its stubs are a package of their own that a build does not need.
from pygments.lexer import Lexer  # type: ignore[import-untyped]  # see above
from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]  # see above
from pygments.token import (  # type: ignore[import-untyped]  # see above
    Comment,
    Error,
    Generic,
    Keyword,
    Literal,
    Name,
    Number,
    Operator,
    String,
)
from pygments.util import ClassNotFound  # type: ignore[import-untyped]  # see above

STYLE_SHEET: Final = Path(__file__).parent / "static" / "highlight.css"

LONGEST: Final = 30_000
"""Characters of one code block beyond which it stays without colours: lexers are slow, and nobody reads
that far."""

_LANGUAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+#._-]{0,30}")
_PLAIN: Final = frozenset({"text", "txt", "plain", "plaintext", "output", "none"})

# Roles, each with its colour on the light and the dark code ground; a token without a role keeps the
# text's colour.
ROLES: Final = {
    "comment": ("#5f6b66", "#93a19b"),
    "keyword": ("#7b35e0", "#c9a6ff"),
    "name": ("#0b5fa8", "#8cc4ff"),
    "type": ("#0a6a5f", "#6fd3c1"),
    "string": ("#8a4b08", "#e9b872"),
    "number": ("#a8285a", "#ff9dbb"),
    "error": ("#b3261e", "#ff9b92"),
    "added": ("#1d6b35", "#86d99b"),
}
_ROLE_OF: Final = {
    Comment: "comment",
    Comment.Preproc: "keyword",
    Keyword: "keyword",
    Keyword.Type: "type",
    Keyword.Constant: "number",
    Operator.Word: "keyword",
    Name.Function: "name",
    Name.Class: "type",
    Name.Builtin: "type",
    Name.Decorator: "name",
    Name.Tag: "keyword",
    Name.Attribute: "name",
    Name.Exception: "type",
    Name.Constant: "number",
    Name.Namespace: "type",
    String: "string",
    String.Escape: "number",
    String.Interpol: "number",
    String.Regex: "number",
    Literal.Date: "string",
    Number: "number",
    Error: "error",
    Generic.Deleted: "error",
    Generic.Error: "error",
    Generic.Traceback: "error",
    Generic.Inserted: "added",
    Generic.Heading: "name",
    Generic.Subheading: "name",
    Generic.Prompt: "comment",
    Generic.Output: "comment",
}


@lru_cache(maxsize=512)
def _role(token: Any) -> str | None:
    """The role of a token, or of its nearest ancestor that has one."""
    return next((_ROLE_OF[ancestor] for ancestor in reversed(token.split()) if ancestor in _ROLE_OF), None)


@lru_cache(maxsize=128)
def _lexer(language: str) -> Lexer | None:
    """The lexer of a language by any of its names, kept because making one costs more than using it."""
    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


def language(info: str) -> str:
    """The language that a fence names, in small letters; empty if it names none, or not one."""
    found = _LANGUAGE.match(info.strip())
    return found.group().lower() if found else ""


def code(text: str, language: str) -> str:
    """Code as HTML: escaped, with a span of its role's class around each coloured piece."""
    lexer = _lexer(language) if language and language not in _PLAIN and len(text) <= LONGEST else None
    if lexer is None:
        return escape(text, quote=False)
    pieces = []
    for role, tokens in groupby(lexer.get_tokens(text), key=lambda token: _role(token[0])):
        piece = escape("".join(value for _, value in tokens), quote=False)
        pieces.append(f'<span class="{role}">{piece}</span>' if role else piece)
    return "".join(pieces)


def style_sheet() -> str:
    """The style sheet: a custom property and a rule for each role."""
    colours = "".join(
        f"\n    --code-{role}: light-dark({light}, {dark});" for role, (light, dark) in ROLES.items()
    )
    rules = "".join(f"\n  .code .{role} {{ color: var(--code-{role}); }}" for role in ROLES)
    return (
        "/* Written by `python -m antiphon.web.highlight`; change the colours there. */\n"
        f"@layer conversation {{\n  :root {{{colours}\n  }}{rules}\n}}\n"
    )


if __name__ == "__main__":
    STYLE_SHEET.write_text(style_sheet(), encoding="utf-8")
