"""Rendered rows of channels, shared by everyone on this page: most people see the same row."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from .views import message_row, times
from .views.message import edited, follows

if TYPE_CHECKING:
    from datetime import tzinfo

    from antiphon.wire import Message

    from .views.message import Me, TimelineRow


class RowCache:
    """The HTML of rows by everything that decides how they look; the oldest unused ones go."""

    def __init__(self, limit: int = 20_000) -> None:
        self._limit = limit
        self._held: OrderedDict[tuple[object, ...], str] = OrderedDict()
        self.rendered = 0
        """How many rows were really rendered."""

    def __len__(self) -> int:
        return len(self._held)

    def html(
        self,
        row: TimelineRow,
        *,
        me: Me,
        previous: TimelineRow | None,
        first_unread: bool,
        can_write: bool,
        zone: tzinfo | None,
    ) -> str:
        """Return the row as HTML for `me`, with times in `zone`."""
        key = _look(row, me, previous, first_unread, can_write, zone)
        held = self._held.get(key)
        if held is not None:
            self._held.move_to_end(key)
            return held
        self.rendered += 1
        node = message_row(
            row, me=me, previous=previous, first_unread=first_unread, can_write=can_write, zone=zone
        )
        html = self._held[key] = str(node)
        if len(self._held) > self._limit:
            self._held.popitem(last=False)
        return html


def _look(
    row: TimelineRow,
    me: Me,
    previous: TimelineRow | None,
    first_unread: bool,
    can_write: bool,
    zone: tzinfo | None,
) -> tuple[object, ...]:
    message = row.message
    mine = message.user_id == me.id
    before = previous.message if previous else None
    return (
        row.key,
        row.state,
        row.error,
        message.id,
        message.created_at,
        message.updated_at,
        message.content,
        message.user.name if message.user else None,
        message.is_pinned,
        _reactions(message, me),
        _quote(message),
        mine,
        me.role == "admin",
        me.id if "<@U:" in message.content else None,
        _times(message, before, zone),
        follows(message, before, zone),
        first_unread,
        can_write,
    )


def _times(message: Message, before: Message | None, zone: tzinfo | None) -> tuple[object, ...]:
    """What the zone does to a row: two whose clocks stood alike at that moment are shown the same row."""
    written = times.from_nanoseconds(message.created_at, zone)
    return (
        written.utcoffset(),
        edited(message) and times.from_nanoseconds(message.updated_at, zone).utcoffset(),
        before is None or times.from_nanoseconds(before.created_at, zone).date() != written.date(),
    )


def _reactions(message: Message, me: Me) -> tuple[object, ...] | None:
    if not message.reactions:
        return None
    return tuple(
        (
            one.name,
            one.count,
            tuple(user.id for user in one.users),
            any(user.id == me.id for user in one.users),
        )
        for one in message.reactions
    )


def _quote(message: Message) -> object:
    quoted = message.reply_to_message
    if quoted is None:
        return message.reply_to_id
    return quoted.id, quoted.content, quoted.user.name if quoted.user else None
