"""What a client holds is counted before and after a hundred of everything, on real sockets."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import engineio.base_client as engine
import psutil
from tests.client.hands import QUICK
from tests.client.peer import Peer, serving, until

from antiphon import Client
from antiphon.client import LinkState
from antiphon.client.link.lifecycle import Connected, LifecycleEvent
from antiphon.wire import MessageCreated

TIMES = 100


@dataclass(frozen=True)
class Held:
    """What there is of everything that could be left behind."""

    tasks: int
    timers: int
    files: int
    threads: int
    engines: int

    def no_more_than(self, other: Held) -> bool:
        """Whether there is no more of anything than there was."""
        return all(getattr(self, name) <= getattr(other, name) for name in Held.__dataclass_fields__)


def held() -> Held:
    """Count what there is now; sockets are files."""
    loop = asyncio.get_running_loop()
    timers = [handle for handle in loop._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
    return Held(
        tasks=len(asyncio.all_tasks()),
        timers=len(timers),
        files=psutil.Process().num_fds(),
        threads=threading.active_count(),
        engines=len(engine.connected_clients),
    )


def subscribers(client: Client) -> int:
    """Count who listens to the client's stores and events."""
    stores = client._stores
    return len(client._parts.listeners) + sum(
        getattr(stores, name).subscribers for name in type(stores).__dataclass_fields__
    )


@asynccontextmanager
async def brisk() -> AsyncIterator[Peer]:
    """A server whose pings are so frequent that what is left of an ended connection there ends soon."""
    async with serving() as peer:
        peer.io.eio.ping_interval = 0.1
        yield peer


async def use(peer: Peer, client: Client) -> None:
    """Do with a client what people do."""
    client.on(MessageCreated, lambda event: None)
    client.on(LifecycleEvent, lambda event: None)
    client.events(MessageCreated)
    window = client.open_window()
    window.show_channel("c")
    window.focus(True)
    channel = client.channel("c")
    await channel.open()
    channel.typing(True)
    await channel.send("hello")
    client.typing.subscribe(lambda typing: None)()


async def test_a_hundred_sign_ins_leave_nothing_behind() -> None:
    """W-04, W-63, W-64, W-65, W-94: what a sign-in attaches goes with it: tasks, timers, sockets, files."""
    async with brisk() as peer:
        before = None
        for n in range(TIMES + 5):
            client = Client.sign_in(peer.url, "me@peer.test", "right", delays=QUICK)
            async with client:
                await client.live()
                await use(peer, client)
                if n % 3 == 0:
                    await client.sign_out()
                    peer.users["token-me"] = {**peer.users["token-ann"], "id": "me", "token": "token-me"}
                    peer.users["token-me"]["email"] = "me@peer.test"
            assert subscribers(client) == 0
            assert client._parts.typing.timers == 0
            if n == 4:
                await peer.rest()
                gc.collect()
                before = held()
        assert before is not None
        await peer.rest()
        gc.collect()
        await until(lambda: held().no_more_than(before))
        assert not engine.connected_clients


async def test_a_hundred_losses_leave_nothing_behind_and_each_event_is_heard_once() -> None:
    """W-04, W-65: one heartbeat, one watch of the session, one listener, however often the link was lost."""
    async with brisk() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        heard: list[str] = []
        client.on(MessageCreated, lambda event: heard.append(event.payload.id))
        connected: list[Connected] = []
        client.on(Connected, connected.append)
        await client.live()
        await use(peer, client)
        before, listening = None, subscribers(client)
        for n in range(TIMES + 5):
            peer.cut()
            await until(lambda: client.link.value.state is not LinkState.LIVE)
            client.reconnect()
            await client.live()
            if n == 4:
                await until(lambda: len(peer.sids) == 1)
                gc.collect()
                before = held()
        assert before is not None
        await until(lambda: len(peer.sids) == 1)
        gc.collect()
        await until(lambda: held().no_more_than(before))
        assert subscribers(client) == listening
        assert len(connected) == TIMES + 6
        message = peer.add_message("heard once")
        await peer.tell("message", message)
        await until(lambda: message["id"] in heard)
        await client.rest.accounts.session_user()
        assert heard.count(message["id"]) == 1


async def test_a_hundred_changes_of_the_person_leave_nothing_behind() -> None:
    """W-35, W-63, W-94: each person has parts of their own, and they end with the change."""
    async with brisk() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        before = None
        for n in range(TIMES + 5):
            await use(peer, client)
            await client.switch("token-ann" if n % 2 == 0 else "token-me")
            await client.live()
            if n == 4:
                await until(lambda: len(peer.sids) == 1)
                gc.collect()
                before, listening = held(), subscribers(client)
        assert before is not None
        await until(lambda: len(peer.sids) == 1)
        gc.collect()
        await until(lambda: held().no_more_than(before))
        assert subscribers(client) == listening
