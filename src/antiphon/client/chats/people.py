"""Who else looks at a shared chat, and who types there (0.12.4)."""

from __future__ import annotations

from antiphon import wire
from antiphon.client.clock import Cancel, Clock, Delays
from antiphon.client.store import Store
from antiphon.wire import UserName

People = tuple[UserName, ...]


class ChatPeople:
    """The viewers of one chat, and those who type, each with a timer that is owned here."""

    def __init__(self, clock: Clock, delays: Delays) -> None:
        self.viewers: Store[People] = Store(())
        self.typing: Store[People] = Store(())
        self._clock = clock
        self._delays = delays
        self._timers: dict[str, Cancel] = {}

    def came_and_went(self, event: wire.Presence) -> None:
        """Take who looks at the chat now."""
        users = tuple(event.payload.users)
        self.viewers.set(users)
        here = {user.id for user in users}
        for person in self.typing.value:
            if person.id not in here:
                self._stopped(person.id)

    def typed(self, event: wire.ChatTyping, own_id: str | None) -> None:
        """Take a sign of typing."""
        user = event.user
        if user is None or user.id == own_id:
            return
        if not event.payload.typing:
            self._stopped(user.id)
            return
        self._end_timer(user.id)
        self._timers[user.id] = self._clock.call_later(
            self._delays.typing_expiry, lambda: self._stopped(user.id)
        )
        if all(person.id != user.id for person in self.typing.value):
            self.typing.set((*self.typing.value, user))

    def clear(self) -> None:
        """Forget everybody and end all timers: the link is gone, or the chat is."""
        for user_id in tuple(self._timers):
            self._end_timer(user_id)
        for store in (self.viewers, self.typing):
            if store.value:
                store.set(())

    @property
    def timers(self) -> int:
        """How many timers run."""
        return len(self._timers)

    def _stopped(self, user_id: str) -> None:
        self._end_timer(user_id)
        left = tuple(person for person in self.typing.value if person.id != user_id)
        if len(left) != len(self.typing.value):
            self.typing.set(left)

    def _end_timer(self, user_id: str) -> None:
        cancel = self._timers.pop(user_id, None)
        if cancel is not None:
            cancel()
