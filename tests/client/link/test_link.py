"""The link: joining, losing, coming back, giving up."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from tests.client.hands import QUICK, HandClock
from tests.client.link.link_states import answering, is_, states
from tests.client.peer import no, ok, serving, until

from antiphon import Client, Rejected
from antiphon.client import LinkState
from antiphon.client.errors import AntiphonError, Unreachable


async def test_signing_in_gives_a_live_link_and_filled_stores() -> None:
    """A password is all that a bot needs."""
    async with serving() as peer, Client.sign_in(peer.url, "me@peer.test", "right", delays=QUICK) as client:
        await client.live()
        assert client.user.value is not None
        assert client.user.value.name == "Me"
        assert [entry.name for entry in client.channels.value] == ["general"]
        assert client.token == "token-me"
        assert client.config.value is not None
        assert client.version.value is not None


async def test_a_wrong_password_is_told_in_the_servers_words() -> None:
    """Entering raises, and nothing is left behind."""
    async with serving() as peer:
        with pytest.raises(Rejected) as raised:
            async with Client.sign_in(peer.url, "me@peer.test", "wrong", delays=QUICK):
                pass
        assert raised.value.status == 400
        assert "incorrect" in raised.value.detail


async def test_a_server_that_is_not_there_is_unreachable_and_not_refused() -> None:
    """The two are different errors, because a person does different things about them."""
    async with serving() as peer:
        url = peer.url
    with pytest.raises(Unreachable) as raised:
        await Client.sign_in(url, "me@peer.test", "right", delays=QUICK).start()
    assert raised.value.sent is False


async def test_the_first_packet_is_user_join_and_the_link_is_live_only_after_its_answer() -> None:
    """W-67: an unacknowledged join is no link, however open the socket is."""
    asked = asyncio.Event()

    def late(user: dict[str, Any] | None) -> Any:
        asked.set()
        return None if not open_gate else {"id": "me", "name": "Me"}

    open_gate: list[int] = []
    async with serving() as peer:
        peer.join_answer = late
        peer.hooks["GET /api/v1/auths/"] = lambda request: answering(ok(peer.users["token-me"]))
        async with Client(peer.url, token="token-me", delays=QUICK) as client:
            seen = states(client)
            await asked.wait()
            assert peer.said[0] == ("user-join", {"auth": {"token": "token-me"}})
            await until(is_(client, LinkState.WAITING))
            assert LinkState.LIVE not in seen
            open_gate.append(1)
            await client.live()


async def test_joining_and_heartbeat_do_not_wait_for_the_version() -> None:
    """W-01, W-02: a version request that fails or hangs keeps nothing from working."""
    async with serving() as peer:
        peer.hooks["GET /api/version"] = lambda request: answering(no(500, "broken"))
        delays = replace(QUICK, heartbeat=0.01)
        async with Client(peer.url, token="token-me", delays=delays) as client:
            await client.live()
            await until(lambda: ("heartbeat", {}) in peer.said)
            assert client.version.value is None
            del peer.hooks["GET /api/version"]
            await until(lambda: client.version.value is not None)


async def test_heartbeats_follow_the_servers_interval_and_stop_with_the_link() -> None:
    """W-04: one heartbeat task, whose life is the link's."""
    clock = HandClock()
    async with serving() as peer:
        peer.hooks["GET /api/config"] = lambda request: answering(
            ok({"name": "p", "version": "0.12.4", "features": {"websocket_heartbeat_interval": 7}})
        )
        async with Client(peer.url, token="token-me", clock=clock, delays=QUICK) as client:
            await client.live()
            clock.advance(7.1)
            await until(lambda: peer.said.count(("heartbeat", {})) == 1)
            for _ in range(3):
                peer.cut()
                await until(is_(client, LinkState.WAITING))
                client.reconnect()
                await client.live()
            before = peer.said.count(("heartbeat", {}))
            clock.advance(7.1)
            await until(lambda: peer.said.count(("heartbeat", {})) == before + 1)


async def test_a_cut_link_comes_back_by_itself_with_the_token_of_that_moment() -> None:
    """W-07: the handshake's token is read for each attempt."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        client._context.token = "token-ann"
        peer.cut()
        await until(is_(client, LinkState.WAITING))
        await client.live()
        assert peer.tokens_seen[0] == "token-me"
        assert peer.tokens_seen[-1] == "token-ann"


async def test_a_server_that_goes_and_comes_is_found_again() -> None:
    """While it is gone the state says when the next attempt is, and why."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        await peer.stop()
        await until(lambda: client.link.value.attempt >= 3 and is_(client, LinkState.WAITING)())
        link = client.link.value
        assert link.next_attempt_at is not None
        assert link.next_attempt_at > link.since
        assert link.reason
        await peer.start()
        await client.live()
        assert client.link.value.attempt == 0


async def test_a_disconnect_by_the_server_is_followed_by_the_back_off() -> None:
    """W-08: neither silence for ever nor a reconnect without delay."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        seen = states(client)
        for sid in list(peer.sids):
            await peer.io.disconnect(sid)
        await until(is_(client, LinkState.WAITING))
        await client.live()
        assert seen[1:3] == [LinkState.WAITING, LinkState.CONNECTING]


async def test_an_empty_acknowledgement_with_a_dead_token_means_signed_out() -> None:
    """One REST check, and no further attempt."""
    async with serving() as peer, Client(peer.url, token="token-nobody", delays=QUICK) as client:
        await until(is_(client, LinkState.SIGNED_OUT))
        assert peer.count("GET /api/v1/auths/") == 1
        assert len(peer.tokens_seen) == 1
        with pytest.raises(AntiphonError, match="signed_out"):
            await client.live()


async def test_an_empty_acknowledgement_with_a_good_token_is_tried_again() -> None:
    """Only a 401 means signed out."""
    async with serving() as peer:
        peer.join_answer = lambda user: None
        async with Client(peer.url, token="token-me", delays=QUICK) as client:
            await until(lambda: len(peer.tokens_seen) >= 3)
            peer.join_answer = None
            await client.live()


async def test_a_refused_handshake_is_checked_once_and_tried_again() -> None:
    """The server's reason is shown while waiting."""
    async with serving() as peer:
        peer.refuse_sockets = True
        async with Client(peer.url, token="token-me", delays=QUICK) as client:
            await until(is_(client, LinkState.WAITING))
            assert client.link.value.reason == "not now"
            assert peer.count("GET /api/v1/auths/") >= 1
            peer.refuse_sockets = False
            await client.live()


async def test_a_401_in_the_middle_of_work_is_confirmed_before_it_means_signed_out() -> None:
    """Open WebUI answers 401 to missing permissions too."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        peer.hooks["GET /api/v1/channels/c"] = lambda request: answering(no(401, "no permission"))
        checks = peer.count("GET /api/v1/auths/")
        with pytest.raises(AntiphonError):
            await client.channel("c").refresh_detail()
        await until(lambda: peer.count("GET /api/v1/auths/") == checks + 1)
        assert client.link.value.state is LinkState.LIVE
        peer.users.clear()
        with pytest.raises(AntiphonError):
            await client.channel("c").refresh_detail()
        await until(is_(client, LinkState.SIGNED_OUT))


async def test_only_a_link_that_lived_starts_the_delays_again() -> None:
    """A server that takes us and throws us out again at once is not asked every second."""
    clock = HandClock()
    async with serving() as peer, Client(peer.url, token="token-me", clock=clock, delays=QUICK) as client:
        for lived, failures in ((0.0, 1), (0.1, 2), (0.1, 3), (QUICK.settled, 1)):
            await client.live()
            clock.advance(lived)
            peer.cut()
            await until(is_(client, LinkState.WAITING))
            assert client._parts.supervisor._backoff.failures == failures
            client.reconnect()


async def test_websocket_alone_where_the_server_says_so_and_polling_where_it_does_not() -> None:
    """The configuration decides, as in the original."""
    for websocket, transport in ((True, "websocket"), (False, "polling")):
        async with serving(websocket=websocket) as peer:
            async with Client(peer.url, token="token-me", delays=QUICK) as client:
                await client.live()
                assert peer.io.transport(next(iter(peer.sids))) == transport
            await peer.rest()


async def test_our_own_server_is_reached_by_polling_where_websocket_is_blocked() -> None:
    """W-13: a proxy that refuses the upgrade does not keep the client out."""
    async with serving(antiphon="0.1.0") as peer:
        peer.io.eio.transports = ["polling"]
        async with Client(peer.url, token="token-me", delays=QUICK) as client:
            await client.live()
            assert peer.io.transport(next(iter(peer.sids))) == "polling"
        await peer.rest()


async def test_a_version_that_never_comes_holds_up_nobody() -> None:
    """W-02: the version only helps to connect; a server that does not answer it is joined without."""
    async with serving() as peer:
        go = asyncio.Event()

        async def hang(request: web.Request) -> web.StreamResponse:
            await go.wait()
            return await peer.answer(request)

        peer.hooks["GET /api/version"] = hang
        delays = replace(QUICK, version=0.05)
        async with Client(peer.url, token="token-me", delays=delays) as client:
            await asyncio.wait_for(client.live(), QUICK.connect / 2)
            assert client.version.value is None
            go.set()
            await until(lambda: client.version.value is not None)


async def test_a_join_that_stays_unanswered_with_a_dead_token_means_signed_out() -> None:
    """0.12.4 never answers the join of an account that is gone: that is no reason to try for ever."""
    async with serving() as peer:
        peer.users.pop("token-me")
        peer.unanswered_joins = True
        delays = replace(QUICK, ack=0.1)
        async with Client(peer.url, token="token-me", delays=delays) as client:
            await until(is_(client, LinkState.SIGNED_OUT))
            assert client.link.value.reason == "Not authenticated"


async def test_a_join_that_stays_unanswered_with_a_good_token_is_tried_again() -> None:
    """A slow server is not a lost session."""
    async with serving() as peer:
        peer.unanswered_joins = True
        delays = replace(QUICK, ack=0.1)
        async with Client(peer.url, token="token-me", delays=delays) as client:
            await until(lambda: client.link.value.attempt >= 2)
            peer.unanswered_joins = False
            await client.live()


async def test_a_blocked_websocket_is_told_as_what_it_is() -> None:
    """The server answers, so its address is right: the person is told where to look."""
    async with serving() as peer:
        peer.io.eio.transports = ["polling"]
        async with Client(peer.url, token="token-me", delays=QUICK) as client:
            await until(is_(client, LinkState.WAITING))
            assert "WebSocket" in (client.link.value.reason or "")


@pytest.mark.parametrize("interval", [0, -1])
async def test_an_interval_of_nothing_is_no_flood_of_heartbeats(interval: int) -> None:
    """A senseless setting of the server's administrator must not make its clients attack it."""
    async with serving() as peer:

        async def config(_: web.Request) -> web.StreamResponse:
            features = {"enable_websocket": True, "websocket_heartbeat_interval": interval}
            return ok({"status": True, "name": "Peer", "version": peer.release, "features": features})

        peer.hooks["GET /api/config"] = config
        async with Client(peer.url, token="token-me", delays=QUICK) as client:
            await client.live()
            await client.rest.accounts.session_user()
            await client.rest.accounts.session_user()
            assert [name for name, _ in peer.said].count("heartbeat") == 0
