"""The turns of the link and of the session, as values, in the log, and in words."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from tests.client.hands import QUICK, HandClock
from tests.client.peer import Peer, no, ok, serving, until

from antiphon import Client
from antiphon.client import LinkState
from antiphon.client.errors import AntiphonError
from antiphon.client.link.lifecycle import (
    AccessRefreshed,
    AttemptBegan,
    Connected,
    ConnectError,
    Disconnected,
    GaveUp,
    LifecycleEvent,
    RetryScheduled,
    ServerChanged,
    SessionEnded,
    SessionEnding,
    SessionRenewed,
)
from antiphon.client.link.link import Link

HOUR = 3600


def heard(client: Client, kind: type[Any] = LifecycleEvent) -> list[Any]:
    """Collect the events from now on."""
    events: list[Any] = []
    client.on(kind, events.append)
    return events


def is_(client: Client, state: LinkState) -> Callable[[], bool]:
    """Tell whether the link is in a state."""
    return lambda: client.link.value.state is state


async def test_every_turn_of_the_link_is_told_in_its_order() -> None:
    """Attempt, connection, loss, delay, attempt: with numbers, reasons and delays."""
    async with serving() as peer:
        client = Client(peer.url, token="token-me", delays=QUICK)
        events = heard(client)
        async with client:
            await client.live()
            peer.cut()
            await until(is_(client, LinkState.WAITING))
            await client.live()
            await peer.stop()
            await until(lambda: AttemptBegan(3) in events)
        kinds = [type(event) for event in events]
        assert kinds[:6] == [AttemptBegan, Connected, Disconnected, RetryScheduled, AttemptBegan, Connected]
        assert events[0] == AttemptBegan(1)
        assert events[1].transport == "websocket"
        assert events[1].sid
        assert not events[2].by_server
        assert events[3].number == 1
        assert QUICK.retry_first / 2 <= events[3].delay <= QUICK.retry_most
        failed = [event for event in events if isinstance(event, ConnectError)]
        assert "refuses connections" in failed[0].reason
        numbers = [event.number for event in events if isinstance(event, RetryScheduled)]
        assert numbers == [1, *range(1, len(numbers))]


async def test_each_turn_is_in_the_log_once_and_no_token_is(caplog: pytest.LogCaptureFixture) -> None:
    """W-81: the log tells states and reasons, and nothing that a person wrote or that opens a door."""
    caplog.set_level(logging.DEBUG)
    async with serving() as peer:
        client = Client(peer.url, token="token-me", delays=QUICK)
        events = heard(client)
        async with client:
            await client.live()
            message = peer.add_message("a secret of ann")
            await peer.tell("message", message)
            await client.rest.accounts.session_user()
        lines = [r.message for r in caplog.records if r.name == "antiphon.client.link.lifecycle"]
        assert lines == [str(event) for event in events]
        assert "token-me" not in "".join(r.message for r in caplog.records if r.name.startswith("antiphon"))
        assert "a secret" not in caplog.text


async def test_whoever_asks_for_all_events_gets_the_servers_alone() -> None:
    """What is asked for by name comes; a bot that reads everything reads what the server says."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        every, life = client.events(), client.events(Disconnected, AttemptBegan)
        await client.live()
        await peer.tell("message", peer.add_message("hello"))
        first = await anext(every)
        peer.cut()
        await until(is_(client, LinkState.WAITING))
        await client.live()
        await peer.tell("message", peer.add_message("again"))
        second = await anext(every)
        assert (first.payload.content, second.payload.content) == ("hello", "again")
        assert [type(await anext(life)) for _ in range(3)] == [AttemptBegan, Disconnected, AttemptBegan]


async def test_a_client_that_may_try_three_times_gives_up_in_words_and_begins_again_when_told() -> None:
    """Giving up is a state of its own, with the reason; `reconnect` leaves it."""
    async with serving() as peer:
        await peer.stop()
        client = Client(peer.url, token="token-me", delays=QUICK, attempts=3)
        events = heard(client)
        async with client:
            await until(is_(client, LinkState.GAVE_UP))
            assert "refuses connections" in (client.link.value.reason or "")
            assert events[-1] == GaveUp(3, client.link.value.reason)
            assert [e.number for e in events if isinstance(e, AttemptBegan)] == [1, 2, 3]
            with pytest.raises(AntiphonError, match="refuses connections"):
                await client.live()
            await peer.start()
            client.reconnect()
            await until(is_(client, LinkState.LIVE))


async def test_whoever_waits_for_the_link_after_reconnect_is_not_told_of_the_end_before() -> None:
    """`reconnect` and `live` in one breath, and from within a listener that hears of the giving up."""
    async with serving() as peer:
        await peer.stop()
        async with Client(peer.url, token="token-me", delays=QUICK, attempts=2) as client:
            await until(is_(client, LinkState.GAVE_UP))
            again: list[Link] = []

            def once_more(link: Link) -> None:
                if link.state is LinkState.GAVE_UP and len(again) < 3:
                    again.append(link)
                    client.reconnect()

            client.link.subscribe(once_more)
            await until(lambda: len(again) == 3 and is_(client, LinkState.GAVE_UP)())
            await peer.start()
            client.reconnect()
            await client.live()


async def test_a_wish_to_reconnect_during_an_attempt_is_granted_after_it_and_not_later() -> None:
    """The network came back while an attempt was failing: nobody waits then; but a later loss waits again."""
    slow = replace(QUICK, retry_first=600, retry_most=600)
    go = asyncio.Event()

    async def held(request: web.Request) -> web.Response:
        await go.wait()
        return no(503, "not yet")

    async with serving() as peer:
        peer.hooks["GET /api/config"] = held
        async with Client(peer.url, token="token-me", delays=slow) as client:
            await until(lambda: peer.count("GET /api/config") == 1)
            client.reconnect()
            peer.hooks.clear()
            go.set()
            await client.live()
            peer.cut()
            await until(is_(client, LinkState.WAITING))


async def test_a_wish_to_reconnect_asks_a_link_that_stands_for_a_sign_of_life() -> None:
    """Whoever watches the network knows earlier than the next ping that it was away."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        lists = peer.count("GET /api/v1/channels/")
        client.reconnect()
        await until(lambda: ("heartbeat", {}) in peer.said)
        await until(lambda: peer.count("GET /api/v1/channels/") > lists)
        await client.live()


async def test_without_a_limit_nobody_gives_up() -> None:
    """Attempts are unlimited unless limited."""
    async with serving() as peer:
        await peer.stop()
        async with Client(peer.url, token="token-me", delays=QUICK) as client:
            events = heard(client, GaveUp)
            await until(lambda: client.link.value.attempt >= 8)
            await peer.start()
            await client.live()
            assert not events


async def test_another_build_of_the_server_is_told_and_its_configuration_fetched() -> None:
    """The original reloaded every page at once; here the owner is told, and nothing else happens."""
    async with serving() as peer:
        client = Client(peer.url, token="token-me", delays=QUICK)
        events = heard(client, ServerChanged)
        async with client:
            await client.live()
            await until(lambda: client.version.value is not None)
            await peer.stop()
            peer.release = "0.12.5"
            await peer.start()
            await client.live()
            await until(lambda: events)
            before, after = events[0].before, events[0].after
            assert (before.version, after.version) == ("0.12.4", "0.12.5")
            assert client.version.value == after
            assert client.config.value is not None
            assert client.config.value.version == "0.12.5"
            peer.cut()
            await until(is_(client, LinkState.WAITING))
            await client.live()
            await client.rest.accounts.version()
            assert len(events) == 1


async def test_a_server_that_came_back_with_another_transport_is_found() -> None:
    """What the configuration says is asked for again after an attempt that failed."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        await peer.stop()
        await until(lambda: client.link.value.attempt >= 2)
        peer.websocket = False
        peer.io.eio.transports = ["polling"]
        await peer.start()
        await client.live()
        assert peer.io.transport(next(iter(peer.sids))) == "polling"
        await client.close()
        await peer.rest()


async def test_a_forced_disconnect_is_told_as_such_and_access_is_fetched_once() -> None:
    """The server ends connections when it changes what a person may do: all of that is fetched again."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        events = heard(client)
        peer.users["token-me"]["role"] = "admin"
        before = {path: peer.count(path) for path in PERSON}
        await peer.emit("access:updated", {})
        for sid in list(peer.sids):
            await peer.io.disconnect(sid)
        await until(lambda: AccessRefreshed() in events)
        await client.live()
        assert Disconnected("the server ended the connection", by_server=True) in events
        assert client.user.value is not None
        assert client.user.value.role == "admin"
        assert {path: peer.count(path) - before[path] for path in PERSON} == dict.fromkeys(PERSON, 1)
        assert events.count(AccessRefreshed()) == 1


PERSON = ("GET /api/v1/auths/", "GET /api/config", "GET /api/v1/users/user/settings")


async def test_changed_access_without_a_disconnect_is_fetched_after_a_moment() -> None:
    """A server that leaves the connection alone has changed something all the same."""
    delays = replace(QUICK, access=0.01)
    async with serving() as peer, Client(peer.url, token="token-me", delays=delays) as client:
        await client.live()
        events = heard(client, AccessRefreshed)
        peer.users["token-me"]["role"] = "admin"
        await peer.emit("access:updated", {})
        await until(lambda: events)
        assert client.user.value is not None
        assert client.user.value.role == "admin"
        await peer.emit("access:updated", {})
        await until(lambda: len(events) == 2)


async def reason_at(url: str, **delays: float) -> str:
    """Give the reason that a client gives for not reaching a place."""
    async with Client(url, token="t", delays=replace(QUICK, **delays)) as client:
        await until(is_(client, LinkState.WAITING))
        return client.link.value.reason or ""


async def test_why_a_server_cannot_be_reached_is_said_in_words() -> None:
    """A person learns where to look: the name, the port, the certificate, the server."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        assert "the server refuses connections" in await reason_at(f"http://127.0.0.1:{port}")
    assert "name cannot be found" in await reason_at("http://nobody.invalid")
    async with serving() as peer:
        assert "speak https" in await reason_at(peer.url.replace("http:", "https:"))
    silent = await asyncio.start_server(_say_nothing, "127.0.0.1", 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        assert "did not answer in time" in await reason_at(f"http://127.0.0.1:{port}", connect=0.1)
    cutting = await asyncio.start_server(_cut, "127.0.0.1", 0)
    async with cutting:
        port = cutting.sockets[0].getsockname()[1]
        assert "broke" in await reason_at(f"http://127.0.0.1:{port}")
    for url in ("ftp://127.0.0.1", "nonsense"):
        assert await reason_at(url) == f"{url} is no address of a server"
    async with serving() as peer:
        for answer in (
            ok({"hello": "world"}),
            ok([1]),
            web.Response(text="<html>", content_type="text/html"),
        ):
            peer.hooks["GET /api/config"] = _saying(answer)
            reason = await reason_at(peer.url)
            assert reason.startswith("the server answer")
            assert "is it an Open WebUI?" in reason


def _saying(answer: web.Response) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def say(_: web.Request) -> web.Response:
        return web.Response(text=answer.text, content_type=answer.content_type)

    return say


async def _say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def _cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def test_the_last_error_stays_while_the_next_attempt_is_under_way() -> None:
    """A person who looks at the wrong moment sees it too; it goes when the link is live."""
    async with serving() as peer:
        peer.refuse_sockets = True
        async with Client(peer.url, token="token-me", delays=QUICK) as client:
            await until(lambda: client.link.value.attempt == 2)
            assert client.link.value.reason == "not now"
            peer.refuse_sockets = False
            await client.live()
            assert client.link.value.reason is None


# The session


def expiring(peer: Peer, at: float) -> None:
    """Let the session run out."""
    next(iter(peer.users.values()))["expires_at"] = int(at)


async def test_the_end_of_a_session_is_told_a_minute_ahead_and_seen_to() -> None:
    """At the end the server is asked: its word counts."""
    clock = HandClock()
    async with serving() as peer:
        expiring(peer, clock.now() + HOUR)
        async with Client(peer.url, token="token-me", clock=clock, delays=QUICK) as client:
            await client.live()
            events = heard(client)
            clock.advance(HOUR - 70)
            await client.rest.accounts.session_user()
            assert not [e for e in events if isinstance(e, SessionEnding)]
            clock.advance(11)
            await until(lambda: SessionEnding(int(peer.users["token-me"]["expires_at"])) in events)
            assert client.link.value.state.joined
            peer.users.clear()
            while not is_(client, LinkState.SIGNED_OUT)():
                clock.advance(15)
                await asyncio.wait_for(_turns(), 30)
            assert events[-1] == SessionEnded("Not authenticated")
            assert len([e for e in events if isinstance(e, SessionEnding)]) == 1


async def _turns() -> None:
    """Let what is ready run, and answers arrive."""
    loop = asyncio.get_running_loop()
    for _ in range(3):
        turn: asyncio.Future[None] = loop.create_future()
        loop.call_later(0.005, turn.set_result, None)
        await turn


async def test_a_session_that_is_over_by_our_clock_alone_goes_on() -> None:
    """A clock that is wrong signs nobody out."""
    clock = HandClock()
    async with serving() as peer:
        expiring(peer, clock.now() - HOUR)
        async with Client(peer.url, token="token-me", clock=clock, delays=QUICK) as client:
            await client.live()
            checks = peer.count("GET /api/v1/auths/")
            while peer.count("GET /api/v1/auths/") < checks + 3:
                clock.advance(QUICK.session_again)
                await asyncio.wait_for(_turns(), 30)
            assert client.link.value.state.joined


async def test_a_session_that_ran_out_during_a_sleep_is_noticed_on_waking() -> None:
    """No timer runs while the machine sleeps."""
    clock = HandClock()
    async with serving() as peer:
        expiring(peer, clock.now() + HOUR)
        async with Client(peer.url, token="token-me", clock=clock, delays=QUICK) as client:
            await client.live()
            await until(lambda: client.user.value is not None)
            peer.users.clear()
            clock.jump(2 * HOUR)
            clock.advance(QUICK.wake_check + 0.1)
            await until(is_(client, LinkState.SIGNED_OUT))


def renewing(peer: Peer) -> list[str]:
    """Let each sign-in give a new token, and make the former one void; give the tokens."""
    tokens: list[str] = []

    async def sign_in(request: web.Request) -> web.StreamResponse:
        if (await request.json())["password"] != "right":
            return no(400, "The email or password provided is incorrect.")
        user = next(iter(peer.users.values()))
        peer.users.clear()
        tokens.append(f"token-{len(tokens)}")
        peer.users[tokens[-1]] = {**user, "token": tokens[-1]}
        return ok(peer.users[tokens[-1]])

    peer.hooks["POST /api/v1/auths/signin"] = sign_in
    return tokens


async def test_a_client_with_a_password_signs_in_again_before_its_session_runs_out() -> None:
    """A bot lives longer than its token: a new one, and a new socket with it."""
    clock = HandClock()
    async with serving() as peer:
        tokens = renewing(peer)
        expiring(peer, clock.now() + HOUR)
        async with Client.sign_in(peer.url, "me@peer.test", "right", clock=clock, delays=QUICK) as client:
            await client.live()
            events = heard(client)
            peer.users[tokens[0]]["expires_at"] += HOUR
            clock.advance(HOUR - 59)
            await until(lambda: SessionRenewed() in events)
            await until(lambda: peer.tokens_seen[-1] == tokens[1])
            await client.live()
            assert client.token == tokens[1]
            assert not [e for e in events if isinstance(e, RetryScheduled | SessionEnded)]


async def test_short_sessions_are_renewed_at_their_middle_for_as_long_as_links_live() -> None:
    """A server whose sessions last a minute is no reason to sign in all the time, nor to stop after three."""
    clock = HandClock()
    async with serving() as peer:
        tokens = renewing(peer)
        sign_in = peer.hooks["POST /api/v1/auths/signin"]

        async def for_a_minute(request: web.Request) -> web.StreamResponse:
            expiring(peer, clock.now() + 60)
            return await sign_in(request)

        peer.hooks["POST /api/v1/auths/signin"] = for_a_minute
        async with Client.sign_in(peer.url, "me@peer.test", "right", clock=clock, delays=QUICK) as client:
            for n in range(6):
                await until(lambda n=n: peer.tokens_seen[-1:] == [tokens[n]])
                await client.live()
                await _turns()
                clock.advance(25)
                await _turns()
                assert len(tokens) == n + 1
                clock.advance(6)
                await until(lambda n=n: len(tokens) == n + 2)


async def test_a_client_with_a_password_signs_in_again_after_a_401() -> None:
    """Also when the server forgot all sessions, after a change of its secret for instance."""
    async with serving() as peer:
        tokens = renewing(peer)
        async with Client.sign_in(peer.url, "me@peer.test", "right", delays=QUICK) as client:
            await client.live()
            peer.users["another"] = peer.users.pop(tokens[0])
            peer.cut()
            await until(lambda: len(tokens) == 2)
            await until(lambda: peer.tokens_seen[-1] == tokens[1])
            await client.live()
            assert client.user.value is not None


async def test_a_password_that_is_refused_is_not_tried_again() -> None:
    """A changed password must not lock the account: one try, then the session is over, in words."""
    async with serving() as peer:
        renewing(peer)
        async with Client.sign_in(peer.url, "me@peer.test", "right", delays=QUICK) as client:
            await client.live()
            events = heard(client, SessionEnded)

            async def refuse(request: web.Request) -> web.StreamResponse:
                return no(400, "The email or password provided is incorrect.")

            peer.hooks["POST /api/v1/auths/signin"] = refuse
            before = peer.count("POST /api/v1/auths/signin")
            peer.users.clear()
            peer.cut()
            await until(is_(client, LinkState.SIGNED_OUT))
            assert peer.count("POST /api/v1/auths/signin") == before + 1
            assert "refused" in events[0].reason


async def test_a_server_that_ends_each_new_session_is_not_asked_for_ever() -> None:
    """Three new sessions without a link in between that lived are enough."""
    async with serving() as peer:
        tokens = renewing(peer)
        async with Client.sign_in(peer.url, "me@peer.test", "right", delays=QUICK) as client:
            await client.live()
            peer.join_answer = lambda user: None
            peer.hooks["GET /api/v1/auths/"] = _unknown
            peer.cut()
            await until(is_(client, LinkState.SIGNED_OUT))
            assert len(tokens) == 1 + 3


async def _unknown(request: web.Request) -> web.StreamResponse:
    return no(401, "Not authenticated")


async def test_a_client_that_shall_not_renew_its_session_ends_with_it() -> None:
    """A page signs its person out when the session is revoked elsewhere, whatever password it was told."""
    async with serving() as peer:
        tokens = renewing(peer)
        async with Client.sign_in(peer.url, "me@peer.test", "right", renew=False, delays=QUICK) as client:
            await client.live()
            peer.users.clear()
            peer.cut()
            await until(is_(client, LinkState.SIGNED_OUT))
            assert len(tokens) == 1


async def test_after_signing_out_nobody_signs_in_again() -> None:
    """Who leaves has left."""
    async with serving() as peer:
        renewing(peer)
        async with Client.sign_in(peer.url, "me@peer.test", "right", delays=QUICK) as client:
            await client.live()
            events = heard(client)
            await client.sign_out()
            await until(is_(client, LinkState.SIGNED_OUT))
            assert events == [Disconnected("signed out", by_server=False), SessionEnded("signed out")]
            assert peer.count("POST /api/v1/auths/signin") == 1
            await until(lambda: len(client._parts.listeners) == 0)
