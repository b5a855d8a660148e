"""The document around every page: head, drawings, and the place for what the page shows."""

from __future__ import annotations

from typing import Protocol

import htpy as h

from . import icons


class Assets(Protocol):
    """Where the browser finds the page's files."""

    @property
    def style(self) -> str:
        """Address of the style sheet."""
        ...

    @property
    def htmx(self) -> str:
        """Address of htmx, a classic script that our own asks for once the page can be used."""
        ...

    @property
    def entry(self) -> str:
        """Address of the module that starts all others."""
        ...

    @property
    def modules(self) -> tuple[str, ...]:
        """Addresses of all modules."""
        ...

    def url(self, name: str) -> str:
        """Address of one file of the static folder."""
        ...


def document(
    *,
    title: str,
    main: h.Node,
    assets: Assets,
    signed_in: bool,
    theme: str | None = None,
    htmx_config: str | None = None,
) -> h.Element:
    """A whole page; `main` is the app shell of a signed-in person or the content of a page without one.

    `theme` is `light`, `dark` or None (as the system has it). A page without a session loads no script
    of ours.
    """
    return h.html(lang="en", data_theme=theme if theme in {"light", "dark"} else "system")[
        h.head[
            h.meta(charset="utf-8"),
            h.meta(
                name="viewport",
                content="width=device-width, initial-scale=1, viewport-fit=cover,"
                " interactive-widget=resizes-content",
            ),
            h.title[title],
            h.meta(name="description", content="Channels and model chats, live."),
            h.meta(name="color-scheme", content="light dark"),
            h.meta(name="theme-color", content="#f4f6f4", media="(prefers-color-scheme: light)"),
            h.meta(name="theme-color", content="#101514", media="(prefers-color-scheme: dark)"),
            htmx_config and h.meta(name="htmx-config", content=htmx_config),
            h.link(rel="stylesheet", href=assets.style),
            h.link(rel="icon", href=assets.url("icons/mark.svg"), type="image/svg+xml"),
            h.link(rel="apple-touch-icon", href=assets.url("icons/touch.png")),
            h.link(rel="manifest", href=assets.url("icons/antiphon.webmanifest")),
            signed_in
            and [
                [h.link(rel="modulepreload", href=address) for address in assets.modules],
                h.link(rel="preload", as_="script", href=assets.htmx),
                h.script(type="module", src=assets.entry),
            ],
        ],
        h.body(hx_sync="replace")[icons.sprite(), h.div("#app", class_=[not signed_in and "outside"])[main]],
    ]
