"""Editing, deleting, reacting, pinning: shown at once, asked of the server, rolled back if refused (W-22)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from antiphon.client.channels.optimistic import Deleted, Edited, OwnChange, OwnChanges, Pinned, Reacted, Wish
from antiphon.client.context import Context
from antiphon.client.errors import AntiphonError, NotFound, Refused, RequestFailed, Unreachable, passing
from antiphon.client.link.backoff import Backoff
from antiphon.wire import Message, MessageEdit, ReactionUser

T = TypeVar("T")

MOST_LOOKS = 5
"""Times that a message is fetched again because an event of it came meanwhile."""


class Shown(Protocol):
    """Whatever shows the messages of a channel."""

    id: str

    def redraw(self, message_id: str) -> None:
        """An own change of a message came or went."""
        ...

    def changed(self, message: Message, stamp: int) -> None:
        """Take an account of a message."""
        ...

    def fetched(self, message: Message, asked_at: int) -> None:
        """Take an account of a message that was asked for."""
        ...

    def deleted(self, message_id: str) -> None:
        """A message is gone."""
        ...

    def as_of(self, message_id: str) -> int:
        """Give the arrival number of the latest account of a message."""
        ...

    def look_after(self) -> None:
        """The server did not know a message, or refused something: the channel itself may be gone."""
        ...


class Changing:
    """The doing side of one channel's own changes."""

    def __init__(self, context: Context, own: OwnChanges, shown: Shown) -> None:
        self._context = context
        self._own = own
        self._shown = shown

    async def edit(self, message_id: str, text: str) -> None:
        """Change a message's text."""
        form = MessageEdit(content=text)
        channels, channel_id = self._context.rest.channels, self._shown.id

        def took(answer: Message, change: OwnChange) -> None:
            # Content is versioned, so the answer settles it, whatever else has come meanwhile.
            self._own.drop(change)
            self._shown.changed(_content_of(answer), change.asked_at or 0)

        await self._do(message_id, Edited(text), lambda: channels.edit(channel_id, message_id, form), took)

    async def delete(self, message_id: str) -> None:
        """Delete a message; one that is gone already counts as deleted."""
        channels, channel_id = self._context.rest.channels, self._shown.id

        async def request() -> None:
            try:
                await channels.remove(channel_id, message_id)
            except NotFound:
                self._shown.look_after()

        await self._do(message_id, Deleted(), request, lambda _, __: self._shown.deleted(message_id))

    async def react(self, message_id: str, name: str, on: bool) -> None:
        """React to a message, or take the reaction back."""
        channels, channel_id, me = self._context.rest.channels, self._shown.id, self._context.me
        request = channels.react if on else channels.unreact
        wish = Reacted(name, on, ReactionUser(id=me.id if me else "", name=me.name if me else ""))
        await self._do(message_id, wish, lambda: request(channel_id, message_id, name), self._answered)

    async def pin(self, message_id: str, pinned: bool) -> None:
        """Pin or unpin a message."""
        channels, channel_id = self._context.rest.channels, self._shown.id
        wish = Pinned(pinned, self._context.user_id, int(self._context.clock.now() * 1e9))

        def took(answer: Message, change: OwnChange) -> None:
            change.wish = Pinned(answer.is_pinned, answer.pinned_by, answer.pinned_at)
            # Open WebUI 0.6 tells nobody of a pin, so there is no event to wait for.
            self._answered(answer, change, told=not self._context.old_dialect)

        await self._do(message_id, wish, lambda: channels.pin(channel_id, message_id, pinned), took)

    async def _do(
        self,
        message_id: str,
        wish: Wish,
        request: Callable[[], Awaitable[T]],
        took: Callable[[T, OwnChange], None],
    ) -> None:
        before = self._own.of(message_id)
        change = self._own.add(message_id, wish)
        self._shown.redraw(message_id)
        unsure = False
        try:
            if before:
                await before[-1].over.wait()
            change.asked_at = self._context.arrivals.next()
            unsure = True  # from here on the server may have done it, whatever becomes of the request
            answer = await request()
            change.answered_at = self._context.arrivals.next()
            unsure = False
            took(answer, change)
        except AntiphonError as error:
            unsure = _may_be_done(error)
            if isinstance(error, Refused | NotFound):
                self._shown.look_after()
            raise
        finally:
            change.over.set()
            if change.answered_at is None:
                self._own.drop(change)
                if unsure:
                    self._look_soon(message_id)
            self._shown.redraw(message_id)

    def _answered(self, _: object, change: OwnChange, *, told: bool = True) -> None:
        """The server did it. Its event shows that, or a look at the message, if no event comes."""
        if change in self._own.of(change.message_id):
            self._look_soon(change.message_id, change, self._context.delays.echo if told else 0.0)

    def _look_soon(self, message_id: str, change: OwnChange | None = None, delay: float = 0.0) -> None:
        tasks = self._context.tasks
        if tasks is not None and not tasks.closed:
            tasks.spawn(self._look(message_id, change, delay), "look at a message")

    async def _look(self, message_id: str, change: OwnChange | None, delay: float) -> None:
        """Fetch a message, unless an event has settled the change of it meanwhile."""
        context = self._context
        backoff = Backoff(context.delays.retry_first, context.delays.retry_most, context.delays.random)
        rounds = 0
        while True:
            if delay:
                await context.clock.sleep(delay)
            await context.until_joined()
            if change is not None and change not in self._own.of(message_id):
                return
            asked_at = context.arrivals.next()
            try:
                message = await context.rest.channels.message(self._shown.id, message_id)
            except NotFound:
                self._shown.deleted(message_id)
                return
            except AntiphonError as error:
                if not passing(error):
                    return
                delay = backoff.next()
            else:
                self._shown.fetched(message, asked_at)
                rounds += 1
                if self._shown.as_of(message_id) <= asked_at or rounds == MOST_LOOKS:
                    return
                # An event came meanwhile: which of the two is newer is not known.
                change, delay = None, 0.0


def _may_be_done(error: AntiphonError) -> bool:
    """Tell whether the server may have done what it did not answer well."""
    match error:
        case Unreachable():
            return error.sent
        case RequestFailed():
            return error.status >= 500
    return True


def _content_of(answer: Message) -> Message:
    """Give an edit's answer without the counters: a release may leave them at their defaults there."""
    fields = {"id", "content", "meta", "updated_at", "created_at"} & answer.model_fields_set
    return Message.model_construct(_fields_set=fields, **dict(answer))
