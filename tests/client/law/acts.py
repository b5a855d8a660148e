"""Everything that can happen in a script, by name. An act takes small numbers, which choose.

Three kinds of hands: ours (through the client), others' (another person, or another device of ours, straight
on the server), and the network's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from antiphon.client.errors import AntiphonError

from .acts_here import Here
from .acts_of_others import Others
from .faults import Faults
from .model_rooms import Refusal

if TYPE_CHECKING:
    from .stage import Stage

WAITS = (0.005, 0.03, 0.1, 0.4, 1.2, 4.0, 15.0, 50.0)


class Acts(Others, Here, Faults):
    """All hands."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        for name, type_, members in (
            ("general", None, []),
            ("team", "group", ["ann", "me"]),
            ("", "dm", ["ann", "me"]),
        ):
            self._server.channels.add(name, type_, "ann", members)
        for room in self._rooms():
            for n in range(6 if room.type else 11):
                self._server.channels.post("ann" if n % 3 else "me", room.id, {"content": f"old {n}"})

    async def do(self, name: str, numbers: list[int]) -> None:
        """Do something."""
        a, b = (*numbers, 0, 0)[:2]
        try:
            done = getattr(self, name)(a, b)
        except Refusal:
            return  # The server said no to somebody else.
        except AntiphonError:
            return  # The client said no to us.
        if isinstance(done, Awaitable):
            await done

    # Time

    async def begin(self) -> None:
        """The person looks at a channel, and the link is live."""
        self.we_look_at(0, 0)
        self.we_turn_to(0, 1)
        await self._client.live()
        await asyncio.sleep(2)

    def we_start_cold(self, _: int, __: int) -> None:
        """Only as the first step: the script begins before the client has connected."""

    def time_passes(self, a: int, _: int) -> Awaitable[None]:
        """Nothing new for a while."""
        return asyncio.sleep(WAITS[a % len(WAITS)])
