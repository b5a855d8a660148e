"""The way to every conversation: channels, people, chats."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import htpy as h

from . import addresses, icons, times
from .avatar import avatar
from .menu import user_button, user_menu
from .titles import channel_title, partner

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime, tzinfo

    from antiphon.wire import ChannelEntry, ChatEntry, SessionUser, UserEntry


def sidebar(
    *,
    user: SessionUser,
    channels: Sequence[ChannelEntry],
    people: Sequence[UserEntry],
    chats: Sequence[ChatEntry],
    current: str | None = None,
    theme: str | None = None,
    now: float | None = None,
    zone: tzinfo | None = None,
) -> h.Element:
    """`nav#sidebar`: a column on a wide screen, a drawer on a narrow one (a popover: no script opens or
    closes it).

    `current` is the id of the channel or chat on screen.
    """
    return h.nav("#sidebar", popover=True, aria_label="Conversations")[
        h.div(".side-head")[
            h.a(".brand", href=addresses.HOME, aria_label="Antiphon, home")[icons.mark(), h.span["Antiphon"]],
            h.button(
                ".close-button",
                type="button",
                popovertarget="sidebar",
                popovertargetaction="hide",
                aria_label="Close conversations",
            )[icons.icon("close")],
        ],
        h.a(".new-chat", href=addresses.HOME)[icons.icon("plus"), h.span["New chat"]],
        h.div(".side-lists")[
            h.section(aria_labelledby="channels-label")[
                h.div(".list-head")[
                    h.h2("#channels-label")["Channels"],
                    user.role == "admin"
                    and h.button(
                        type="button",
                        data_action="new-channel",
                        aria_label="New channel",
                        title="New channel",
                    )[icons.icon("plus")],
                ],
                channel_list(channels, current=current, me_id=user.id),
            ],
            h.section(aria_labelledby="people-label")[
                h.h2("#people-label")["People"], people_list(people, channels, current=current, me_id=user.id)
            ],
            h.section(aria_labelledby="chats-label")[
                h.h2("#chats-label")["Chats"], chat_list(chats, current=current, now=now, zone=zone)
            ],
        ],
        h.div(".side-foot")[user_button(user), user_menu(user, theme=theme)],
    ]


def _unread(count: int, *, muted: bool = False) -> h.Node:
    if count <= 0 or muted:
        return None
    return h.span(".unread")[h.span(".sr")["unread: "], str(count) if count < 100 else "99+"]


def _page(is_current: bool) -> str | None:
    return "page" if is_current else None


def channel_list(
    channels: Iterable[ChannelEntry], *, current: str | None = None, me_id: str = ""
) -> h.Element:
    """`ul#channel-list`: channels and groups; conversations of two stand with the people."""
    shown = [channel for channel in channels if channel.type != "dm"]
    return h.ul("#channel-list")[
        [
            h.li[
                h.a(
                    href=addresses.channel(channel.id),
                    aria_current=_page(channel.id == current),
                    class_=[
                        channel.unread_count > 0 and not channel.is_channel_muted and "has-unread",
                        channel.is_channel_muted and "muted",
                    ],
                )[
                    icons.icon("group" if channel.type == "group" else "hash"),
                    h.span(".name")[channel_title(channel, me_id).removeprefix("#")],
                    _unread(channel.unread_count, muted=bool(channel.is_channel_muted)),
                ]
            ]
            for channel in shown
        ]
        or h.li(".empty")["No channel yet. The administrator can add you to one."]
    ]


def people_list(
    people: Iterable[UserEntry],
    channels: Iterable[ChannelEntry],
    *,
    current: str | None = None,
    me_id: str = "",
) -> h.Element:
    """`ul#people-list`: first the people one already talks with, then the others by name.

    A person with whom there is no conversation yet leads to an address that opens one.
    """
    rows = []
    seen = {me_id}
    everyone = {person.id: person for person in people}
    for channel in channels:
        other = partner(channel, me_id)
        if other is not None:
            seen.add(other.id)
            known = everyone.get(other.id, other)
            rows.append(
                _person(
                    known,
                    href=addresses.channel(channel.id),
                    is_current=channel.id == current,
                    unread=channel.unread_count,
                    muted=bool(channel.is_channel_muted),
                )
            )
    others = sorted(
        (p for p in everyone.values() if p.id not in seen), key=lambda p: (p.name.casefold(), p.id)
    )
    rows += [_person(person, href=addresses.person(person.id)) for person in others]
    return h.ul("#people-list")[
        rows or h.li(".empty")["Nobody else yet. Give colleagues the address of this page."]
    ]


def _person(
    person: UserEntry, *, href: str, is_current: bool = False, unread: int = 0, muted: bool = False
) -> h.Element:
    presence = "online" if person.is_active else "away"
    return h.li[
        h.a(
            href=href,
            aria_current=_page(is_current),
            class_=[unread > 0 and not muted and "has-unread", muted and "muted"],
        )[
            h.span(".pictured")[avatar(person.id, person.name), h.span(class_=["presence", presence])],
            h.span(".name")[person.name],
            h.span(".sr")[f", {presence}"],
            _unread(unread, muted=muted),
        ]
    ]


def chat_list(
    chats: Iterable[ChatEntry],
    *,
    current: str | None = None,
    now: float | None = None,
    zone: tzinfo | None = None,
) -> h.Element:
    """`ul#chat-list`: chats under "Today", "Yesterday" and "Older"; `now` in unix seconds, by default
    this moment."""
    groups: dict[str, list[ChatEntry]] = {}
    today = (times.from_seconds(now, zone) if now is not None else times.now(zone)).date()
    for chat in chats:
        groups.setdefault(_age(times.from_seconds(chat.updated_at, zone), today), []).append(chat)
    return h.ul("#chat-list")[
        [
            h.li(".group")[
                h.h3[label],
                h.ul[[_chat(chat, is_current=chat.id == current) for chat in members]],
            ]
            for label, members in groups.items()
        ]
        or h.li(".empty")["No chat yet. “New chat” begins one."]
    ]


def _age(moment: datetime, today: date) -> str:
    if moment.date() >= today:
        return "Today"
    return "Yesterday" if moment.date() + timedelta(days=1) == today else "Older"


def _chat(chat: ChatEntry, *, is_current: bool) -> h.Element:
    return h.li[
        h.a(
            href=addresses.chat(chat.id),
            aria_current=_page(is_current),
            title=chat.title,
            class_=[chat.active and "active"],
        )[
            h.span(".name")[chat.title or "New chat"],
            chat.active and [h.span(".pulse", aria_hidden="true"), h.span(".sr")[", answering"]],
        ]
    ]
