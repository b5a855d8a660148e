"""The link: joining, losing, coming back, giving up."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.client.hands import QUICK, HandClock
from tests.client.peer import no, ok, serving, until

from antiphon import Client, Rejected
from antiphon.client import LinkState
from antiphon.client.errors import AntiphonError, SendFailed, SignedOut, Unreachable
from antiphon.client.kept.account_file import AccountFile
from antiphon.client.kept.storage import Keeping
from antiphon.client.outbox.ledger import unsent_in
from antiphon.wire import ChannelEnvelope


def states(client: Client) -> list[LinkState]:
    """Collect the states from now on."""
    seen: list[LinkState] = []
    client.link.subscribe(lambda link: seen.append(link.state))
    return seen


def is_(client: Client, state: LinkState) -> Callable[[], bool]:
    """Tell whether the link is in a state."""
    return lambda: client.link.value.state is state


def client_tasks() -> set[asyncio.Task[Any]]:
    """Collect the tasks that a client began, itself or through the library."""
    places = ("/antiphon/client/", "engineio/async_client", "socketio/async_client")
    return {
        task
        for task in asyncio.all_tasks()
        if any(place in getattr(task.get_coro(), "cr_code", _main).co_filename for place in places)
    }


_main = client_tasks.__code__


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
        peer.hooks["GET /api/v1/auths/"] = lambda request: _answer(ok(peer.users["token-me"]))
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
        peer.hooks["GET /api/version"] = lambda request: _answer(no(500, "broken"))
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
        peer.hooks["GET /api/config"] = lambda request: _answer(
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
        peer.hooks["GET /api/v1/channels/c"] = lambda request: _answer(no(401, "no permission"))
        checks = peer.count("GET /api/v1/auths/")
        with pytest.raises(AntiphonError):
            await client.channel("c").refresh_detail()
        await until(lambda: peer.count("GET /api/v1/auths/") == checks + 1)
        assert client.link.value.state is LinkState.LIVE
        peer.users.clear()
        with pytest.raises(AntiphonError):
            await client.channel("c").refresh_detail()
        await until(is_(client, LinkState.SIGNED_OUT))


async def test_signing_out_ends_the_session_there_and_the_link_here() -> None:
    """The client stays, signed out."""
    async with serving() as peer, Client.sign_in(peer.url, "me@peer.test", "right", delays=QUICK) as client:
        await client.live()
        await client.sign_out()
        await until(is_(client, LinkState.SIGNED_OUT))
        await until(lambda: not peer.sids)
        assert client.token is None
        assert client.user.value is None
        assert "token-me" not in peer.users


async def test_fifty_links_leave_no_task_no_socket_and_no_listener_behind() -> None:
    """Everything that a client begins, it ends."""
    async with serving() as peer:
        async with Client(peer.url, token="token-me", delays=QUICK) as client:
            await client.live()
            before = len(client_tasks())
            for _ in range(50):
                peer.cut()
                await until(is_(client, LinkState.WAITING))
                client.reconnect()
                await client.live()
            await until(lambda: len(client_tasks()) <= before)
            import engineio.base_client as engine

            assert len(engine.connected_clients) == 1
        await peer.rest()
        assert client.link.value.state is LinkState.CLOSED
        assert len(client._parts.listeners) == 0
        assert client._parts.typing.timers == 0
        assert not engine.connected_clients
        gc.collect()


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


async def test_fifty_clients_leave_nothing_behind() -> None:
    """Signing in and closing, over and over."""
    async with serving() as peer:
        before = None
        for n in range(50):
            async with Client(peer.url, token="token-me", delays=QUICK) as client:
                client.on(object, lambda event: None)
                client.events()
                if n % 5 == 0:
                    await client.live()
            if n == 0:
                await peer.rest()
                before = len(client_tasks())
        await peer.rest()
        await until(lambda: len(client_tasks()) <= (before or 0))


async def test_closing_in_the_middle_of_an_attempt_is_quick_and_clean() -> None:
    """A server that accepts and says nothing holds nobody."""
    writers: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda reader, writer: writers.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with silent:
        client = Client(f"http://127.0.0.1:{port}", token="t", delays=QUICK)
        async with asyncio.timeout(QUICK.connect / 2):
            await client.start()
            await until(lambda: writers)
            await client.close()
        for writer in writers:
            writer.transport.abort()
    assert client.link.value.state is LinkState.CLOSED


async def test_a_machine_that_slept_catches_up() -> None:
    """The time of day jumped: ask the server for a sign of life, then catch up."""
    clock = HandClock()
    async with serving() as peer, Client(peer.url, token="token-me", clock=clock, delays=QUICK) as client:
        await client.live()
        lists = peer.count("GET /api/v1/channels/")
        await until(lambda: clock.timers)
        clock.jump(3600)
        clock.advance(QUICK.wake_check + 0.1)
        await until(lambda: peer.count("GET /api/v1/channels/") > lists)
        await client.live()


async def test_an_overflowing_inbox_says_so_and_catches_up(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is lost in silence: what was dropped is fetched."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        client.open_window().show_channel("c")
        await client.channel("c").open()
        lists = peer.count("GET /api/v1/channels/")
        client._parts.inbox.capacity = 5
        sid = next(iter(peer.sids))
        messages = [peer.add_message(f"text {n}") for n in range(50)]
        envelope = {"channel_id": "c", "data": {"type": "message"}}
        for message in messages:
            payload = {**envelope, "message_id": message["id"], "data": {"type": "message", "data": message}}
            client._parts.arrived("events:channel", payload, None)
        await until(lambda: peer.count("GET /api/v1/channels/") > lists)
        await client.live()
        rows = client.channel("c").timeline.rows()
        assert [row.message.content for row in rows] == [f"text {n}" for n in range(50)]
        assert "dropped" in caplog.text
        assert sid in peer.sids


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


async def _answer(response: web.Response) -> web.StreamResponse:
    return response


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


async def test_whoever_waits_for_events_is_told_of_the_sign_out() -> None:
    """A bot whose token ran out ends with the reason, and does not sit there for ever."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        stream = client.events()
        waiting = asyncio.ensure_future(anext(stream))
        heard: list[object] = []

        async def listen(event: object) -> None:
            heard.append(event)

        client.on(ChannelEnvelope, listen)
        await client.sign_out()
        with pytest.raises(SignedOut, match="signed out"):
            await waiting
        with pytest.raises(SignedOut):
            await anext(client.events())
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        assert heard == []


@pytest.mark.parametrize("file", ["open", "opening", "none"])
async def test_what_waits_to_be_sent_is_kept_at_the_sign_out_or_has_failed_without_a_file(
    file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing typed is lost in silence: the file keeps it, also one that opens only later."""
    may_open, go, open_file = asyncio.Event(), asyncio.Event(), AccountFile.open

    async def opened(*args: Any, **options: Any) -> AccountFile:
        await may_open.wait()
        return await open_file(*args, **options)

    async def hang(request: web.Request) -> web.StreamResponse:
        await go.wait()
        return no(503, "too late")

    monkeypatch.setattr(AccountFile, "open", opened)
    options: dict[str, Any] = {"delays": QUICK, "data_dir": tmp_path, "durable": file != "none"}
    async with serving() as peer:
        async with Client(peer.url, token="token-me", **options) as client:
            await client.live()
            if file == "open":
                may_open.set()
                await until(lambda: client.storage.value.state is Keeping.DURABLE)
            peer.hooks["POST /api/v1/channels/c/messages/post"] = hang
            channel = client.channel("c")
            sendings = [channel.send("under way"), channel.send("behind it")]
            await client.sign_out()
            await until(is_(client, LinkState.SIGNED_OUT))
            sendings.append(channel.send("after it"))
            if file == "opening":
                await until(lambda: len(channel.timeline.rows()) == 3)
                assert not any(sending.kept or sending.error for sending in sendings)
            may_open.set()
            errors = [(await asyncio.gather(sending, return_exceptions=True))[0] for sending in sendings]
            assert [type(error) for error in errors] == [SendFailed] * 3
            kept = file != "none"
            assert [error.kept for error in errors if isinstance(error, SendFailed)] == [kept] * 3
            states = ["pending" if kept else "failed"] * 3
            await until(lambda: [row.state for row in channel.timeline.rows()] == states)
            go.set()
        assert await unsent_in(tmp_path, peer.url, "me") == (3 if kept else 0)


async def test_nothing_new_begins_while_a_client_closes() -> None:
    """What would have no end is refused: closing waits for nobody who comes later."""
    async with serving() as peer:
        client = await Client(peer.url, token="token-me", delays=QUICK).start()
        await client.live()
        closing = asyncio.ensure_future(client.close())
        refused = 0
        while not closing.done():
            try:
                client.channel("nowhere" if refused else "c").send("late")
            except AntiphonError:
                refused += 1
            await until(lambda: True)
            turn = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(turn.set_result, None)
            await turn
        await asyncio.wait_for(closing, 30)
        assert refused


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
