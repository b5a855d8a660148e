"""Channels as they are now, kept in memory so that a post or a key pressed costs no query."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from antiphon.server.channels.access import EVERYONE, Grant, access_control_of
from antiphon.server.security.principals import Principal
from antiphon.server.storage.database import Database
from antiphon.server.storage.tables.channels import access_grants, channel_members, channels, messages

_KEPT = 4_096
CLOSED_TYPES = ("group", "dm")
"""Channels whose members alone see them."""


@dataclass(slots=True)
class Membership:
    """What a channel knows of one person; `last_read_at` in ns."""

    is_active: bool
    is_channel_muted: bool
    last_read_at: int


@dataclass(slots=True)
class Channel:
    """One channel: its record as it travels, and who may do what."""

    record: dict[str, Any]
    grants: tuple[Grant, ...]
    members: dict[str, Membership]
    last_message_at: int | None

    @property
    def id(self) -> str:
        """The channel's id."""
        return str(self.record["id"])

    @property
    def room(self) -> str:
        """The room of everyone who may see it."""
        return f"channel:{self.record['id']}"

    @property
    def is_closed(self) -> bool:
        """Whether it is for its members alone (a group or a direct conversation)."""
        return self.record["type"] in CLOSED_TYPES

    def may_read(self, person: Principal) -> bool:
        """Whether this person may see it."""
        if self.is_closed:
            return person.id in self.members
        return self._granted(person, ("read", "write"))

    def may_write(self, person: Principal) -> bool:
        """Whether this person may post in it."""
        if self.is_closed:
            return person.id in self.members
        return self._granted(person, ("write",))

    def may_manage(self, person: Principal) -> bool:
        """Whether this person may rename or delete it and choose its members."""
        return person.is_admin or self.record["user_id"] == person.id

    def hidden_from(self) -> list[str]:
        """Who has hidden this conversation from their list."""
        return [person for person, of in self.members.items() if not of.is_active] if self.is_closed else []

    def _granted(self, person: Principal, permissions: tuple[str, ...]) -> bool:
        if person.is_admin or self.record["user_id"] == person.id:
            return True
        return any(
            grant.permission in permissions
            and grant.principal_type == "user"
            and grant.principal_id in {EVERYONE, person.id}
            for grant in self.grants
        )


class Directory:
    """Finds channels by id. Whoever changes one calls `forget` at once after the transaction that did."""

    def __init__(
        self, database: Database, may_use_channels: Callable[[Principal], bool], *, dialect: str
    ) -> None:
        self._database = database
        self._may_use_channels = may_use_channels
        self._dialect = dialect
        self._kept: OrderedDict[str, Channel] = OrderedDict()
        self._changes = 0

    async def get(self, channel_id: str) -> Channel | None:
        """The channel with this id."""
        kept = self._kept.get(channel_id)
        if kept is not None:
            return kept
        changes = self._changes
        async with self._database.read() as connection:
            channel = await self.read(connection, channel_id)
        # Something changed while it was read: what was read may be old, so it is used but not kept.
        if channel is not None and changes == self._changes:
            self._kept[channel_id] = channel
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return channel

    def is_current(self, channel: Channel) -> bool:
        """Whether nothing about this channel changed since it was given out."""
        return self._kept.get(channel.id) is channel

    def forget(self, channel_id: str) -> None:
        """Read this channel again the next time: something about it changed."""
        self._changes += 1
        self._kept.pop(channel_id, None)

    def forget_all(self) -> None:
        """Read every channel again the next time: the database was replaced."""
        self._changes += 1
        self._kept.clear()

    async def rooms_of(self, person: Principal) -> list[str]:
        """The rooms of all channels that this person may see, hidden conversations too."""
        if not self._may_use_channels(person):
            return []
        async with self._database.read() as connection:
            rows = await connection.execute(select(channels.c.id).where(visible_to(person)))
            return [f"channel:{row.id}" for row in rows]

    async def read(self, connection: AsyncConnection, channel_id: str) -> Channel | None:
        """The channel as this transaction sees it."""
        row = (await connection.execute(select(channels).where(channels.c.id == channel_id))).first()
        if row is None:
            return None
        grants = await self.grants_of(connection, [channel_id])
        members = await connection.execute(
            select(channel_members).where(channel_members.c.channel_id == channel_id)
        )
        last = await connection.execute(
            select(func.max(messages.c.created_at)).where(
                messages.c.channel_id == channel_id, messages.c.parent_id.is_(None)
            )
        )
        return Channel(
            record=self.record(row, grants.get(channel_id, [])),
            grants=tuple(_grant(grant) for grant in grants.get(channel_id, [])),
            members={
                one.user_id: Membership(one.is_active, one.is_channel_muted, one.last_read_at)
                for one in members
            },
            last_message_at=last.scalar(),
        )

    async def grants_of(
        self, connection: AsyncConnection, channel_ids: list[str]
    ) -> dict[str, list[dict[str, Any]]]:
        """The grants of several channels, as they travel."""
        rows = await connection.execute(
            select(access_grants)
            .where(access_grants.c.resource_type == "channel", access_grants.c.resource_id.in_(channel_ids))
            .order_by(access_grants.c.permission, access_grants.c.id)
        )
        found: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            found.setdefault(row.resource_id, []).append(dict(row._mapping))  # noqa: SLF001 - its public name
        return found

    def record(self, row: Row[Any], grants: list[dict[str, Any]]) -> dict[str, Any]:
        """A channel as it travels, from its row and its grants."""
        record: dict[str, Any] = {column: getattr(row, column) for column in _BEFORE_GRANTS}
        if self._dialect == "0.6":
            record["access_control"] = access_control_of(_grant(grant) for grant in grants)
        record["access_grants"] = grants
        return record | {column: getattr(row, column) for column in _AFTER_GRANTS}


_BEFORE_GRANTS = ("id", "user_id", "type", "name", "description", "is_private", "data", "meta")
_AFTER_GRANTS = (
    "created_at",
    "updated_at",
    "updated_by",
    "archived_at",
    "archived_by",
    "deleted_at",
    "deleted_by",
)


def visible_to(person: Principal) -> ColumnElement[bool]:
    """The condition on `channels` that this person may see them."""
    closed = channels.c.type.in_(CLOSED_TYPES)
    member = exists().where(
        channel_members.c.channel_id == channels.c.id, channel_members.c.user_id == person.id
    )
    standard = or_(channels.c.type.is_(None), channels.c.type.not_in(CLOSED_TYPES))
    if person.is_admin:
        return or_(standard, and_(closed, member))
    granted = exists().where(
        access_grants.c.resource_type == "channel",
        access_grants.c.resource_id == channels.c.id,
        access_grants.c.principal_type == "user",
        access_grants.c.principal_id.in_((EVERYONE, person.id)),
        access_grants.c.permission.in_(("read", "write")),
    )
    return or_(and_(standard, or_(channels.c.user_id == person.id, granted)), and_(closed, member))


def _grant(row: dict[str, Any]) -> Grant:
    return Grant(row["principal_type"], row["principal_id"], row["permission"])
