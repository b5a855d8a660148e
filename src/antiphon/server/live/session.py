"""What is known of one socket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from antiphon.server.live.pace import Pace
from antiphon.server.security.principals import Principal
from antiphon.server.security.tokens import Token


@dataclass(slots=True, eq=False)
class Session:
    """One socket. `principal` and `token` are None until it has said who it is."""

    sid: str
    principal: Principal | None = None
    token: Token | None = None
    joining: int = 0
    """How many times at once its rooms are being read."""
    barred: set[str] = field(default_factory=set)
    """Rooms that were closed to this person while the session was entering."""
    deadline: asyncio.TimerHandle | None = None
    pace: Pace = field(default_factory=Pace)
