"""The entries of the outbox: what is known of a message from when it was written until it is settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from antiphon.client.errors import OutboxFull
from antiphon.wire import Message, MessageForm, UserName

MOST_WAITING = 1_000
"""Messages of one person that may wait or have failed."""
MOST_TEXT = 2**20
"""Bytes of a message's text."""
MOST_TEXTS = 16 * 2**20
"""Characters of all texts that wait or have failed."""

EntryState = Literal["pending", "sending", "failed", "sent", "discarded"]


@dataclass(frozen=True, slots=True)
class Unsent:
    """A message that is not sent yet, or could not be, for whoever shows it.

    `created_at` (unix seconds) is when it was written. `error` says why it failed.
    """

    temp_id: str
    channel_id: str
    parent_id: str | None
    reply_to_id: str | None
    text: str
    state: Literal["pending", "sending", "failed"]
    error: str | None
    created_at: float


@dataclass(slots=True, eq=False)
class Entry:
    """A message on its way. The file has one row for each; what is written here goes there too.

    `posted` is the text of a post that was not answered: the server may have stored it. `after` (ns) is the
    moment after which that can have happened. `position` orders the entries of a channel, `version` the
    changes of the file. Times are unix seconds.
    """

    temp_id: str
    channel_id: str
    text: str
    created_at: float
    reply_to_id: str | None = None
    parent_id: str | None = None
    author: UserName | None = None
    state: EntryState = "pending"
    error: str | None = None
    posted: str | None = None
    after: int | None = None
    not_before: float = 0.0
    position: int = 0
    version: int = 0
    message: Message | None = None
    own: bool = False
    """It was written in this client."""
    filed: bool = False
    """The file has it, as it is."""

    @property
    def waits(self) -> bool:
        """Whether it is still to be sent."""
        return self.state in {"pending", "sending"}

    @property
    def open(self) -> bool:
        """Whether it is not settled: it waits, or has failed and waits for its author."""
        return self.waits or self.state == "failed"

    @property
    def size(self) -> int:
        """Characters of its text."""
        return len(self.text)

    def form(self) -> MessageForm:
        """Give what is posted."""
        return MessageForm(
            temp_id=self.temp_id,
            content=self.text,
            reply_to_id=self.reply_to_id,
            parent_id=self.parent_id,
            data={},
        )

    def shown(self, me: UserName | None, quoted: Message | None) -> Message:
        """Give the message as it is shown until the server has given its own account."""
        author = self.author or me
        at = int(self.created_at * 1e9)
        return Message(
            id=self.temp_id,
            user_id=author.id if author else "",
            channel_id=self.channel_id,
            reply_to_id=self.reply_to_id,
            parent_id=self.parent_id,
            content=self.text,
            created_at=at,
            updated_at=at,
            user=author,
            reply_to_message=quoted,
        )

    def unsent(self) -> Unsent:
        """Give it as it is told."""
        states: dict[EntryState, Literal["pending", "sending", "failed"]] = {
            "pending": "pending",
            "sending": "sending",
        }
        state = states.get(self.state, "failed")
        return Unsent(
            self.temp_id,
            self.channel_id,
            self.parent_id,
            self.reply_to_id,
            self.text,
            state,
            self.error,
            self.created_at,
        )


def check_room(text: str, count: int, size: int) -> None:
    """Raise `OutboxFull` when a text is too long, or does not fit beside `count` others of `size`
    characters.
    """
    added = len(text.encode())
    if added > MOST_TEXT:
        raise OutboxFull(
            f"This message is too long to be kept ({added:,} bytes, the most is {MOST_TEXT:,}):"
            " make it shorter, or send it in parts."
        )
    if count >= MOST_WAITING or size + len(text) > MOST_TEXTS:
        raise OutboxFull(
            f"The outbox is full: {count:,} messages wait or have failed. Wait until the link is back and"
            " they are sent, or discard those that failed."
        )
