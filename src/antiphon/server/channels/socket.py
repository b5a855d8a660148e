"""What clients say of channels over the socket: typing, how far they have read, and that they want their
rooms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from antiphon.server.channels.directory import Membership
from antiphon.server.channels.envelopes import EVENT
from antiphon.server.channels.first import member_row
from antiphon.server.storage.tables.channels import channel_members
from antiphon.wire.outbound import ChannelEmit

if TYPE_CHECKING:
    from antiphon.server.channels.directory import Channel
    from antiphon.server.live.live import Session
    from antiphon.server.security.principals import Principal
    from antiphon.server.state import ServerState

_LONGEST_ID = 64


class ChannelSocket:
    """Handles `events:channel` and `join-channels`."""

    def __init__(self, state: ServerState) -> None:
        self._state = state
        state.live.on(EVENT, self._channel_event)
        state.live.on("join-channels", self._join_channels)

    async def _join_channels(self, session: Session, _payload: dict[str, Any]) -> None:
        """Enter every room that this person may see now. They are in them already unless something was
        missed.
        """
        if session.principal is not None:
            await self._state.live.refresh_session(session)

    async def _channel_event(self, session: Session, payload: dict[str, Any]) -> None:
        live = self._state.live
        try:
            said = ChannelEmit.load(payload)
            typing = said.data.typing.typing if said.data.type == "typing" else False
        except ValidationError:
            live.ignored[EVENT] += 1
            return
        person = session.principal
        if person is None or not live.in_room(session.sid, f"channel:{said.channel_id}"):
            live.ignored["not in the room"] += 1
            return
        channel = await self._state.channels.get(said.channel_id)
        if channel is None:
            return
        if said.data.type == "typing":
            await self._typing(session, channel, person, said.message_id, typing)
        elif said.data.type == "last_read_at":
            await self._read(channel, person)
        else:
            live.ignored["unknown channel event"] += 1

    async def _typing(
        self, session: Session, channel: Channel, person: Principal, thread: str | None, typing: bool
    ) -> None:
        """Pass it on to the others in the room: only the flag, whatever else the payload held."""
        if not channel.may_write(person) or (thread is not None and len(thread) > _LONGEST_ID):
            self._state.live.ignored["may not type here"] += 1
            return
        payload = {
            "channel_id": channel.record["id"],
            "message_id": thread,
            "data": {"type": "typing", "data": {"typing": typing}},
            "user": person.as_author(),
        }
        await self._state.live.emit(EVENT, payload, channel.room, skip=session.sid)

    async def _read(self, channel: Channel, person: Principal) -> None:
        """Store how far this person has read, and tell their windows, also the one that said it: what was
        posted while its mark was under way is read too. Nothing new read costs nothing.
        """
        membership = channel.members.get(person.id)
        if membership is not None and membership.last_read_at >= (channel.last_message_at or 0):
            return
        database = self._state.database
        async with database.write() as connection:
            if not self._state.channels.is_current(channel):
                return
            now = database.clock.nanoseconds()
            insert = database.insert(channel_members)
            await connection.execute(
                insert.on_conflict_do_update(
                    index_elements=["channel_id", "user_id"],
                    set_={"last_read_at": insert.excluded.last_read_at},
                ),
                member_row(channel.id, person.id, now),
            )
        if membership is None:
            channel.members[person.id] = Membership(True, False, now)
        else:
            membership.last_read_at = now
        payload = {"channel_id": channel.id, "data": {"type": "channel:read", "data": {"last_read_at": now}}}
        await self._state.live.emit(EVENT, payload, f"user:{person.id}")
