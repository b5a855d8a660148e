"""One turn of a chat: a question, or a model's answer with everything that came with it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import htpy as h
from markupsafe import Markup

from antiphon.web import markdown

from . import icons, times
from .avatar import avatar
from .dots import dots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

    from antiphon.wire import ChatMessage, OutputItem

    from .message import Me

ENDS = {
    "stopped": "You stopped this answer.",
    "interrupted": "The server was interrupted before this answer was complete.",
}


def turn_state(message: ChatMessage, *, running: bool) -> str:
    """`running`, `done`, `failed`, `stopped` or `interrupted`.

    An answer that is neither done nor running anywhere was cut off, whatever the server says (or does not).
    """
    if message.role != "assistant":
        return "done"
    said = (message.meta or {}).get("state")
    if said in {"failed", "stopped", "interrupted"}:
        return str(said)
    if message.error:
        return "failed"
    if running:
        return "running"
    return "interrupted" if message.done is False else "done"


def turn(
    message: ChatMessage,
    *,
    running: bool,
    me: Me | None = None,
    last: bool = True,
    zone: tzinfo | None = None,
) -> h.Element:
    """A turn as the article `#t-{id}`; `running` says that this turn is being answered now.

    Follow-up suggestions and "Try again" stand under the `last` turn only.
    """
    state = turn_state(message, running=running)
    asking = message.role == "user"
    name = _speaker(message, me)
    moment = times.from_seconds(message.timestamp, zone) if message.timestamp is not None else None
    return h.article(
        ".turn",
        id=f"t-{message.id}",
        class_=["turn", asking and name != "You" and "of-other"],
        data_role=message.role,
        data_state=state,
        tabindex="-1",
        aria_label=name,
        aria_busy="true" if state == "running" else None,
    )[
        asking or h.div(".gutter")[avatar(message.model or "model", name, model=True)],
        h.div(".body")[
            h.p(".meta")[h.strong(".author")[name], times.time_of_day(moment) if moment else None],
            None
            if asking
            else [_progress(message), _reasoning(message.output or (), running=state == "running")],
            h.div(".text", id=f"x-{message.id}")[
                turn_blocks(message.id, message.content, finished=state != "running", soft=not asking)
                or (state == "running" and h.p(".waiting")[dots(), h.span(".sr")["Thinking"]])
            ],
            None if asking else [_sources(message.sources or ()), turn_end(message, state, last=last)],
        ],
    ]


def _speaker(message: ChatMessage, me: Me | None) -> str:
    if message.role == "user":
        if message.user is not None and (me is None or message.user.id != me.id):
            return message.user.name
        return "You"
    return message.model_name or message.model or "Assistant"


@lru_cache(maxsize=2048)
def _finished(block: str, soft: bool) -> Markup:
    """A block by its text alone: those of a growing answer are asked for again and again."""
    return markdown.render(block, soft=soft)


def turn_blocks(turn_id: str, text: str, *, finished: bool, soft: bool = True) -> list[h.Element]:
    """The text as blocks `#b-{turn}-{n}`: all but the last never change while text is appended.

    `soft`: single line ends are spaces, as in answers; a person's are line ends.
    Link definitions may stand below the links that use them, so they count only once the text is `finished`.
    """
    parts = markdown.blocks(text)
    definitions = markdown.references(text) if finished else {}
    return [
        h.div(
            ".block",
            id=f"b-{turn_id}-{number}",
            class_=["block", not finished and number == len(parts) - 1 and "growing"],
        )[markdown.render(part, definitions, soft=soft) if definitions else _finished(part, soft)]
        for number, part in enumerate(parts)
    ]


def _progress(message: ChatMessage) -> h.Node:
    """The newest step that a plug-in or the server reported, unless it asked to be hidden."""
    steps = [
        step for step in message.status_history or () if isinstance(step, dict) and not step.get("hidden")
    ]
    text = steps[-1].get("description") if steps else None
    return (
        isinstance(text, str)
        and text
        and h.p(class_=["progress", not steps[-1].get("done") and "going"])[text]
    )


def _reasoning(items: Sequence[OutputItem], *, running: bool) -> h.Node:
    """What the model thought before it answered, folded away."""
    folded = []
    for item in items:
        if item.type != "reasoning":
            continue
        parts = (*(item.summary or ()), *(item.content or ()))
        text = "\n\n".join(part.text for part in parts if part.text)
        if not text:
            continue
        going = running and item.status == "in_progress"
        label = (
            "Thinking…" if going else f"Thought for {round(item.duration)} s" if item.duration else "Thought"
        )
        folded.append(
            h.details(".reasoning")[h.summary[label], h.div(".text")[markdown.render(text, soft=True)]]
        )
    return folded


def _sources(sources: Sequence[Mapping[str, Any]]) -> h.Node:
    """Where the answer says it comes from: a link where the source has a web address, else its name."""
    named: dict[str, str | None] = {}
    for source in sources:
        about = source.get("source")
        about = about if isinstance(about, dict) else {}
        metadata = source.get("metadata")
        first = (
            metadata[0] if isinstance(metadata, list) and metadata and isinstance(metadata[0], dict) else {}
        )
        addresses = (about.get("url"), first.get("source"), about.get("id"))
        address = next((one for one in addresses if markdown.is_web_address(one)), None)
        names = (about.get("name"), first.get("name"), first.get("title"), address)
        name = next((one for one in names if isinstance(one, str) and one), None)
        if name:
            named.setdefault(name, address)
    if not named:
        return None
    return h.details(".sources")[
        h.summary[f"{len(named)} source" if len(named) == 1 else f"{len(named)} sources"],
        h.ol[[h.li[_link(address, name) if address else name] for name, address in named.items()]],
    ]


def _link(address: str, name: str) -> h.Element:
    return h.a(href=address, target="_blank", rel="noopener noreferrer nofollow")[name]


def turn_end(message: ChatMessage, state: str, *, last: bool) -> h.Element:
    """`div#e-{id}`: how an answer ended, the way to try again, and what to ask next."""
    failed = state in {"failed", "stopped", "interrupted"}
    return h.div(".end", id=f"e-{message.id}")[
        failed
        and h.p(".outcome", role="alert" if state == "failed" else None)[
            icons.icon("alert") if state == "failed" else icons.icon("stop"),
            h.span[_error_text(message.error) if state == "failed" else ENDS[state]],
            last
            and h.button(".small", type="button", data_action="try-again")[
                icons.icon("retry"), h.span["Try again"]
            ],
        ],
        last
        and state == "done"
        and message.follow_ups
        and h.ul(".follow-ups", aria_label="Suggestions")[
            [h.li[h.button(type="button", data_suggestion=text)[text]] for text in message.follow_ups]
        ],
    ]


def _error_text(error: object) -> str:
    """The reason as text, whatever shape the server gave it."""
    for _ in range(4):
        if isinstance(error, str) and error.strip():
            return error.strip()
        if not isinstance(error, dict):
            break
        keys = ("content", "detail", "message", "error")
        error = next((error[key] for key in keys if error.get(key)), None)
    return "The model could not answer."
