"""What happens to the link and to the session, as values: whoever cares gets them by `client.on` and
`client.events`, and the log gets each once. None of them holds contents or tokens.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from antiphon.wire import Version

log = logging.getLogger(__name__)

MOST_WORDS = 300
"""Characters of a reason that are logged: some of them are a server's own words."""


@dataclass(frozen=True, slots=True)
class LifecycleEvent:
    """The kind of all of them; `client.on(LifecycleEvent, …)` hears each."""


@dataclass(frozen=True, slots=True)
class AttemptBegan(LifecycleEvent):
    """An attempt to connect begins; `number` counts those since the link was last live, from 1."""

    number: int

    def __str__(self) -> str:
        return f"attempt {self.number} to connect begins"


@dataclass(frozen=True, slots=True)
class ConnectError(LifecycleEvent):
    """An attempt failed, for a reason in words."""

    reason: str

    def __str__(self) -> str:
        return f"the attempt failed: {self.reason}"


@dataclass(frozen=True, slots=True)
class Connected(LifecycleEvent):
    """The server has acknowledged us. `transport` is "websocket" or "polling"."""

    sid: str
    transport: str

    def __str__(self) -> str:
        return f"connected by {self.transport}"


@dataclass(frozen=True, slots=True)
class Disconnected(LifecycleEvent):
    """A link that stood is over; `by_server` tells whether the server ended it on purpose."""

    reason: str
    by_server: bool

    def __str__(self) -> str:
        return f"disconnected: {self.reason}"


@dataclass(frozen=True, slots=True)
class RetryScheduled(LifecycleEvent):
    """Attempt `number` begins after `delay` seconds."""

    number: int
    delay: float

    def __str__(self) -> str:
        return f"attempt {self.number} follows in {self.delay:.1f} s"


@dataclass(frozen=True, slots=True)
class GaveUp(LifecycleEvent):
    """As many attempts as allowed have failed; only `client.reconnect()` begins again."""

    attempts: int
    reason: str

    def __str__(self) -> str:
        return f"gave up after {self.attempts} attempts: {self.reason}"


@dataclass(frozen=True, slots=True)
class ServerChanged(LifecycleEvent):
    """Another build of the server serves now. Nothing is done about it but fetching its configuration."""

    before: Version
    after: Version

    def __str__(self) -> str:
        return f"the server changed from {_build(self.before)} to {_build(self.after)}"


@dataclass(frozen=True, slots=True)
class AccessRefreshed(LifecycleEvent):
    """The server changed what this person may do, or ended the connection; what they may do was fetched
    again.
    """

    def __str__(self) -> str:
        return "what the person may do was fetched again"


@dataclass(frozen=True, slots=True)
class SessionEnding(LifecycleEvent):
    """The session runs out within a minute, at `expires_at` (unix seconds)."""

    expires_at: int

    def __str__(self) -> str:
        return f"the session runs out at {self.expires_at}"


@dataclass(frozen=True, slots=True)
class SessionRenewed(LifecycleEvent):
    """The session ran out, and the client signed in again with the password it was given."""

    def __str__(self) -> str:
        return "signed in again"


@dataclass(frozen=True, slots=True)
class SessionEnded(LifecycleEvent):
    """Nobody is signed in any more."""

    reason: str

    def __str__(self) -> str:
        return f"the session is over: {self.reason}"


Announce = Callable[[LifecycleEvent], None]


def record(event: LifecycleEvent) -> None:
    """Write an event into the log."""
    level = logging.WARNING if isinstance(event, GaveUp) else logging.INFO
    log.log(level, "%s", str(event)[:MOST_WORDS])


def _build(version: Version) -> str:
    return f"{version.version} ({version.deployment_id})" if version.deployment_id else version.version
