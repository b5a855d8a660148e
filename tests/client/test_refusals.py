"""What the server refuses, for a while or for good, and what could not be fetched: all of it is looked at
again.
"""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from tests.client.hands import QUICK
from tests.client.peer import Peer, no, ok, serving, until

from antiphon import Client
from antiphon.client import LinkState
from antiphon.client.channels.channel import Channel
from antiphon.client.channels.thread import Thread
from antiphon.client.errors import Refused, SendFailed, SignedOut, Unreachable


def heed(_: Any) -> None:
    """Listen, and do nothing."""


async def unauthorised(_: web.Request) -> web.Response:
    """Answer as Open WebUI does to a person who is signed in and may not use something."""
    return no(401, "401 Unauthorized")


def thread_in(peer: Peer, channel: Channel) -> Thread:
    """Give a thread with one reply, listened to."""
    root = peer.add_message("root")
    peer.add_message("reply", parent_id=root["id"])

    async def one(_: web.Request) -> web.Response:
        return ok(root)

    peer.hooks[f"GET /api/v1/channels/c/messages/{root['id']}"] = one
    thread = channel.thread(root["id"])
    thread.timeline.subscribe(heed)
    return thread


@pytest.mark.parametrize("window", [True, False])
async def test_a_thread_comes_back_with_the_channel_that_was_refused_for_a_while(window: bool) -> None:
    """Taken out of a group and added again: the channel is filled again and its open thread is no longer
    gone, on screen or followed without a window.
    """
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        channel = client.channel("c")
        channel.timeline.subscribe(heed)
        thread = thread_in(peer, channel)
        if window:
            client.open_window().show_channel("c", thread.id)
        await channel.open()
        await thread.open()
        entry = peer.channels.pop("c")
        peer.cut()
        await until(lambda: thread.gone.value)
        assert not channel.timeline.rows()
        assert not thread.timeline.rows()
        await client.live()
        peer.channels["c"] = entry
        await peer.emit("events:channel", {"data": {"type": "channel:created"}})
        await until(channel.timeline.rows)
        await until(thread.timeline.rows)
        await until(lambda: not thread.gone.value)


async def test_what_could_not_be_opened_is_fetched_when_the_server_is_back() -> None:
    """Whoever listens to a channel and a chat that could not be reached need not open them anew."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.add_message("hello")
        row = {"id": "k", "user_id": "me", "title": "A chat", "updated_at": 1, "created_at": 1, "chat": {}}
        peer.chats["k"] = row
        await client.live()
        channel, chat = client.channel("c"), client.chat("k")
        channel.timeline.subscribe(heed)
        chat.subscribe(heed)
        await peer.stop()
        for place in (channel, chat):
            with pytest.raises(Unreachable):
                await place.open()
        await peer.start()
        await until(channel.timeline.rows)
        await until(lambda: chat.title == "A chat")


async def test_w71_a_post_that_is_refused_leads_to_a_look_at_the_channel() -> None:
    """Nobody told that this person was taken out of it: the list and the detail say so after the refusal."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        channel = client.channel("c")
        await channel.open()
        peer.channels.pop("c")
        with pytest.raises(SendFailed):
            await channel.send("hello?")
        await until(lambda: not client.channels.value)
        assert channel.detail.value is None


async def test_w31_a_reply_that_is_refused_leads_to_a_look_at_the_thread() -> None:
    """Its root was deleted, and nobody told: the thread says that it is gone."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        thread = thread_in(peer, client.channel("c"))
        await thread.open()

        async def missing(_: web.Request) -> web.Response:
            return no(404, "We could not find what you're looking for :/")

        peer.messages["c"].clear()
        for where in (
            f"GET /api/v1/channels/c/messages/{thread.id}",
            "POST /api/v1/channels/c/messages/post",
        ):
            peer.hooks[where] = missing
        with pytest.raises(SendFailed):
            await thread.send("still there?")
        await until(lambda: thread.gone.value)


async def test_a_401_to_a_person_who_is_signed_in_is_a_refusal() -> None:
    """Open WebUI says it to what one may not use: the channel on screen is gone then, not left as it was."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.add_message("hello")
        await client.live()
        client.open_window().show_channel("c")
        channel = client.channel("c")
        await channel.open()
        for path in ("/api/v1/channels/c", "/api/v1/channels/c/messages"):
            peer.hooks[f"GET {path}"] = unauthorised
        with pytest.raises(Refused, match="Unauthorized"):
            await channel.refresh()
        assert client.link.value.state is LinkState.LIVE
        peer.cut()
        await until(lambda: client.link.value.state is not LinkState.LIVE)
        await client.live()
        assert not channel.timeline.rows()
        assert channel.detail.value is None


async def test_a_401_to_a_person_who_is_not_signed_in_any_more_stays_one() -> None:
    """The server is asked about the session itself, and then it is over."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        peer.users.clear()
        with pytest.raises(SignedOut):
            await client.channel("c").open()
        await until(lambda: client.link.value.state is LinkState.SIGNED_OUT)
