"""One channel: its detail, its messages, and what a person can do in it."""

from __future__ import annotations

from antiphon.wire import ChannelDetail, Message, MessageEdit

from .context import Context
from .outbox import Outbox, Sending
from .paging import Paging
from .reading import Reading
from .refetch import Refetch
from .rest.channels import PAGE
from .store import Store
from .tasks import together
from .timeline import Timeline
from .typing import OwnTyping


class Channel:
    """A handle; `client.channel(id)` gives the same one for the same id."""

    def __init__(self, id_: str, context: Context, outbox: Outbox, reading: Reading) -> None:
        self.id = id_
        self.detail: Store[ChannelDetail | None] = Store(None)
        self.timeline = Timeline()
        self._paging = Paging(
            self.timeline,
            context.arrivals,
            lambda skip, limit: context.rest.channels.messages(id_, skip, limit),
            PAGE,
        )
        self._context = context
        self._outbox = outbox
        self._reading = reading
        self._own_typing: dict[str | None, OwnTyping] = {}
        self._as_of = 0  # when the detail was asked for
        self._stale_until = 0  # what was asked for before is stale
        self._refetch = Refetch(context, self._paging.refresh, "a channel's messages")

    @property
    def followed(self) -> bool:
        """Whether somebody listens to it, or a message waits to be sent."""
        return bool(self.timeline.subscribers or self.detail.subscribers or self.timeline.unconfirmed)

    # Fetching

    async def open(self) -> None:
        """Fetch the detail and the newest page. Raises `NotFound`, `Refused`, `Unreachable` …"""
        await self.refresh()

    async def refresh(self) -> None:
        """Fetch the detail and every page that is held, again."""
        await together(self.refresh_detail(), self._paging.refresh())

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

    async def load_earlier(self, limit: int = PAGE) -> bool:
        """Fetch an earlier page; give whether there are still earlier messages."""
        return await self._paging.load_earlier(limit)

    def forget(self) -> None:
        """Drop what was fetched, as stale; messages that are being sent stay."""
        self._stale_until = self._context.arrivals.next()
        self._paging.forget()

    def gone(self) -> None:
        """The channel, or our access to it, is gone."""
        self.forget()
        self.detail.set(None)

    # Doing

    def send(
        self,
        text: str,
        *,
        temp_id: str | None = None,
        reply_to_id: str | None = None,
        parent_id: str | None = None,
    ) -> Sending:
        """Send a message: shown at once as pending, posted in order, tried again until the server has
        answered.

        A repeated call with the same `temp_id` gives the first call's `Sending` and sends nothing.
        """
        own = self._own_typing.get(parent_id)
        if own is not None:
            own.sent()
        return self._outbox.send(
            self.id,
            self.timeline,
            text,
            temp_id=temp_id,
            reply_to_id=reply_to_id,
            parent_id=parent_id,
            look_again=self._look_again,
        )

    def retry(self, temp_id: str) -> None:
        """Send a failed message again."""
        self._outbox.retry(temp_id)

    def discard(self, temp_id: str) -> None:
        """Give up a message that was not sent."""
        self._outbox.discard(temp_id)

    async def edit(self, message_id: str, text: str) -> None:
        """Change a message's text."""
        answer = await self._context.rest.channels.edit(self.id, message_id, MessageEdit(content=text))
        self.timeline.changed(_content_of(answer), self._context.arrivals.next())

    async def delete(self, message_id: str) -> None:
        """Delete a message."""
        await self._context.rest.channels.remove(self.id, message_id)
        self.timeline.deleted(message_id)

    async def react(self, message_id: str, name: str) -> None:
        """React to a message; the event of it brings the change."""
        await self._context.rest.channels.react(self.id, message_id, name)

    async def unreact(self, message_id: str, name: str) -> None:
        """Take a reaction back; the event of it brings the change."""
        await self._context.rest.channels.unreact(self.id, message_id, name)

    async def pin(self, message_id: str, pinned: bool = True) -> None:
        """Pin or unpin a message. Open WebUI 0.6 tells nobody, so the answer is taken."""
        asked_at = self._context.arrivals.next()
        answer = await self._context.rest.channels.pin(self.id, message_id, pinned)
        pin = {name: getattr(answer, name) for name in ("is_pinned", "pinned_by", "pinned_at")}
        row = self.timeline.row(message_id)
        if row is not None:
            fields = {"id", "created_at", "updated_at", *pin}
            message = Message.model_construct(_fields_set=fields, **{**dict(row.message), **pin})
            self.timeline.changed(message, asked_at)

    def typing(self, active: bool = True, *, thread_id: str | None = None) -> None:
        """Tell the others that this person types, or has stopped; call it on every key."""
        own = self._own_typing.get(thread_id)
        if own is None:
            own = OwnTyping(
                self._context.clock, self._context.delays, lambda on: self._say_typing(on, thread_id)
            )
            self._own_typing[thread_id] = own
        own.sign(active)

    def mark_read(self) -> None:
        """This person has read everything in the channel."""
        self._reading.read(self.id)

    def _look_again(self) -> None:
        # A method, so that the outbox keeps this handle for as long as it keeps a message of it.
        self._refetch.ask()

    def _say_typing(self, active: bool, thread_id: str | None) -> bool:
        data = {"type": "typing", "data": {"typing": active}}
        return self._context.say(
            "events:channel", {"channel_id": self.id, "message_id": thread_id, "data": data}
        )


def _content_of(answer: Message) -> Message:
    """Give an edit's answer without the counters: a release may leave them at their defaults there."""
    fields = {"id", "content", "meta", "updated_at", "created_at"} & answer.model_fields_set
    return Message.model_construct(_fields_set=fields, **dict(answer))
