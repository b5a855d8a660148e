"""Becoming another person in the same client."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from tests.client.hands import QUICK
from tests.client.peer import ok, serving, until

from antiphon import Client
from antiphon.client import Link, LinkState, Store
from antiphon.client.errors import AntiphonError, SignedOut
from antiphon.client.stores import Stores
from antiphon.wire import MessageCreated


async def test_another_person_has_a_socket_of_their_own() -> None:
    """W-35: the rooms of the former person are left by leaving the socket."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        (first,) = peer.sids
        await client.switch("token-ann")
        await client.live()
        await until(lambda: list(peer.sids.values()) == ["ann"])
        assert first not in peer.sids
        assert client.me is not None
        assert client.me.id == "ann"
        assert client.user.value is not None
        assert client.user.value.id == "ann"
        assert client.token == "token-ann"


async def test_everything_of_the_former_person_is_forgotten_before_anything_new_is_shown() -> None:
    """W-35: no moment at which one person sees what is the other's."""
    async with serving() as peer:

        async def channels(request: web.Request) -> web.StreamResponse:
            user = peer.user_of(request)
            assert user is not None
            return ok([{**peer.channels["c"], "name": f"of {user['id']}"}])

        peer.hooks["GET /api/v1/channels/"] = channels
        async with Client(peer.url, token="token-me", delays=QUICK) as client:
            await client.live()
            seen: list[tuple[str | None, tuple[str, ...]]] = []

            def look(_: Any) -> None:
                user = client.user.value
                names = tuple(entry.name for entry in client.channels.value)
                seen.append((user.id if user else None, names))

            client.user.subscribe(look)
            client.channels.subscribe(look)
            client.open_window().show_channel("c")
            await client.switch("token-ann")
            assert client.windows.value == ()
            await client.live()
            assert seen[-1] == ("ann", ("of ann",))
            assert ("ann", ("of me",)) not in seen
            assert ("me", ("of ann",)) not in seen
            assert (None, ()) in seen


async def test_a_handle_of_the_former_person_does_nothing_as_the_new_one() -> None:
    """What was held on to belongs to somebody who has gone: it neither sends nor fetches any more."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        channel = client.channel("c")
        await channel.open()
        await client.switch("token-ann")
        await client.live()
        before = list(peer.requests)
        with pytest.raises(AntiphonError):
            await channel.send("as whom?")
        with pytest.raises(AntiphonError):
            await channel.refresh()
        assert peer.requests == before
        assert client.channel("c") is not channel


async def test_who_listened_for_the_former_person_is_told_that_it_is_over() -> None:
    """Streams end with the reason; the stores go on."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        stream = client.events()
        heard: list[object] = []
        client.on(object, heard.append)
        states: list[LinkState] = []
        client.link.subscribe(lambda link: states.append(link.state))
        await client.switch("token-ann")
        heard.clear()
        with pytest.raises(SignedOut, match="another person"):
            await anext(stream)
        await client.live()
        assert heard == []
        assert LinkState.CLOSED not in states
        assert states[-1] is LinkState.LIVE


async def test_a_listener_may_ask_for_the_switch_that_ends_it() -> None:
    """Whoever calls from inside what is being ended does not stop it halfway."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()

        async def switch(event: MessageCreated) -> None:
            await client.switch("token-ann")

        client.on(MessageCreated, switch)
        await peer.tell("message", peer.add_message("become somebody else"))
        await until(lambda: client.me is not None and client.me.id == "ann")
        await until(lambda: client.link.value.state is LinkState.LIVE)
        assert client.faults == 0


async def test_after_a_sign_out_somebody_else_can_use_the_client() -> None:
    """A client is signed in again without making a new one."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        await client.sign_out()
        await until(lambda: client.link.value.state is LinkState.SIGNED_OUT)
        await client.switch("token-ann")
        await client.live()
        sent = await client.channel("c").send("hello")
        assert sent.user_id == "ann"


async def test_switches_at_once_follow_each_other_and_closing_follows_them() -> None:
    """The last one counts, and nothing is left of the others."""
    async with serving() as peer:
        client = await Client(peer.url, token="token-me", delays=QUICK).start()
        await asyncio.gather(*(client.switch(f"token-{name}") for name in ("ann", "me", "ann")))
        await client.live()
        await until(lambda: list(peer.sids.values()) == ["ann"])
        await asyncio.gather(client.switch("token-me"), client.close(), return_exceptions=True)
        assert client.link.value.state is LinkState.CLOSED
        with pytest.raises(AntiphonError):
            await client.switch("token-ann")
        await peer.rest()


def test_no_store_of_a_person_is_forgotten_to_be_emptied() -> None:
    """W-35: whatever store there will be, a change of the person empties it."""
    link = Store(Link(LinkState.LIVE, 0.0))
    stores, fresh = Stores(link), Stores(link)
    for name in Stores.__dataclass_fields__:
        getattr(stores, name).set(object())
    stores.forget_person()
    kept = {"link", "version", "storage"}  # of the server, of the machine: the next person's parts set them
    for name in set(Stores.__dataclass_fields__) - kept:
        assert getattr(stores, name).value == getattr(fresh, name).value, name
