"""The one renderer for untrusted text: CommonMark → coloured code → an allow-list of harmless HTML.

The parser makes no HTML from HTML; the sanitiser would remove it if it did. Either alone is enough, and both
are there. Nothing is loaded from elsewhere: pictures become links.

The laws of `blocks`, for any texts `p` and `s`:

- nothing is lost: the blocks joined are the text (its line ends written as line feeds);
- `blocks(p)[:-1] == blocks(p + s)[: len(blocks(p)) - 1]`: all blocks but the last are finished and stay what
  they are, whatever is appended. So an answer that grows is rendered anew only in its last block;
- rendered one by one, the blocks give what the whole text gives, if no link definition (`[name]: address`) is
  used by another block than its own. For those see `references`.
"""

from __future__ import annotations

import re
from html import escape
from itertools import pairwise
from typing import Any, Final, TypeGuard

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from . import highlight, markdown_rules

LONGEST: Final = 40_000
"""Characters beyond which a text is shown as it is: the worst of this length take a fraction of a second."""


def _parser(*, breaks: bool) -> MarkdownIt:
    parser = (
        MarkdownIt("commonmark", {"html": False, "breaks": breaks, "xhtmlOut": False})
        .enable(["table", "strikethrough"])
        .disable(["html_block", "html_inline"])
    )
    markdown_rules.install(parser)
    # Other addresses (javascript:, data:, file:, relative ones) leave their source text as it was written.
    # Replacing this method is the parser's documented way.
    parser.validateLink = markdown_rules.is_link  # type: ignore[method-assign,assignment]  # see above
    return parser


_MARKDOWN: Final = _parser(breaks=True)
"""For people: who presses Shift+Enter means a new line."""

_SOFT: Final = _parser(breaks=False)
"""For models: they write CommonMark, in which a single line end is a space."""

_LINES: Final = re.compile(r"[^\n]*\n|[^\n]+")

_SANITISER: Final = nh3.Cleaner(
    tags={
        *(
            "a",
            "blockquote",
            "br",
            "code",
            "div",
            "em",
            "h3",
            "h4",
            "h5",
            "h6",
            "hr",
            "li",
            "ol",
            "p",
            "pre",
            "s",
        ),
        *("span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
    },
    attributes={"a": {"href", "title"}, "ol": {"start"}, "div": {"data-lang"}},
    allowed_classes={
        "div": {"code", "plain"},
        "span": {"copy", "mention", "model", *highlight.ROLES},
        "td": {"center", "right"},
        "th": {"center", "right"},
    },
    set_tag_attribute_values={"a": {"target": "_blank"}},
    link_rel="noopener noreferrer nofollow",
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
)


def render(text: str, references: dict[str, Any] | None = None, *, soft: bool = False) -> Markup:
    """Render a text's blocks; `references` are link definitions that stand elsewhere (see `references`).

    With `soft` a single line end is a space, as models mean it; without, it is one, as people mean it.
    """
    if len(text) > LONGEST:
        return Markup(f'<div class="plain">{escape(text)}</div>')  # noqa: S704 - escaped here
    parser = _SOFT if soft else _MARKDOWN
    return _clean(parser.render(text, {"references": dict(references)} if references else {}))


def render_inline(text: str) -> Markup:
    """Render a text as one line: no paragraphs, lists or code blocks."""
    if len(text) > LONGEST:
        return Markup(escape(text))  # noqa: S704 - escaped here
    return _clean(_MARKDOWN.renderInline(text))


COPY_BUTTON: Final = (
    '<button class="copy" type="button" data-action="copy" aria-label="Copy code" title="Copy">'
    '<svg class="icon" aria-hidden="true" focusable="false"><use href="#i-copy"></use></svg></button>'
)


def _clean(html: str) -> Markup:
    clean = _SANITISER.clean(html).replace(markdown_rules.COPY, COPY_BUTTON)
    return Markup(clean)  # noqa: S704 - this is the sanitiser, and a button of ours


def plain(text: str, limit: int = 200) -> str:
    """A text in one line as words alone, cut to `limit` characters: for quotes, previews and
    notifications."""
    words: list[str] = []
    for token in _MARKDOWN.parse(text[: 4 * limit + 200]):
        if token.type == "inline":
            words.append(_words(token.children or []))
        elif token.type in {"fence", "code_block"}:
            words.append(token.content)
    line = " ".join(" ".join(words).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _words(tokens: list[Token]) -> str:
    return "".join(
        " "
        if token.type in {"softbreak", "hardbreak"}
        else _words(token.children or [])
        if token.type == "image"
        else token.content
        for token in tokens
    )


def is_web_address(value: object) -> TypeGuard[str]:
    """Whether a value from outside may become a link."""
    return isinstance(value, str) and re.fullmatch(markdown_rules.WEB_ADDRESS, value) is not None


def references(text: str) -> dict[str, Any]:
    """The link definitions of a text (`[name]: address`), for blocks of it that are rendered alone."""
    if "]:" not in text:
        return {}
    _, found = _parse_blocks(text)
    return found


def blocks(text: str) -> list[str]:
    """Split a text into its top-level blocks, each of which can be rendered alone; see the law above.

    A line without its end may still become something else ("1" may become "1. …", which continues a list),
    so it splits nothing off yet, unless its first letter has decided that it begins a paragraph.
    """
    normal = _normal(text)
    if not normal.strip(" \t\n"):
        return []
    spans = _spans(normal)
    lines = _LINES.findall(normal)
    if not lines[-1].endswith("\n") and spans and _undecided(*spans[-1], lines):
        spans = _spans("".join(lines[:-1]))
    # What stands between two blocks (blank lines, link definitions) goes with the one before.
    cuts = [0, *(start for start, _ in spans[1:]), len(lines)]
    return ["".join(lines[start:end]) for start, end in pairwise(cuts)]


def _spans(text: str) -> list[tuple[int, str]]:
    """The first line of each top-level block, and its kind."""
    tokens, _ = _parse_blocks(text)
    return [
        (token.map[0], token.type)
        for token in tokens
        if token.level == 0 and token.map and token.nesting >= 0
    ]


def _undecided(start: int, kind: str, lines: list[str]) -> bool:
    last = len(lines) - 1
    if kind == "table_open":
        return start >= last - 1  # the delimiter row is what makes it a table
    return start == last and re.match(r" {0,3}[^\W\d_]", lines[last]) is None


def _parse_blocks(text: str) -> tuple[list[Token], dict[str, Any]]:
    """Only the structure: no inline parsing, which costs the most."""
    tokens: list[Token] = []
    env: dict[str, Any] = {}
    _MARKDOWN.block.parse(text, _MARKDOWN, env, tokens)
    return tokens, env.get("references", {})


def _normal(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
