"""Time as the client sees it: injected, so that tests turn the hands themselves."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

Cancel = Callable[[], None]
"""Ends a timer. Calling it twice, or after the timer has fired, does nothing."""


class Clock(Protocol):
    """Where the client takes the time from."""

    def now(self) -> float:
        """Give the time of day in unix seconds; it may jump, after a sleep of the machine for instance."""
        ...

    def monotonic(self) -> float:
        """Give a time in seconds that never jumps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Cancel:
        """Call `callback` after `seconds`, unless cancelled."""
        ...


class SystemClock:
    """The machine's clock and the running event loop's timers."""

    def now(self) -> float:
        """Give the time of day in unix seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Give the machine's monotonic time in seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Cancel:
        """Set a timer of the event loop."""
        return asyncio.get_running_loop().call_later(seconds, callback).cancel


@dataclass(frozen=True, slots=True)
class Delays:
    """Every duration of the client, in seconds, and the source of its randomness."""

    connect: float = 20.0
    """Limit of one attempt, from the first packet to the acknowledged `user-join`."""
    ack: float = 10.0
    """How long an acknowledgement that we asked for may take."""
    version: float = 3.0
    """How long an attempt waits for the server's version, which only helps."""
    request: float = 30.0
    """Limit of one REST request as a whole."""
    request_connect: float = 8.0
    """Limit for reaching the server, within `request`."""
    retry_first: float = 1.0
    """Base of the first delay between attempts; it doubles with each failure."""
    retry_most: float = 5.0
    """Longest delay between attempts."""
    settled: float = 10.0
    """A link that lived this long counts as good: the next failure starts again from the first delay."""
    heartbeat: float = 30.0
    """Between heartbeats, unless the server's configuration says otherwise."""
    wake_check: float = 5.0
    """How often the time of day is compared with the monotonic time."""
    wake_jump: float = 10.0
    """A difference above this means that the machine slept."""
    session_ahead: float = 60.0
    """A session is said to end this long before it does."""
    session_again: float = 10.0
    """Between two tries to renew a session, or to have its end confirmed."""
    access: float = 2.0
    """How long the server may take to end the connection after it changed what the person may do."""
    typing_expiry: float = 5.0
    """A person who sent no further sign stops typing after this."""
    typing_throttle: float = 2.0
    """Least time between two signs of our own typing."""
    read_throttle: float = 1.0
    """Marks that a channel was read are gathered for this long."""
    refetch: float = 0.3
    """Wishes to fetch the same list again are gathered for this long."""
    echo: float = 3.0
    """How long the event of an own change is waited for before the message is fetched instead."""
    call: float = 50.0
    """An answer that a call's handler has not given by then is an error; below the server's own 60 s."""
    answer_margin: float = 10.0
    """A question to the person is closed this long before the server stops waiting for its answer."""
    question_kept: float = 60.0
    """A question whose link was lost is kept for this long: 0.12.4 asks again within that time."""
    unwatched: float = 15.0
    """A question that nobody can see any more is dismissed after this: its page may only be loading again."""
    attention: float = 1.0
    """How long the process that the person looked at last has to tell of an event before another one does."""
    resend_settled: float = 10.0
    """Open WebUI only: an unanswered post is sent again after the link has been live for this long."""
    lease: float = 30.0
    """For so long a message under way belongs to the client that sends it, unless it says so again."""
    storage_watch: float = 2.0
    """How often a client looks whether another process has changed the account's file."""
    storage_again: float = 15.0
    """A file that could not be used is tried again after this."""
    draft: float = 0.3
    """A draft is on the disk so long after it was changed."""
    close_wait: float = 0.5
    """How long closing waits for messages that are under way at this moment."""
    random: Callable[[], float] = field(default=random.random)
    """Uniform in [0, 1)."""
