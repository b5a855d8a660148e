"""The life of a client: its links leave nothing behind, whoever waits hears of its end, closing is clean."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.client.hands import QUICK, HandClock
from tests.client.link.link_states import client_tasks, is_
from tests.client.peer import no, serving, until

from antiphon import Client
from antiphon.client import LinkState
from antiphon.client.errors import AntiphonError, SendFailed, SignedOut
from antiphon.client.kept.account_file import AccountFile
from antiphon.client.kept.storage import Keeping
from antiphon.client.outbox.ledger import unsent_in
from antiphon.wire import ChannelEnvelope


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
