"""What goes wrong: the network, the server, the machine, the process."""

from __future__ import annotations

from .hands import Hands
from .network import Fate

FATES = tuple(Fate)
SLOWNESS = (0.02, 0.2, 1.5, 5.0)
STALLS = (0.1, 0.5, 2.0, 6.0)
REPEATABLE = (
    "message:update", "message:reply", "message:reaction:add", "message:reaction:remove", "channel:created",
    "channel:mute", "channel:read", "chat:list", "chat:active", "chat:title", "chat:tasks:cancel",
    "chat:message:follow_ups",
)  # fmt: skip
"""What a real server tells twice: the state after a change, where the change is made or told by several hands
(two clicks, two rooms, a stop and its confirmation). New messages and pieces of answers are never told twice.
"""


class Faults(Hands):
    """The network's hands."""

    def the_line_is_cut(self, a: int, _: int) -> None:
        """Every connection is cut, or the sockets alone."""
        self._network.cut(requests=bool(a % 2))

    def the_line_dies_silently(self, _: int, __: int) -> None:
        """The sockets are half open: nothing comes through, and nobody says so."""
        self._network.half_open()

    def the_network_goes(self, a: int, _: int) -> None:
        """The network is gone, with a word or without."""
        if a % 2:
            self._network.swallowing = True
        else:
            self._network.reachable = False
            self._network.cut()

    def the_network_returns(self, _: int, __: int) -> None:
        """The network is back."""
        self._network.reachable, self._network.swallowing, self._network.sockets_pass = True, False, True

    def sockets_are_blocked(self, _: int, __: int) -> None:
        """A proxy lets requests through and sockets not."""
        self._network.sockets_pass = False

    def things_are_slow(self, a: int, b: int) -> None:
        """Frames and answers take longer, each by itself: they overtake each other."""
        weather = self._network.weather
        weather.frame, weather.answer = SLOWNESS[a % 4], SLOWNESS[b % 4]
        weather.request = SLOWNESS[(a // 4) % 3]

    def a_fetch_goes_wrong(self, a: int, b: int) -> None:
        """Something becomes of one of the next requests that read."""
        self._network.fates["read"].append(FATES[a % len(FATES)])

    def a_change_goes_wrong(self, a: int, b: int) -> None:
        """Something becomes of one of the next requests that write."""
        self._network.fates["write"].append(FATES[a % len(FATES)])

    def the_server_stops(self, _: int, __: int) -> None:
        """The server goes away."""
        self._server.stop()

    def the_server_returns(self, _: int, __: int) -> None:
        """The server is there again."""
        self._server.start()

    def we_are_thrown_out(self, _: int, __: int) -> None:
        """The server ends the sockets by force."""
        self._server.throw_out_all("access changed")

    def joins_are_not_answered(self, a: int, _: int) -> None:
        """The next sockets are accepted, and not told who they are."""
        self._server.empty_acks = 1 + a % 3
        self._network.cut(requests=False)

    def events_come_twice(self, a: int, _: int) -> None:
        """From now on one kind of event is told twice."""
        self._server.repeats.add(REPEATABLE[a % len(REPEATABLE)])

    def the_machine_sleeps(self, a: int, b: int) -> None:
        """The clock jumps; the connections outlive it, or not."""
        self._stage.clock.jumped += (30.0, 3600.0)[a % 2]
        if b % 2:
            self._network.half_open()

    def we_hurry(self, _: int, __: int) -> None:
        """We do not want to wait for the next attempt."""
        self._client.reconnect()

    def we_stall(self, a: int, b: int) -> None:
        """The process does not read for a while; then more comes at once than the inbox takes."""
        self._client._parts.inbox.capacity = 1 + a % 6
        self._network.gather(STALLS[b % len(STALLS)])

    async def we_start_anew(self, _: int, __: int) -> None:
        """The client is closed and another one made, with what is kept on the disk."""
        await self._stage.restart()

    async def we_are_killed(self, a: int, b: int) -> None:
        """The process is killed in the middle of everything, and another one begins.

        What it had on its way arrives, or not; that it is gone is seen by its number, or the lease tells.
        """
        await self._stage.restart(killed=True, arrives=bool(a % 2), seen=bool(b % 2))
