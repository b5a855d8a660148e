"""What the parts of one running server share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from antiphon.server.files.shelf import Shelf
from antiphon.server.live.live import Live
from antiphon.server.security.attempts import Attempts
from antiphon.server.security.passwords import Passwords
from antiphon.server.security.principals import Principals
from antiphon.server.settings import ServerSettings
from antiphon.server.storage.database import Database
from antiphon.server.stored_config import StoredConfig

if TYPE_CHECKING:
    # These look the state up at run time; importing them here would go round in a circle.
    from antiphon.server.accounts.presence import Presence
    from antiphon.server.channels.directory import Directory
    from antiphon.server.providers import Providers
    from antiphon.server.runs import Runs


@dataclass(slots=True)
class ServerState:
    """One server's parts. `providers` and `runs` are set by the app before anything is served."""

    settings: ServerSettings
    database: Database
    live: Live
    principals: Principals
    passwords: Passwords
    config: StoredConfig
    presence: Presence
    channels: Directory
    files: Shelf
    attempts: Attempts = field(default_factory=Attempts)
    serving: bool = False
    """Whether everything was started, and nothing ends yet."""
    providers: Providers = field(init=False)
    runs: Runs = field(init=False)


async def state_of(request: Request) -> ServerState:
    """The state of the server that answers this request."""
    state: ServerState = request.app.state.server
    return state


State = Annotated[ServerState, Depends(state_of)]
"""A parameter of this type is the server's state."""
