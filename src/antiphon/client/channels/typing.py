"""Who is typing where: theirs, which expires, and ours, which is throttled and ended (W-24, W-25)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from antiphon.client.clock import Cancel, Clock, Delays
from antiphon.client.store import Store
from antiphon.wire import ChannelTyping, UserName

Typing = Mapping[str, tuple[UserName, ...]]


def place(channel_id: str, thread_id: str | None) -> str:
    """Give the key of a channel, or of a thread in it."""
    return channel_id if thread_id is None else f"{channel_id}/{thread_id}"


class TypingPeople:
    """The people who type, by place, in the order in which they began. One timer per person and place, owned
    here.
    """

    def __init__(self, clock: Clock, delays: Delays, store: Store[Typing] | None = None) -> None:
        self.store: Store[Typing] = Store(MappingProxyType({})) if store is None else store
        self._clock = clock
        self._delays = delays
        self._timers: dict[tuple[str, str], Cancel] = {}

    def heard(self, event: ChannelTyping, own_id: str | None) -> None:
        """Take a sign of typing. Our own comes back to us and is ignored."""
        user = event.user
        if user is None or user.id == own_id:
            return
        where = place(event.channel_id, event.message_id)
        self._end_timer(where, user.id)
        if not event.payload.typing:
            self._remove(where, user.id)
            return
        self._timers[where, user.id] = self._clock.call_later(
            self._delays.typing_expiry, lambda: self.stopped(where, user.id)
        )
        people = self.store.value.get(where, ())
        if all(person.id != user.id for person in people):
            self._set(where, (*people, user))

    def stopped(self, where: str, user_id: str) -> None:
        """A person no longer types there: their message came, or nothing came for too long."""
        self._end_timer(where, user_id)
        self._remove(where, user_id)

    def clear(self) -> None:
        """Forget everybody and end all timers: the link is gone, or the client closes."""
        for cancel in self._timers.values():
            cancel()
        self._timers.clear()
        if self.store.value:
            self.store.set(MappingProxyType({}))

    @property
    def timers(self) -> int:
        """How many timers run."""
        return len(self._timers)

    def _end_timer(self, where: str, user_id: str) -> None:
        cancel = self._timers.pop((where, user_id), None)
        if cancel is not None:
            cancel()

    def _remove(self, where: str, user_id: str) -> None:
        people = self.store.value.get(where, ())
        left = tuple(person for person in people if person.id != user_id)
        if len(left) != len(people):
            self._set(where, left)

    def _set(self, where: str, people: tuple[UserName, ...]) -> None:
        typing = {key: value for key, value in self.store.value.items() if key != where}
        if people:
            typing[where] = people
        self.store.set(MappingProxyType(typing))


class OwnTyping:
    """Our typing in one place: a sign at most every two seconds, and an explicit end."""

    def __init__(self, clock: Clock, delays: Delays, say: Callable[[bool], bool]) -> None:
        self._clock = clock
        self._delays = delays
        self._say = say
        self._last: float | None = None

    def sign(self, active: bool) -> None:
        """A key was pressed (`active`), or the box was emptied, sent or left."""
        if not active:
            if self._last is not None:
                self._last = None
                self._say(False)
            return
        now = self._clock.monotonic()
        if (self._last is None or now - self._last >= self._delays.typing_throttle) and self._say(True):
            self._last = now

    def sent(self) -> None:
        """The message was sent, which ends the typing at the others without a word."""
        self._last = None
