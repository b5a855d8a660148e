"""How far the messages of one channel have been heard, so that each is heard once. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from antiphon.wire import Message, MessageCreated

Origin = Literal["live", "missed", "history"]
"""How a message came: as an event, fetched after a break of the link, or fetched at the start."""

MARGIN = 60 * 10**9
"""Nanoseconds of server time by which a message may be stored after one that is newer."""
MOST_KNOWN = 20_000
"""Ids that are kept of one channel; beyond that the margin shrinks."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message, and how it came; `event` is there when it came live."""

    message: Message
    origin: Origin
    event: MessageCreated | None = None


class Mark:
    """What has been heard: everything up to `floor` (created_at, ns), and the ids known after it."""

    def __init__(self, floor: int = 0) -> None:
        self.floor = floor
        self.newest = floor
        self._known: dict[str, int] = {}
        self._prune_at = 256

    def __len__(self) -> int:
        return len(self._known)

    def heard(self, message: Message) -> bool:
        """Whether a fetched message has been heard already."""
        return message.created_at <= self.floor or message.id in self._known

    def known(self, message_id: str) -> bool:
        """Whether this very message has been heard lately."""
        return message_id in self._known

    def note(self, message: Message) -> None:
        """A message has been heard."""
        self._known[message.id] = message.created_at
        self.newest = max(self.newest, message.created_at)
        if len(self._known) >= self._prune_at:
            self._prune()

    def _prune(self) -> None:
        """Forget what is older than the margin; the cost is shared by the messages since the last time."""
        self.floor = max(self.floor, self.newest - MARGIN)
        if sum(at > self.floor for at in self._known.values()) > MOST_KNOWN:
            self.floor = sorted(self._known.values())[-MOST_KNOWN // 2]
        self._known = {id_: at for id_, at in self._known.items() if at > self.floor}
        self._prune_at = max(256, 2 * len(self._known))
