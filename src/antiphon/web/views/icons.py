"""The page's own drawings: one hidden sprite per document, referred to by name."""

from __future__ import annotations

import htpy as h
from markupsafe import Markup

# Drawn on a 20-unit grid with a 1.6-unit pen; the mark alone is filled. Stroke and caps are set in the
# style sheet.
_STROKES = {
    "hash": "M4 7.5h12.5M3.5 12.5H16M8.2 3.5 6.6 16.5M13.4 3.5l-1.6 13",
    "group": "M7.5 9.5a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6ZM2.5 16c.3-2.7 2.3-4.3 5-4.3s4.7 1.6 5 4.3"
    "M13 4.2a2.6 2.6 0 0 1 0 5M14.6 11.9c1.7.5 2.7 1.9 2.9 4.1",
    "chat": "M10 3.5c-4 0-7 2.5-7 5.8 0 2 1.1 3.7 2.9 4.7l-.6 2.7 3.1-1.7c.5.1 1.1.1 1.6.1 "
    "4 0 7-2.5 7-5.8s-3-5.8-7-5.8Z",
    "plus": "M10 4v12M4 10h12",
    "menu": "M3.5 6h13M3.5 10h13M3.5 14h13",
    "more": "M4.5 10h.01M10 10h.01M15.5 10h.01",
    "close": "M5 5l10 10M15 5 5 15",
    "send": "M10 16.5v-13M4.5 9 10 3.5 15.5 9",
    "stop": "M6 6h8v8H6Z",
    "smile": "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM7.3 11.7c1.3 1.8 4.1 1.8 5.4 0M7.7 8v.2M12.3 8v.2",
    "pencil": "m4 16 .7-3.3 8.4-8.4 2.6 2.6-8.4 8.4L4 16ZM11.5 5.9l2.6 2.6",
    "trash": "M4 5.8h12M8 5.6V4h4v1.6M5.6 6l.7 10h7.4l.7-10M8.5 9v4.5M11.5 9v4.5",
    "retry": "M15.8 8.3A6.2 6.2 0 1 0 16 11.7M16.2 4v4.4h-4.4",
    "copy": "M7.5 7.5h8v8h-8ZM12.5 7.2V4.5h-8v8h2.7",
    "down": "M10 4v11.5M5 10.8l5 5 5-5",
    "caret": "m6 8 4 4 4-4",
    "check": "m4.5 10.5 3.6 3.6 7.4-8",
    "alert": "M10 3.8 17 16H3L10 3.8ZM10 8.4v3.3M10 13.8v.2",
    "plug": "M7.5 3.5v3.5M12.5 3.5v3.5M5.5 7h9v2.7a4.5 4.5 0 0 1-9 0V7ZM10 14.2v2.8",
    "exit": "M8 3.8H4.5v12.4H8M8.5 10h8M13.3 6.7l3.2 3.3-3.2 3.3",
    "pin": "M7 3.5h6l-.7 5 2.2 3h-9l2.2-3L7 3.5ZM10 11.5V17",
    "reply": "M8 4.5 3.5 9 8 13.5M4 9h7c3 0 5 2 5 6",
}

# Two half-discs that face one another at different heights: a call and its response.
_MARK = (
    '<path class="call" d="M9.2 1.2v13a6.5 6.5 0 0 1 0-13Z"/>'
    '<path class="response" d="M10.8 5.8v13a6.5 6.5 0 0 0 0-13Z"/>'
)


def sprite() -> Markup:
    """Every drawing once, hidden; the first thing in a document's body."""
    symbols = "".join(
        f'<symbol id="i-{name}" viewBox="0 0 20 20"><path d="{path}"/></symbol>'
        for name, path in _STROKES.items()
    )
    return Markup(  # noqa: S704 - built from the constants above alone
        f'<svg class="sprite" aria-hidden="true" focusable="false">{symbols}'
        f'<symbol id="i-mark" viewBox="0 0 20 20">{_MARK}</symbol></svg>'
    )


_DRAWN = {
    name: Markup(f'<svg class="icon" aria-hidden="true" focusable="false"><use href="#i-{name}"></use></svg>')  # noqa: S704
    for name in _STROKES
}


def icon(name: str) -> Markup:
    """A drawing beside a text or a label; a screen reader passes over it."""
    return _DRAWN[name]


def mark() -> h.Element:
    """The product's mark."""
    return h.svg(".mark", aria_hidden="true", focusable="false")[h.use(href="#i-mark")]
