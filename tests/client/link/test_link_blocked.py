"""Where something between refuses WebSocket: polling where the server takes it, and plain words where not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.client.hands import QUICK
from tests.client.link.blocking_proxy import Manner, blocking
from tests.client.peer import serving, until

from antiphon import Client
from antiphon.client import LinkState
from antiphon.client.link.connection import NOT_MADE, Connection
from antiphon.client.link.lifecycle import Connected, ConnectError
from antiphon.client.link.transport import ConnectFailed

MANNERS: tuple[Manner, ...] = ("forbidden", "gateway", "cut", "silence")


@pytest.mark.parametrize("manner", MANNERS)
async def test_our_own_server_is_reached_by_polling_however_websocket_is_refused(manner: Manner) -> None:
    """W-13: polling is a real fallback, and events come by it."""
    async with serving(antiphon="0.1.0") as peer:
        async with blocking(peer.url, manner) as url:
            client = Client(url, token="token-me", delays=replace(QUICK, connect=1.0))
            connected: list[Connected] = []
            client.on(Connected, connected.append)
            async with client:
                await until(lambda: client.link.value.state is LinkState.LIVE)
                await client.channel("c").open()
                await peer.tell("message", peer.add_message("hello"))
                await until(client.channel("c").timeline.rows)
                assert connected[0].transport == "polling"
        for sid in list(peer.sids):
            await peer.io.disconnect(sid)
        await peer.rest()


@pytest.mark.parametrize("manner", MANNERS)
async def test_open_webui_allows_nothing_else_and_the_client_says_so(manner: Manner) -> None:
    """A person learns that the server is there, and what to look for on the way to it."""
    async with serving() as peer, blocking(peer.url, manner) as url:
        client = Client(url, token="token-me", delays=replace(QUICK, connect=0.5))
        errors: list[ConnectError] = []
        client.on(ConnectError, errors.append)
        async with client:
            await until(lambda: client.link.value.state is LinkState.WAITING)
            reason = client.link.value.reason or ""
            assert "a proxy seems to block WebSocket" in reason
            assert "allows nothing else" in reason
            assert errors[0].reason == reason
            assert peer.count("GET /ws/socket.io/") == 0


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_what_the_library_says_to_developers_is_not_told_to_people(transport: str) -> None:
    """Where nothing listens, the reason is a sentence, whichever way was tried."""
    async with serving() as peer:
        url = peer.url
    connection = Connection(lambda *_: None)
    try:
        with pytest.raises(ConnectFailed) as raised:
            await connection.open(url, "token", [transport])
    finally:
        await connection.close()
    assert str(raised.value) in {NOT_MADE, "the server refuses connections"}
