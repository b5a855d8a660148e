"""What the parts of one client share: the door, the clock, the link, who we are, and a place for background
work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from antiphon.client.arrivals import Arrivals
from antiphon.client.clock import Clock, Delays
from antiphon.client.errors import AntiphonError, SignedOut, Unreachable
from antiphon.client.faults import Faults
from antiphon.client.link.lifecycle import Announce
from antiphon.client.link.link import Link, LinkState
from antiphon.client.rest import Rest
from antiphon.client.store import Store
from antiphon.client.tasks import Tasks
from antiphon.wire import ServerConfig, SessionUser, UserName, Version

Say = Callable[[str, dict[str, Any]], bool]
"""Sends an event over the socket now, or gives False: nothing is kept for later (W-11)."""


SignIn = Callable[[Rest], Awaitable[SessionUser]]
"""Signs in; raises what the server says to it."""


@dataclass(slots=True)
class Context:
    """Shared by reference; only the client itself fills in `tasks`, `say` and `sid`."""

    url: str
    rest: Rest
    clock: Clock
    delays: Delays
    link: Store[Link]
    token: str | None = None
    arrivals: Arrivals = field(default_factory=Arrivals)
    config: Store[ServerConfig | None] = field(default_factory=lambda: Store[ServerConfig | None](None))
    version: Store[Version | None] = field(default_factory=lambda: Store[Version | None](None))
    user: Store[SessionUser | None] = field(default_factory=lambda: Store[SessionUser | None](None))
    data_dir: Path | None = None
    durable: bool = True
    attempts: int | None = None
    sign_in_again: SignIn | None = None
    """Signs in with the password, where one was given."""
    announce: Announce = lambda event: None
    me: UserName | None = None
    tasks: Tasks | None = None
    say: Say = lambda name, payload: False
    sid: Callable[[], str | None] = lambda: None
    ask_catch_up: Callable[[], None] = lambda: None
    chat_gone: Callable[[str], None] = lambda chat_id: None
    """Tells that a chat was deleted, or is not ours to see any more."""
    refused: Callable[[str, str | None], None] = lambda channel_id, parent_id: None
    """Tells that the server did not take a message for a channel, or a thread in it: both may be gone."""
    faults: Faults = field(init=False)

    def __post_init__(self) -> None:
        self.faults = Faults(self.clock, self.delays)

    @property
    def ours(self) -> bool:
        """Whether the server is an Antiphon: repeated posts are exact there, and deltas carry offsets."""
        version = self.version.value
        return version is not None and version.antiphon is not None

    @property
    def old_dialect(self) -> bool:
        """Whether the server speaks as release 0.6 does: the client makes chats and completes answers."""
        version = self.version.value
        name = version.version if version else self.config.value.version if self.config.value else ""
        return name.startswith("0.") and name[2:].split(".")[0] in {"3", "4", "5", "6"}

    @property
    def user_id(self) -> str | None:
        """The id of the person signed in, as soon as anything has told it."""
        return self.me.id if self.me else None

    def background(self) -> Tasks:
        """Give the place for background work. Raises `AntiphonError` when the client is not running."""
        if self.tasks is None or self.tasks.closed:
            raise AntiphonError("the client is not running: use it inside 'async with', or after start()")
        return self.tasks

    async def until_link(self, wanted: Callable[[Link], bool]) -> Link:
        """Wait until the link is as wanted."""
        found: asyncio.Future[Link] = asyncio.get_running_loop().create_future()

        def look(link: Link) -> None:
            if wanted(link) and not found.done():
                found.set_result(link)

        unsubscribe = self.link.subscribe(look)
        try:
            return await found
        finally:
            unsubscribe()

    async def until_joined(self) -> None:
        """Wait until the server has acknowledged us."""
        await self.until_link(lambda link: link.state.joined)

    def still_wanted(self) -> None:
        """Raise `AntiphonError` when the link will not come back: what somebody waits for will not come."""
        link = self.link.value
        if link.state is LinkState.SIGNED_OUT:
            raise SignedOut(401, link.reason or "nobody is signed in")
        if link.state is LinkState.CLOSED:
            raise AntiphonError("the client is closed")
        if link.state is LinkState.GAVE_UP:
            raise Unreachable(link.reason or "the server cannot be reached")

    @property
    def over(self) -> bool:
        """Whether the link will not come back for this person."""
        return self.link.value.state in {LinkState.SIGNED_OUT, LinkState.CLOSED}
