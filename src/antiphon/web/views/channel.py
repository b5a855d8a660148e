"""The page of a channel: its head, its messages, and where to write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import htpy as h

from . import addresses, emoji, icons
from .avatar import avatar
from .composer import composer
from .dots import dots
from .message import Me, TimelineRow, message_row
from .titles import channel_title, partner

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from antiphon.wire import ChannelDetail


def channel_main(
    detail: ChannelDetail,
    rows: Sequence[TimelineRow],
    *,
    me: Me,
    has_earlier: bool,
    typing: Sequence[str] = (),
    last_read_at: int | None = None,
    draft: str = "",
    drawn: h.Node = None,
    zone: tzinfo | None = None,
) -> h.Element:
    """The whole of `main#view` for a channel; `rows` oldest first, `typing` the names of those who write.

    `last_read_at` (ns) places the line above the first message of others that came later. `drawn` are
    rows that
    were drawn already and take the place of `rows`.
    """
    title = channel_title(detail, me.id)
    may_write = detail.write_access or detail.type in {"dm", "group"}
    reason = None if may_write else f"You may read {title} but not write here."
    return h.main("#view", data_kind="channel", data_id=detail.id)[
        channel_header(detail, me=me),
        h.div(".scroller.from-end", tabindex="0", role="group", aria_label="Conversation")[
            h.div("#log", role="log", aria_label="Messages", aria_live="polite", data_channel=detail.id)[
                channel_top(detail, me=me, has_earlier=has_earlier),
                drawn
                or channel_rows(
                    rows,
                    me=me,
                    last_read_at=last_read_at,
                    can_write=reason is None,
                    zone=zone,
                ),
            ],
        ],
        _foot(
            composer(
                addresses.post_message(detail.id),
                placeholder=f"Write to {title}",
                draft=draft,
                disabled=reason,
            ),
            typing,
        ),
        emoji.picker(),
    ]


def _foot(form: h.Element, typing: Sequence[str]) -> h.Element:
    return h.div(".foot")[
        h.button("#latest", type="button", hidden=True)[icons.icon("down"), h.span["Jump to latest"]],
        form,
        typing_line(typing),
    ]


def channel_header(detail: ChannelDetail, *, me: Me) -> h.Element:
    """The head of a channel: name, purpose, number of members; patched when the channel changes."""
    other = partner(detail, me.id)
    if detail.type == "dm" and other is not None:
        picture: h.Node = avatar(other.id, other.name)
        purpose = "Online" if other.is_active else "Away"
    else:
        picture = h.span(".glyph")[icons.icon("group" if detail.type == "group" else "hash")]
        purpose = detail.description or ""
    count = detail.user_count if detail.type != "dm" else None
    return h.header("#view-head.view-head")[
        menu_button(),
        picture,
        h.div(".titles")[
            h.h1[channel_title(detail, me.id).removeprefix("#")],
            purpose and h.p[purpose],
        ],
        count is not None and h.span(".members")[f"{count} member" if count == 1 else f"{count} members"],
        detail.type != "dm" and (detail.is_manager or me.role == "admin") and _channel_tools(detail),
    ]


def _channel_tools(detail: ChannelDetail) -> h.Element:
    """What those who run a channel can do with it."""
    return tools(
        h.button(
            type="button",
            data_action="edit-channel",
            data_id=detail.id,
            data_name=detail.name,
            data_description=detail.description or "",
            title="Edit channel",
        )[icons.icon("pencil"), h.span["Edit channel"]],
        h.button(
            ".danger", type="button", data_action="delete-channel", data_id=detail.id, title="Delete channel"
        )[icons.icon("trash"), h.span["Delete channel"]],
        label="Channel",
    )


def tools(*buttons: h.Element, label: str) -> h.Element:
    """What one can do with a whole conversation: side by side, or behind "More" on a narrow screen."""
    return h.div(".tools")[
        h.button(".more", type="button", popovertarget="view-tools", aria_label="More", title="More")[
            icons.icon("more")
        ],
        h.div("#view-tools.popup", popover=True, role="group", aria_label=label)[buttons],
    ]


def menu_button() -> h.Element:
    """Opens the drawer with the conversations on a narrow screen, with no script."""
    return h.button(".menu-button", type="button", popovertarget="sidebar", aria_label="Conversations")[
        icons.icon("menu")
    ]


def channel_top(detail: ChannelDetail, *, me: Me, has_earlier: bool) -> h.Element:
    """What stands above the first message: the way to earlier ones, or the beginning of the channel."""
    if has_earlier:
        return h.div("#top")[h.button("#earlier", type="button")["Load earlier"]]
    title = channel_title(detail, me.id)
    if detail.type == "dm":
        lead = f"This is the beginning of your conversation with {title}."
    elif detail.type == "group":
        lead = f"This is the beginning of {title}. Only its members can read it."
    else:
        lead = f"This is the beginning of {title}. Everyone here can read what you write."
    return h.div("#top")[h.div(".beginning")[h.h2[title], h.p[lead]]]


def channel_rows(
    rows: Sequence[TimelineRow],
    *,
    me: Me,
    last_read_at: int | None = None,
    can_write: bool = True,
    zone: tzinfo | None = None,
) -> list[h.Element]:
    """The messages, oldest first; each knows the one above it."""
    unread = _first_unread(rows, me, last_read_at)
    drawn = []
    previous: TimelineRow | None = None
    for row in rows:
        drawn.append(
            message_row(
                row, me=me, previous=previous, first_unread=row.key == unread, can_write=can_write, zone=zone
            )
        )
        previous = row
    return drawn


def _first_unread(rows: Sequence[TimelineRow], me: Me, last_read_at: int | None) -> str | None:
    """The key of the first message of others after the mark; none if all is read, or nothing is."""
    if last_read_at is None or not rows or rows[0].message.created_at > last_read_at:
        return None
    later = (row for row in rows if row.message.created_at > last_read_at and row.message.user_id != me.id)
    return next((row.key for row in later), None)


def typing_line(names: Sequence[str]) -> h.Element:
    """Who is writing; always present, so that nothing moves when someone begins."""
    return h.p("#typing")[[dots(), h.span[_typing_text(names)]] if names else None]


def _typing_text(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"{names[0]} is typing…"
    if len(names) <= 3:
        return f"{', '.join(names[:-1])} and {names[-1]} are typing…"
    return f"{names[0]}, {names[1]} and {len(names) - 2} others are typing…"
