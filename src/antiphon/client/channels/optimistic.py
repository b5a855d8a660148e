"""Own changes that the server has not settled yet, laid over what the server says (W-22).

A change is shown from the moment it is wished. What the server tells goes on changing what lies below, so
nothing has to be undone by hand: a change that is refused just goes, and what lies below is the server's
state. A change also goes once that state has it: by an event that shows what was wished, or by a fetch that
was begun after the server had answered the change. An answer alone does not say enough: of a reaction it is
`true`, and what else happened around that moment is not in it.

Changes of one message go to the server one after the other, so that the last wish is the one that stays.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from antiphon.wire import Message, Reaction, ReactionUser


class Wish(Protocol):
    """What a person wants a message to be like."""

    def shown(self, message: Message) -> Message | None:
        """Give the message as wished; None when it shall be gone."""
        ...

    def holds(self, message: Message) -> bool:
        """Tell whether the server's account of the message is as wished."""
        ...


@dataclass(frozen=True, slots=True)
class Edited:
    """Another text."""

    content: str

    def shown(self, message: Message) -> Message:
        """Give the message with the text."""
        return message.model_copy(update={"content": self.content})

    def holds(self, message: Message) -> bool:
        """Tell whether it has the text."""
        return message.content == self.content


@dataclass(frozen=True, slots=True)
class Deleted:
    """No message."""

    def shown(self, message: Message) -> None:
        """Give nothing."""

    def holds(self, message: Message) -> bool:
        """A message that the server speaks of is still there."""
        return False


@dataclass(frozen=True, slots=True)
class Reacted:
    """A reaction of this person, or none by this name."""

    name: str
    on: bool
    me: ReactionUser

    def shown(self, message: Message) -> Message:
        """Give the message with this person among those who reacted, or without."""
        if self.holds(message):
            return message
        reactions: list[Reaction] = []
        for one in message.reactions:
            if one.name != self.name:
                reactions.append(one)
                continue
            users = [user for user in one.users if user.id != self.me.id]
            count = one.count - (len(one.users) - len(users))
            if self.on:
                reactions.append(
                    one.model_copy(update={"users": [*one.users, self.me], "count": one.count + 1})
                )
            elif count > 0:
                reactions.append(one.model_copy(update={"users": users, "count": count}))
        if self.on and all(one.name != self.name for one in message.reactions):
            reactions.append(Reaction(name=self.name, users=[self.me], count=1))
        return message.model_copy(update={"reactions": reactions})

    def holds(self, message: Message) -> bool:
        """Tell whether this person stands among those who reacted, as wished."""
        here = any(
            user.id == self.me.id for one in message.reactions if one.name == self.name for user in one.users
        )
        return here is self.on


@dataclass(frozen=True, slots=True)
class Pinned:
    """Pinned, by whom and when (ns), or not pinned."""

    on: bool
    by: str | None = None
    at: int | None = None

    def shown(self, message: Message) -> Message:
        """Give the message with the pin, or without."""
        if self.holds(message):
            return message
        by, at = (self.by, self.at) if self.on else (None, None)
        return message.model_copy(update={"is_pinned": self.on, "pinned_by": by, "pinned_at": at})

    def holds(self, message: Message) -> bool:
        """Tell whether it is pinned, as wished."""
        return message.is_pinned is self.on


@dataclass(slots=True, eq=False)
class OwnChange:
    """One change from its wish to its end."""

    message_id: str
    wish: Wish
    asked_at: int | None = None  # the arrival number at which its request began
    answered_at: int | None = None  # and the one at which the server had answered well
    over: asyncio.Event = field(default_factory=asyncio.Event)  # its request is over, whichever way


class OwnChanges:
    """The changes of one channel that are shown, by message, in the order in which they were wished."""

    def __init__(self) -> None:
        self._of: dict[str, list[OwnChange]] = {}

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._of

    def __bool__(self) -> bool:
        return bool(self._of)

    def ids(self) -> tuple[str, ...]:
        """Give the ids of the messages that have changes."""
        return tuple(self._of)

    def of(self, message_id: str) -> tuple[OwnChange, ...]:
        """Give a message's changes."""
        return tuple(self._of.get(message_id, ()))

    def shown(self, message: Message) -> Message | None:
        """Give a message as it is to be shown; None when it is being deleted."""
        shown: Message | None = message
        for change in self._of.get(message.id, ()):
            if shown is not None:
                shown = change.wish.shown(shown)
        return shown

    def add(self, message_id: str, wish: Wish) -> OwnChange:
        """Show a change from now on."""
        change = OwnChange(message_id, wish)
        self._of.setdefault(message_id, []).append(change)
        return change

    def drop(self, change: OwnChange) -> None:
        """Show a change no longer: refused, or settled."""
        changes = self._of.get(change.message_id)
        if changes is not None and change in changes:
            changes.remove(change)
            if not changes:
                del self._of[change.message_id]

    def heard(self, message: Message, stamp: int) -> None:
        """Take an event's account of a message: the oldest changes go that it shows as wished."""
        for change in self.of(message.id):
            if change.asked_at is None or change.asked_at > stamp or not change.wish.holds(message):
                return
            self.drop(change)

    def fetched(self, message_id: str, asked_at: int) -> None:
        """A fetch begun at this arrival number brought the message: what was answered before is in it."""
        for change in self.of(message_id):
            if change.answered_at is not None and change.answered_at < asked_at:
                self.drop(change)

    def gone(self, message_id: str) -> None:
        """The message is gone, and with it whatever was wished of it."""
        self._of.pop(message_id, None)
