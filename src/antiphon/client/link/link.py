"""The state of the link to the server, as a person may see it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LinkState(StrEnum):
    """Where the link stands."""

    CONNECTING = "connecting"
    CATCHING_UP = "catching_up"
    LIVE = "live"
    WAITING = "waiting"
    GAVE_UP = "gave_up"
    SIGNED_OUT = "signed_out"
    CLOSED = "closed"

    @property
    def joined(self) -> bool:
        """Whether the server has acknowledged us: events arrive and requests make sense."""
        return self in {LinkState.CATCHING_UP, LinkState.LIVE}


@dataclass(frozen=True, slots=True)
class Link:
    """The state, since when (unix seconds), and why.

    `attempt` counts the attempts since the link was last live; `next_attempt_at` (unix seconds) is set while
    waiting. `reason` is the last error in words that a person understands; it stays while the next attempt is
    under way, and goes when the link is live.
    """

    state: LinkState
    since: float
    attempt: int = 0
    next_attempt_at: float | None = None
    reason: str | None = None
