"""Links that are dead without a word, and machines that slept."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.client.hands import QUICK, HandClock
from tests.client.peer import Peer, serving, until
from tests.live.fault_proxy import BOTH, FaultProxy, Weather

from antiphon import Client
from antiphon.client import LinkState
from antiphon.client.clock import Delays
from antiphon.client.link.lifecycle import Disconnected
from antiphon.client.link.wake import WakeWatch

SILENT = Weather(silent=BOTH)


def port(peer: Peer) -> int:
    """Give the port of a server."""
    return int(peer.url.rpartition(":")[2])


@pytest.mark.parametrize("websocket", [True, False], ids=["websocket", "polling"])
async def test_a_half_open_link_is_noticed_and_replaced(websocket: bool) -> None:
    """The server's pings stop coming: nothing says so but their absence."""
    async with serving(websocket=websocket) as peer:
        peer.io.eio.ping_interval, peer.io.eio.ping_timeout = 0.2, 0.2
        async with (
            FaultProxy(port(peer)) as proxy,
            Client(proxy.url, token="token-me", delays=replace(QUICK, connect=1.0)) as client,
        ):
            await until(lambda: client.link.value.state is LinkState.LIVE)
            gone: list[Disconnected] = []
            client.on(Disconnected, gone.append)
            peer.add_message("missed")
            client.open_window().show_channel("c")
            async with proxy.during(SILENT):
                await until(lambda: gone)
            assert not gone[0].by_server
            await until(lambda: client.link.value.state is LinkState.LIVE)
            timeline = client.channel("c").timeline
            await until(lambda: [row.message.content for row in timeline.rows()] == ["missed"])
        for sid in list(peer.sids):
            await peer.io.disconnect(sid)
        await peer.rest()


async def test_a_link_that_did_not_survive_a_sleep_is_replaced_at_once() -> None:
    """On waking the server is asked for a sign of life; the next ping may be half a minute away."""
    clock = HandClock()
    async with serving() as peer, FaultProxy(port(peer)) as proxy:
        delays = replace(QUICK, ack=0.2)
        async with Client(proxy.url, token="token-me", clock=clock, delays=delays) as client:
            await until(lambda: client.link.value.state is LinkState.LIVE)
            gone: list[Disconnected] = []
            client.on(Disconnected, gone.append)
            async with proxy.during(SILENT):
                clock.jump(3600)
                clock.advance(QUICK.wake_check + 0.1)
                await until(lambda: gone)
            assert "sleep" in gone[0].reason
            await until(lambda: client.link.value.state is LinkState.WAITING)
            client.reconnect()
            await until(lambda: client.link.value.state is LinkState.LIVE)
        for sid in list(peer.sids):
            await peer.io.disconnect(sid)
        await peer.rest()


async def test_a_client_that_wakes_while_it_waits_tries_at_once() -> None:
    """Whoever opens the lid wants to see what is new."""
    clock = HandClock()
    async with serving() as peer:
        await peer.stop()
        delays = replace(QUICK, retry_first=1e6, retry_most=1e6)
        async with Client(peer.url, token="token-me", clock=clock, delays=delays) as client:
            await until(lambda: client.link.value.state is LinkState.WAITING)
            await peer.start()
            clock.jump(3600)
            clock.advance(QUICK.wake_check + 0.1)
            await until(lambda: client.link.value.state is LinkState.LIVE)


@given(steps=st.lists(st.tuples(st.floats(0.01, 8), st.sampled_from([0, 0, 0, 11, 3600, -40])), max_size=30))
async def test_each_sleep_is_noticed_once_and_nothing_else_is(steps: list[tuple[float, int]]) -> None:
    """The time of day jumps, or it does not; the pauses between looks are as long as they are."""
    clock, delays = HandClock(), Delays()
    woke: list[float] = []
    watch = WakeWatch(clock, delays, lambda: woke.append(clock.monotonic()))
    watching = watch.run()
    waiting = watching.send(None)
    jumped = 0
    noticed = 0
    for seconds, jump in steps:
        clock.jump(jump)
        jumped += jump
        clock.advance(seconds)
        if waiting.done():
            noticed += abs(jumped) >= delays.wake_jump
            jumped = 0
            waiting = watching.send(None)
        assert len(woke) == noticed
    watching.close()
