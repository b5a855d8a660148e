"""How a patch is written: htmx partials for the browser, framed as a server-sent event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Iterable

    import htpy as h


def event(name: str, data: str = "", *, id_: str | None = None) -> bytes:
    """Frame one event. Lines of `data` travel as lines, so that code blocks keep theirs."""
    lines = data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    head = f"event: {name}\n" + (f"id: {id_}\n" if id_ is not None else "")
    return (head + "".join(f"data: {line}\n" for line in lines) + "\n").encode()


def partial(target: str, swap: str, content: str) -> str:
    """Return a partial that swaps `content`, which is HTML already, into the element `target`."""
    return f'<hx-partial hx-target="{escape(target)}" hx-swap="{escape(swap)}">{content}</hx-partial>'


def morph(target: str, node: h.Renderable) -> str:
    """Return a partial that turns the element `target` into `node`."""
    return partial(target, "outerMorph", str(node))


def rows(content: Iterable[str]) -> str:
    """Return a partial that makes the log hold exactly these rows and what waits in the browser."""
    return partial("#log", "rows", "".join(content))


def some_rows(content: Iterable[str], *, earlier: bool = False) -> str:
    """Return a partial that puts these rows at their places; `earlier`: also before the first row held."""
    return partial("#log", "row earlier:true" if earlier else "row", "".join(content))


def gone(ids: Iterable[str]) -> str:
    """Return a partial that removes the elements with these ids."""
    return partial("#log", "gone", "".join(Markup('<i id="{}"></i>').format(id_) for id_ in ids))


def blocks(holder_id: str, content: Iterable[str]) -> str:
    """Return a partial that puts blocks into the text of an answer that grows."""
    holder = Markup('<div id="{}">').format(holder_id)
    return partial("#log", "blocks", f"{holder}{''.join(content)}</div>")
