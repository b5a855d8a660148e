"""What a look at one hop finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Hop(StrEnum):
    """The hops between this program and a live link, in their order."""

    ADDRESS = "address"
    NAME = "name"
    CONNECTION = "connection"
    TLS = "TLS"
    SERVER = "server"
    VERSION = "version"
    TOKEN = "token"  # noqa: S105 - the name of a hop
    WEBSOCKET = "websocket"
    POLLING = "polling"
    ORIGIN = "origin"
    JOIN = "join"


class Verdict(StrEnum):
    """How it stands with a hop."""

    OK = "ok"
    WARNING = "warning"
    """It works, but not for everybody or not for long."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """It could not be looked at; `what` says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One hop: what was seen, and what to do about it where something is wrong. It holds no secret."""

    hop: Hop
    verdict: Verdict
    what: str
    advice: str | None = None


def ok(hop: Hop, what: str) -> Finding:
    """Say that a hop works."""
    return Finding(hop, Verdict.OK, what)


def warning(hop: Hop, what: str, advice: str) -> Finding:
    """Say that a hop works with a reserve."""
    return Finding(hop, Verdict.WARNING, what, advice)


def failed(hop: Hop, what: str, advice: str) -> Finding:
    """Say that a hop fails, and what to do."""
    return Finding(hop, Verdict.FAILED, what, advice)


def skipped(hop: Hop, what: str, advice: str | None = None) -> Finding:
    """Say why a hop was not looked at."""
    return Finding(hop, Verdict.SKIPPED, what, advice)
