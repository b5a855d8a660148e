"""Catching up: what was missed is there again, and nothing is fetched that nobody looks at."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from aiohttp import web
from tests.client.hands import QUICK
from tests.client.peer import Peer, no, serving, until

from antiphon import Client
from antiphon.client import LinkState


def texts(client: Client, channel: str = "c") -> list[str]:
    """Give what stands in a channel."""
    return [row.message.content for row in client.channel(channel).timeline.rows()]


async def lose_and_find(peer: Peer, client: Client) -> None:
    """Cut the link and wait until it is live again."""
    peer.cut()
    await until(lambda: client.link.value.state is not LinkState.LIVE)
    await client.live()


async def test_what_a_window_shows_is_fetched_again_and_the_rest_is_dropped() -> None:
    """W-09: missed messages, edits and deletions stand; a channel that nobody shows is left stale, and
    said so.
    """
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.add_channel({**peer.channels["c"], "id": "d", "name": "other"})
        first, second = peer.add_message("first"), peer.add_message("second")
        peer.add_message("elsewhere", channel="d")
        await client.live()
        await client.channel("c").open()
        await client.channel("d").open()
        client.open_window().show_channel("c")
        peer.messages["c"].remove(second)
        first |= {"content": "edited", "updated_at": first["updated_at"] + 1}
        peer.add_message("missed")
        peer.requests.clear()
        await lose_and_find(peer, client)
        assert texts(client) == ["edited", "missed"]
        assert peer.count("GET /api/v1/channels/c/messages") == 1
        assert peer.count("GET /api/v1/channels/d/messages") == 0
        assert not client.channel("d").timeline.loaded


async def test_live_events_during_catching_up_are_kept() -> None:
    """W-16: a message that arrives while its page is under way stands once."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        client.open_window().show_channel("c")
        await client.channel("c").open()
        started, go = asyncio.Event(), asyncio.Event()

        async def slow(request: web.Request) -> web.StreamResponse:
            answer = await peer.answer(request)
            started.set()
            await go.wait()
            return answer

        peer.hooks["GET /api/v1/channels/c/messages"] = slow
        peer.cut()
        await started.wait()
        assert client.link.value.state is LinkState.CATCHING_UP
        message = peer.add_message("while the page was under way")
        await peer.tell("message", message, temp_id=None)
        await until(lambda: texts(client) == ["while the page was under way"])
        go.set()
        await client.live()
        assert texts(client) == ["while the page was under way"]


async def test_a_thousand_chats_and_channels_ask_four_things_at_a_time() -> None:
    """Coming back together must not mean asking for everything together."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        for n in range(12):
            peer.add_channel({**peer.channels["c"], "id": f"c{n}", "name": f"name {n}"})
            client.open_window().show_channel(f"c{n}")
        now = most = 0

        async def counted(request: web.Request) -> web.StreamResponse:
            nonlocal now, most
            now += 1
            most = max(most, now)
            with contextlib.suppress(AssertionError):
                await until(lambda: now > 4, seconds=0.2)  # A fifth has time to come, and must not.
            answer = await peer.answer(request)
            now -= 1
            return answer

        for n in range(12):
            peer.hooks[f"GET /api/v1/channels/c{n}/messages"] = counted
        await lose_and_find(peer, client)
        assert most == 4


async def test_a_server_that_stumbles_while_we_catch_up_is_asked_again() -> None:
    """The state stays catching up until everything is there."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        failures = [1, 2, 3]

        async def stumbling(request: web.Request) -> web.StreamResponse:
            if failures:
                failures.pop()
                return no(503, "starting")
            return await peer.answer(request)

        peer.hooks["GET /api/v1/channels/"] = stumbling
        peer.add_channel({**peer.channels["c"], "id": "d", "name": "new"})
        await lose_and_find(peer, client)
        assert not failures
        assert {entry.id for entry in client.channels.value} == {"c", "d"}


async def test_a_shown_channel_that_is_gone_ends_nothing_else() -> None:
    """Its detail becomes None; the link is live all the same."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        await client.channel("c").open()
        client.open_window().show_channel("c")
        del peer.channels["c"]
        await lose_and_find(peer, client)
        assert client.channel("c").detail.value is None
        assert client.channels.value == ()


async def test_a_slow_old_answer_does_not_overwrite_a_newer_one() -> None:
    """W-15: of two requests for a channel's detail the later one wins, whichever is answered last."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        go, started, first = asyncio.Event(), asyncio.Event(), list[Any]([1])

        async def slow(request: web.Request) -> web.StreamResponse:
            answer = await peer.answer(request)
            if first:
                first.pop()
                started.set()
                await go.wait()
            return answer

        peer.hooks["GET /api/v1/channels/c"] = slow
        old = asyncio.create_task(client.channel("c").refresh_detail())
        await started.wait()
        peer.channels["c"]["name"] = "renamed"
        await client.channel("c").refresh_detail()
        go.set()
        await old
        detail = client.channel("c").detail.value
        assert detail is not None
        assert detail.name == "renamed"


async def test_a_channel_first_seen_in_a_list_is_joined() -> None:
    """Open WebUI joins its rooms at user-join only."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        peer.add_channel({**peer.channels["c"], "id": "d", "name": "new", "type": "group"})
        await peer.emit("events:channel", {"data": {"type": "channel:created"}})
        await until(lambda: any(name == "join-channels" for name, _ in peer.said))
        assert [entry.name for entry in client.channels.value] == ["general", "new"]


async def test_many_wishes_to_fetch_a_list_are_one_request() -> None:
    """W-29: a burst of events does not become a burst of requests."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        before = peer.count("GET /api/v1/channels/")
        for _ in range(50):
            await peer.emit("events:channel", {"data": {"type": "channel:created"}})
        await until(lambda: client.counts.typed >= 50 and peer.count("GET /api/v1/channels/") > before)
        assert peer.count("GET /api/v1/channels/") - before <= 3


async def test_earlier_pages_come_without_holes_while_messages_come_and_go() -> None:
    """W-18: paging by count survives what moves the count."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        for n in range(230):
            peer.add_message(f"old {n}")
        await client.live()
        channel = client.channel("c")
        await channel.open()
        assert len(texts(client)) == 50
        del peer.messages["c"][-20:-10]  # Deleted without a word, as on a server that tells nothing.
        more = True
        while more:
            more = await channel.load_earlier()
        stored = [message["content"] for message in peer.messages["c"]]
        assert [text for text in texts(client) if text in set(stored)] == stored
        await channel.refresh()
        assert texts(client) == stored[-len(texts(client)) :]


async def test_what_is_followed_without_a_window_is_caught_up_too() -> None:
    """A bot has no window: what it subscribed to stays true, edits and all."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        first = peer.add_message("first")
        await client.live()
        channel = client.channel("c")
        await channel.open()
        channel.timeline.subscribe(lambda _: None)
        first |= {"content": "edited", "updated_at": first["updated_at"] + 1}
        peer.add_message("missed")
        await lose_and_find(peer, client)
        assert texts(client) == ["edited", "missed"]


async def test_a_foreign_page_in_the_place_of_a_list_is_asked_again() -> None:
    """A proxy's page while the server restarts is not an empty list of channels."""
    async with serving() as peer:
        pages = [None] * 3

        async def foreign(request: web.Request) -> web.StreamResponse:
            if not pages:
                return await peer.answer(request)
            pages.pop()
            return web.Response(text="<html>one moment</html>", content_type="text/html")

        peer.hooks["GET /api/v1/channels/"] = foreign
        async with Client(peer.url, token="token-me", delays=QUICK) as client:
            await client.live()
            assert [entry.id for entry in client.channels.value] == ["c"]


async def test_opening_a_channel_while_the_link_is_lost_and_found_gives_its_detail() -> None:
    """Catching up drops what nobody shows, and what is just being opened is fetched again, not forgotten."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        started, go = asyncio.Event(), asyncio.Event()

        async def slow(request: web.Request) -> web.StreamResponse:
            peer.hooks.pop("GET /api/v1/channels/c")
            started.set()
            await go.wait()
            return await peer.answer(request)

        peer.hooks["GET /api/v1/channels/c"] = slow
        opening = asyncio.ensure_future(client.channel("c").open())
        await started.wait()
        states: list[LinkState] = []
        release = client.link.subscribe(lambda link: states.append(link.state))
        client._parts.supervisor.ask_catch_up()
        await until(lambda: states[-2:] == [LinkState.CATCHING_UP, LinkState.LIVE])
        release()
        go.set()
        await opening
        assert client.channel("c").detail.value is not None
        assert client.channel("c").timeline.loaded
