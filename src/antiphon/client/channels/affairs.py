"""What a channel is, beside its messages: its detail, its name, who is in it, muted, hidden, deleted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from antiphon.client.channels.channel_list import ChannelList
from antiphon.client.context import Context
from antiphon.client.errors import AntiphonError, NotFound, Refused
from antiphon.client.refetch import Refetch
from antiphon.client.store import Store
from antiphon.wire import AccessGrant, ChannelDetail, ChannelForm, ChannelRecord, MemberPage, MembersForm

T = TypeVar("T")

KEPT = ("is_private", "data", "meta", "access_control", "access_grants")
"""What a change of a channel tells again as it is: to 0.6.41 a key that is missing is a key to be emptied."""

EVERYBODY = [
    AccessGrant(principal_type="user", principal_id="*", permission=permission)
    for permission in ("read", "write")
]


def open_channel(name: str, description: str, more: Mapping[str, Any]) -> ChannelForm:
    """Give the form of a channel that everybody may read and write in, unless `more` says otherwise."""
    return ChannelForm(**{"name": name, "description": description, "access_grants": EVERYBODY, **more})


class ChannelAffairs:
    """The part of a channel's handle that knows nothing of messages."""

    def __init__(self, id_: str, context: Context, channels: ChannelList) -> None:
        self.id = id_
        self.detail: Store[ChannelDetail | None] = Store(None)
        self._context = context
        self._list = channels
        self._as_of = 0  # when the detail was asked for
        self._stale_until = 0  # what was asked for before is stale
        self._look = Refetch(context, self._look_at_access, "a channel")

    async def refresh_detail(self) -> None:
        """Fetch the detail; an answer that a later request has overtaken is dropped (W-15)."""
        while True:
            asked_at = self._context.arrivals.next()
            detail = await self._context.rest.channels.get(self.id)
            if asked_at > self._stale_until:
                break
        if asked_at > self._as_of:
            self._as_of = asked_at
            self.detail.set(detail)

    def gone(self) -> None:
        """The channel, or our access to it, is gone."""
        self.detail.set(None)

    # Doing

    async def update(
        self, *, name: str | None = None, description: str | None = None, **more: Any
    ) -> ChannelRecord:
        """Rename the channel, say what it is for, or change another key of `ChannelForm`; what is not named
        stays as it is.
        """
        now = await self._context.rest.channels.get(self.id)
        kept = {key: getattr(now, key) for key in KEPT if key in now.model_fields_set}
        named = {
            "name": now.name if name is None else name,
            "description": now.description if description is None else description,
        }
        record = await self._context.rest.channels.update(self.id, ChannelForm(**{**kept, **named, **more}))
        # Open WebUI tells nobody of it.
        self.renamed(record)
        self._list.changed(self.id, record, self._context.arrivals.next())
        return record

    async def remove(self) -> None:
        """Delete the channel with everything written in it."""
        await self._context.rest.channels.delete(self.id)
        self._list.removed(self.id, self._context.arrivals.next())
        self.gone()

    async def mute(self, muted: bool = True) -> None:
        """Mute or unmute the channel for this person: at once here, and back again if the server refuses.

        0.6.41 cannot do it, and says so.
        """
        undo = self._list.wish(self.id, {"is_channel_muted": muted}, self._context.arrivals.next())
        try:
            await self._context.rest.channels.mute(self.id, muted)
        except BaseException:  # also when cancelled: it is not shown as muted, and the cause goes on
            undo()
            raise

    async def hide(self) -> None:
        """Take a direct conversation out of this person's list; the next message brings it back."""
        await self._context.rest.channels.hide(self.id, True)
        self._list.removed(self.id, self._context.arrivals.next())

    async def show(self) -> None:
        """Bring a hidden direct conversation back into the list."""
        await self._context.rest.channels.hide(self.id, False)
        self._list.ask()

    async def members(self, page: int = 1, query: str = "") -> MemberPage:
        """List the people who are in the channel, 30 a page, with how many there are."""
        return await self._asked(lambda: self._context.rest.channels.members(self.id, page, query))

    async def add_members(self, *user_ids: str) -> None:
        """Add people to a group."""
        form = MembersForm(user_ids=list(user_ids))
        await self._asked(lambda: self._context.rest.channels.add_members(self.id, form))
        self.look_after()

    async def remove_members(self, *user_ids: str) -> None:
        """Take people out of a group."""
        form = MembersForm(user_ids=list(user_ids))
        await self._asked(lambda: self._context.rest.channels.remove_members(self.id, form))
        if self._context.user_id in user_ids:
            self._list.removed(self.id, self._context.arrivals.next())
            self.gone()
        else:
            self.look_after()

    async def leave(self) -> None:
        """Leave a group. Open WebUI lets nobody do that but its owner."""
        me = self._context.me
        if me is None:
            raise AntiphonError("who the client is, is not known yet; wait for client.live()")
        await self.remove_members(me.id)

    # Hearing

    def renamed(self, record: ChannelRecord) -> None:
        """The channel has another name, or another key of its record."""
        detail = self.detail.value
        if detail is not None:
            update = {name: getattr(record, name) for name in record.model_fields_set}
            self.detail.set(detail.model_copy(update=update))

    def look_after(self) -> None:
        """Fetch the detail again soon: its members changed, or the channel may be gone for this person."""
        if self._context.tasks is not None and not self._context.tasks.closed:
            self._look.ask()

    # Inside

    async def _asked(self, request: Callable[[], Awaitable[T]]) -> T:
        """Make a request; where the server says that there is no such channel, that is looked into."""
        try:
            return await request()
        except (NotFound, Refused):
            self.look_after()
            raise

    async def _look_at_access(self) -> None:
        try:
            await self.refresh_detail()
        except (NotFound, Refused):
            self._list.removed(self.id, self._context.arrivals.next())
            self.gone()

    def _forget_detail(self) -> None:
        """What was asked for before is stale; the detail stays on show until a newer one comes."""
        self._stale_until = self._context.arrivals.next()
