"""One row of a channel: a message, pending or confirmed, with what people did to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

import htpy as h

from antiphon.web import markdown

from . import emoji, icons, times
from .avatar import avatar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from antiphon.wire import Message, Reaction

GROUP_WITHIN = 5 * 60 * 1_000_000_000
"""Messages of one author closer than this (ns) share one head."""


class TimelineRow(Protocol):
    """What a row needs to be drawn; the client's timeline rows have it."""

    @property
    def key(self) -> str:
        """Stable for the row's life."""
        ...

    @property
    def message(self) -> Message:
        """The message as known now."""
        ...

    @property
    def state(self) -> str:
        """`confirmed`, `pending` or `failed`."""
        ...

    @property
    def error(self) -> str | None:
        """Why a failed row failed."""
        ...

    @property
    def temp_id(self) -> str | None:
        """The sender's own id of a row that was sent here."""
        ...


class Me(Protocol):
    """The person who looks."""

    @property
    def id(self) -> str:
        """User id."""
        ...

    @property
    def role(self) -> str:
        """`admin`, `user` or `pending`."""
        ...


def author(message: Message) -> tuple[str, str, bool]:
    """Who wrote a message: identity, name, and whether it is a model (whose answers are stored under a
    person)."""
    meta = message.meta or {}
    model = meta.get("model_id")
    if isinstance(model, str) and model:
        name = meta.get("model_name")
        return model, name if isinstance(name, str) and name else model, True
    return message.user_id, message.user.name if message.user else "Someone", False


def follows(message: Message, previous: Message | None, zone: tzinfo | None = None) -> bool:
    """Whether a message stands under the head of the one before: same author, same day, within
    `GROUP_WITHIN`."""
    return (
        previous is not None
        and author(message)[0] == author(previous)[0]
        and message.reply_to_id is None
        and 0 <= message.created_at - previous.created_at < GROUP_WITHIN
        and _same_day(message, previous, zone)
    )


def _same_day(message: Message, previous: Message, zone: tzinfo | None) -> bool:
    return (
        times.from_nanoseconds(message.created_at, zone).date()
        == times.from_nanoseconds(previous.created_at, zone).date()
    )


def message_row(
    row: TimelineRow,
    *,
    me: Me,
    previous: TimelineRow | None = None,
    first_unread: bool = False,
    can_write: bool = True,
    zone: tzinfo | None = None,
) -> h.Element:
    """A message as the article `#m-{key}`.

    Day and grouping follow from `previous`, the row above; they are part of the row, so that a patch
    replaces one
    element. `first_unread` draws the line above it.
    """
    message = row.message
    before = previous.message if previous else None
    identity, name, is_model = author(message)
    new_day = before is None or not _same_day(message, before, zone)
    grouped = not new_day and not first_unread and follows(message, before, zone)
    moment = times.from_nanoseconds(message.created_at, zone)
    return h.article(
        ".message",
        id=f"m-{row.key}",
        class_=[
            "message",
            "grouped" if grouped else "head",
            row.state != "confirmed" and row.state,
            f"<@U:{me.id}|" in message.content and "to-me",
            is_model and "from-model",
        ],
        data_id=message.id,
        data_at=message.created_at,
        data_author=identity,
        data_state=row.state,
        tabindex="-1",
        aria_label=f"{name}, {times.clock(moment)}",
    )[
        new_day and h.p(".day")[h.time(datetime=moment.date().isoformat())[times.day(moment)]],
        first_unread and h.p(".unread-line")[h.span["New"]],
        _quote(message),
        h.div(".gutter")[times.time_of_day(moment) if grouped else avatar(identity, name, model=is_model)],
        h.div(".body")[
            h.p(".meta")[
                h.strong(".author")[name],
                is_model and h.span(".tag")["model"],
                times.time_of_day(moment),
                message.is_pinned
                and h.span(".pinned", title="Pinned")[icons.icon("pin"), h.span(".sr")["Pinned"]],
            ]
            if not grouped
            else h.span(".sr")[name],
            h.div(".text")[markdown.render(message.content, soft=is_model)],
            edited(message)
            and h.p(".edited", title=times.full(times.from_nanoseconds(message.updated_at, zone)))["edited"],
            reactions(message.reactions, me=me, can_write=can_write),
            _state(row),
            row.state == "confirmed" and can_write and _actions(message, me),
        ],
    ]


def edited(message: Message) -> bool:
    """Whether the text was changed after it was written; a model's answer grows without being edited."""
    return message.updated_at > message.created_at and not author(message)[2]


def _quote(message: Message) -> h.Node:
    if message.reply_to_id is None:
        return None
    quoted = message.reply_to_message
    if quoted is None:
        return h.p(".quote.gone")[icons.icon("reply"), "The message this answers is gone."]
    _, name, _ = author(quoted)
    return h.p(".quote")[icons.icon("reply"), h.strong[name], h.span[markdown.plain(quoted.content, 160)]]


def reactions(all_reactions: Sequence[Reaction], *, me: Me, can_write: bool = True) -> h.Node:
    """The chips under a message: how many, who, and whether one is mine; None if there are none."""
    if not all_reactions:
        return None
    return h.ul(".reactions", aria_label="Reactions")[
        [h.li[_chip(reaction, me, can_write)] for reaction in all_reactions]
    ]


def _chip(reaction: Reaction, me: Me, can_write: bool) -> h.Element:
    names = [user.name for user in reaction.users]
    who = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    count = max(reaction.count, len(names))
    return h.button(
        ".reaction",
        type="button",
        data_name=reaction.name,
        aria_pressed="true" if any(user.id == me.id for user in reaction.users) else "false",
        aria_label=f"{emoji.spoken(reaction.name)}, {count}: {who}"
        if who
        else f"{emoji.spoken(reaction.name)}, {count}",
        title=f"{who} · {emoji.spoken(reaction.name)}" if who else emoji.spoken(reaction.name),
        disabled=not can_write,
    )[h.span(".glyph")[emoji.glyph(reaction.name)], h.span(".count")[count]]


def _state(row: TimelineRow) -> h.Node:
    if row.state == "pending":
        return h.p(".state")["Sending…"]
    if row.state == "failed":
        return h.p(".state", role="alert")[
            icons.icon("alert"),
            h.span[f"Not sent: {row.error}" if row.error else "Not sent."],
            h.button(".link", type="button", data_action="retry")["Retry"],
            h.button(".link", type="button", data_action="discard")["Discard"],
        ]
    return None


def _actions(message: Message, me: Me) -> h.Element:
    mine = message.user_id == me.id
    # Three stops of the Tab key in each row would be too many: arrow keys lead to them (log.js).
    # Their drawings come from the style sheet, and only for the row that is used: most never are.
    return h.div(".actions", role="group", aria_label="Message actions")[
        h.button(
            type="button",
            tabindex="-1",
            data_action="react",
            popovertarget="emoji-picker",
            aria_label="Add reaction",
            title="Add reaction",
        ),
        mine
        and not author(message)[2]
        and h.button(type="button", tabindex="-1", data_action="edit", aria_label="Edit", title="Edit"),
        (mine or me.role == "admin")
        and h.button(
            ".danger", type="button", tabindex="-1", data_action="delete", aria_label="Delete", title="Delete"
        ),
    ]


def message_editor(row: TimelineRow, *, action: str) -> h.Element:
    """The form that takes the place of a message's text while its author changes it."""
    key = re.sub(r"[^\w-]", "", row.key)
    return h.form(".editor", method="post", action=action, data_editor=row.message.id)[
        h.textarea(
            name="content",
            id=f"edit-{key}",
            rows="2",
            aria_label="Edit message",
            required=True,
        )[row.message.content],
        h.div(".row")[
            h.button(".primary.small", type="submit")["Save"],
            h.button(".small", type="button", data_action="cancel-edit")["Cancel"],
            h.span(".hint")["Enter saves, Escape leaves it as it was."],
        ],
    ]
