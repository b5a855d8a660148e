"""What we add to CommonMark: mentions, bare web addresses, pictures as links, columns aligned by class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from markdown_it.token import Token

from . import highlight

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.rules_core import StateCore
    from markdown_it.rules_inline import StateInline
    from markdown_it.utils import EnvType, OptionsDict

WEB_ADDRESS: Final = re.compile(r"(?:https?://|mailto:)[^\s<>\"'`\\\x00-\x20]+", re.IGNORECASE)
"""The only addresses that become links."""

# <@U:id|label> a person, <@M:id|label> a model, <#C:id|label> a channel; the label may be missing.
MENTION: Final = re.compile(r"<([@#])([A-Z]):([^|<>\s]{1,200})(?:\|([^<>\n]{0,200}))?>")

COPY: Final = '<span class="copy"></span>'
"""Where a block of code gets its button. What people write never holds it: they make no elements, and a quote
in an attribute is written `&quot;`."""

_BARE: Final = re.compile(r"\bhttps?://[^\s<>\"\\]+", re.IGNORECASE)
_HEADINGS: Final = {"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6", "h5": "h6", "h6": "h6"}
_ALIGNED: Final = {"text-align:center": "center", "text-align:right": "right"}


def install(markdown: MarkdownIt) -> None:
    """Add the rules to a parser."""
    markdown.inline.ruler.before("autolink", "mention", _mention)
    markdown.core.ruler.after("inline", "antiphon", _finish)
    markdown.add_render_rule("mention", _render_mention)
    markdown.add_render_rule("image", _render_image)
    markdown.add_render_rule("fence", _render_code)
    markdown.add_render_rule("code_block", _render_code)


def is_link(address: str) -> bool:
    """Whether an address may become a link at all."""
    return WEB_ADDRESS.match(address) is not None


def mention_text(kind: str, identity: str, label: str | None) -> str:
    """A mention as people read it: `@Ada`, `#general`."""
    sign = "#" if kind == "#" else "@"
    return sign + (label or identity).lstrip("@#")


def _mention(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "<":
        return False
    found = MENTION.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        sign, kind, identity, label = found.groups()
        token = state.push("mention", "", 0)
        token.content = mention_text(sign, identity, label)
        token.meta = {"kind": kind}
    state.pos = found.end()
    return True


def _finish(state: StateCore) -> None:
    """One pass over a parsed text: headings below the page's own, alignment by class, bare addresses as
    links."""
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = _HEADINGS[token.tag]
        elif token.type in {"th_open", "td_open"}:
            style = token.attrs.pop("style", None)
            if style in _ALIGNED:
                token.attrs["class"] = _ALIGNED[str(style)]
        elif token.type == "inline" and token.children and "://" in token.content:
            token.children = _with_links(token.children)


def _with_links(tokens: list[Token]) -> list[Token]:
    linked: list[Token] = []
    inside = 0
    for token in tokens:
        inside += (token.type == "link_open") - (token.type == "link_close")
        if inside or token.type != "text" or "://" not in token.content:
            linked.append(token)
        else:
            linked.extend(_split(token.content))
    return linked


def _split(text: str) -> list[Token]:
    parts: list[Token] = []
    end = 0
    for found in _BARE.finditer(text):
        address = _trimmed(found.group())
        if address.endswith("//"):
            continue
        parts += [
            _text(text[end : found.start()]),
            Token("link_open", "a", 1, attrs={"href": address}),
            _text(address),
            Token("link_close", "a", -1),
        ]
        end = found.start() + len(address)
    return [*parts, _text(text[end:])]


def _trimmed(address: str) -> str:
    """An address without the punctuation of the sentence around it."""
    while True:
        shorter = address.rstrip(".,;:!?'*_~")
        if shorter.endswith(")") and shorter.count("(") < shorter.count(")"):
            shorter = shorter[:-1]
        if shorter == address:
            return address
        address = shorter


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _render_mention(
    _: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    token = tokens[index]
    kind = " model" if token.meta.get("kind") == "M" else ""
    return f'<span class="mention{kind}">{escape(token.content)}</span>'


def _render_image(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """A picture stays with whoever hosts it until the reader asks for it: loading it would tell them
    who reads."""
    token = tokens[index]
    text = renderer.renderInlineAsText(token.children or [], options, env) or "picture"
    return f'<a href="{escape(str(token.attrs.get("src", "")))}">{escape(text)}</a>'


def _render_code(
    _: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    token = tokens[index]
    language = highlight.language(token.info)
    name = f' data-lang="{escape(language)}"' if language else ""
    code = highlight.code(token.content, language)
    return f'<div class="code"{name}>{COPY}<pre><code>{code}</code></pre></div>\n'
