"""The reducer of channel events: the list, the timelines that are held, and who types. No I/O."""

from __future__ import annotations

from collections.abc import Callable

from antiphon import wire
from antiphon.client.attention.windows import Windows
from antiphon.client.channels.channel import Channel
from antiphon.client.channels.channel_list import ChannelList
from antiphon.client.channels.reading import Reading
from antiphon.client.channels.typing import TypingPeople, place
from antiphon.client.context import Context
from antiphon.client.handles import Handles
from antiphon.client.outbox.outbox import Outbox


class ChannelReducer:
    """Knows the handles that exist; an event of a channel without one changes the list alone."""

    def __init__(
        self,
        context: Context,
        channels: ChannelList,
        typing: TypingPeople,
        windows: Windows,
        outbox: Outbox,
        forget_draft: Callable[[str, str], None] = lambda channel_id, message_id: None,
    ) -> None:
        """`forget_draft`: what was being written under a message of a channel goes with it."""
        self.handles = Handles(
            lambda id_: Channel(id_, context, outbox, self.reading, channels),
            lambda id_, channel: channel.followed or id_ in windows.shown().channels,
        )
        self.reading = Reading(
            context,
            self._seen,
            channels.last_message_at,
            channels.unread,
            lambda id_: windows.looked_at(("channel", id_)),
            channels.ask,
        )
        self._context = context
        self._list = channels
        self._typing = typing
        self._windows = windows
        self._outbox = outbox
        self._forget_draft = forget_draft

    def handle(self, channel_id: str) -> Channel:
        """Give the handle of a channel, the same one each time."""
        return self.handles.of(channel_id)

    def refused(self, channel_id: str, parent_id: str | None) -> None:
        """The server did not take a message: nobody else may tell that the channel, or the thread under
        `parent_id`, is gone for us.
        """
        handle = self.handles.get(channel_id)
        if handle is not None:
            handle.refused(parent_id)
        else:
            self._list.ask()

    def apply(self, event: wire.ChannelEvent, stamp: int) -> None:
        """Take an event; `stamp` is the number of its arrival."""
        handle = self.handles.get(event.channel_id)
        match event:
            case wire.ChannelTyping():
                self._typing.heard(event, self._context.user_id)
            case wire.MessageCreated():
                self._created(event, stamp, handle)
            case (
                wire.MessageUpdated() | wire.MessageReplied() | wire.ReactionAdded() | wire.ReactionRemoved()
            ):
                if handle is not None:
                    handle.heard(event.payload, stamp)
            case wire.MessageDeleted():
                self._deleted(event, stamp, handle)
            case wire.ChannelCreated():
                self._list.made()
            case wire.ChannelMuted():
                self._list.muted(event.channel_id, event.payload.is_channel_muted, stamp)
            case wire.ChannelRead():
                self._list.read(event.channel_id, stamp)
            case wire.ChannelUpdated():
                self._updated(event, stamp, handle)
            case wire.ChannelDeleted():
                self._list.removed(event.channel_id, stamp)
                if handle is not None:
                    handle.gone()

    def _created(self, event: wire.MessageCreated, stamp: int, handle: Channel | None) -> None:
        message = event.payload
        own = message.user_id == self._context.user_id
        self._typing.stopped(place(event.channel_id, message.parent_id), message.user_id)
        looked_at = self._windows.looked_at(("channel", event.channel_id))
        self._list.message(event.channel_id, message, stamp, own=own, looked_at=looked_at)
        # Only a message of our own can be the one that we sent under this temp_id (W-14).
        if own and message.temp_id and self._outbox.confirmed(message, message.temp_id, stamp):
            pass
        elif handle is not None:
            handle.created(message, stamp)
        if looked_at and not own and message.parent_id is None:
            self.reading.read(event.channel_id)

    def _deleted(self, event: wire.MessageDeleted, stamp: int, handle: Channel | None) -> None:
        message = event.payload
        own = message.user_id == self._context.user_id
        self._list.deleted(event.channel_id, message, stamp, own=own)
        if handle is not None:
            handle.deleted(message.id)
        self._forget_draft(event.channel_id, message.id)

    def _updated(self, event: wire.ChannelUpdated, stamp: int, handle: Channel | None) -> None:
        record = event.channel
        self._list.changed(event.channel_id, record, stamp)
        if handle is not None and handle.detail.value is not None:
            if record is not None:
                handle.renamed(record)
            # Who is in it, and what this person may do there, is not in the record.
            handle.look_after()

    def _seen(self, channel_id: str) -> None:
        self._list.read(channel_id, self._context.arrivals.next())
