"""Messages on their way out: in order, once, and never lost in silence."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from tests.client.hands import QUICK
from tests.client.peer import Peer, no, ok, serving, until

from antiphon import Client, SendFailed
from antiphon.client import LinkState
from antiphon.client.outbox.outbox import REMEMBERED

POST = "POST /api/v1/channels/c/messages/post"


def stored(peer: Peer) -> list[str]:
    """Give what the server has."""
    return [message["content"] for message in peer.messages["c"]]


def cutting(peer: Peer, times: int, *, store: bool) -> None:
    """Let the server cut the connection instead of answering a post, after storing it or not."""
    left = [None] * times

    async def cut(request: web.Request) -> web.StreamResponse:
        if not left:
            return await peer.answer(request)
        left.pop()
        if store:
            user = peer.user_of(request)
            assert user is not None
            await peer.post("c", user, await request.json(), tell=False)
        assert request.transport is not None
        request.transport.abort()
        return ok(None)

    peer.hooks[POST] = cut


async def test_messages_keep_their_order_through_failures() -> None:
    """The server stumbles and is overloaded; what was typed first stands first."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        answers = [no(503, "busy"), no(429, "slow down"), no(500, "oops")]

        async def stumbling(request: web.Request) -> web.StreamResponse:
            return answers.pop() if answers else await peer.answer(request)

        peer.hooks[POST] = stumbling
        sendings = [client.channel("c").send(f"text {n}") for n in range(5)]
        for sending in sendings:
            await sending
        assert stored(peer) == [f"text {n}" for n in range(5)]


async def test_a_refused_message_fails_in_words_and_can_be_sent_again() -> None:
    """W-21: no row stays pending for ever; the author decides."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        channel = client.channel("c")
        refusal = [no(400, "This message is too long.")]

        async def refusing(request: web.Request) -> web.StreamResponse:
            return refusal.pop() if refusal else await peer.answer(request)

        peer.hooks[POST] = refusing
        sending = channel.send("long", temp_id="t")
        with pytest.raises(SendFailed, match="too long"):
            await sending
        row = channel.timeline.row("t")
        assert row is not None
        assert (row.state, row.error) == ("failed", "This message is too long.")
        assert client.unsent == 0
        channel.retry("t")
        message = await sending
        assert message.content == "long"
        confirmed = channel.timeline.row(message.id)
        assert confirmed is not None
        assert confirmed.key == "t"


async def test_a_discarded_message_is_gone_and_whoever_waits_is_told() -> None:
    """Discarding while the link is down sends nothing later."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        await peer.stop()
        await until(lambda: client.link.value.state is LinkState.WAITING)
        channel = client.channel("c")
        first, second = channel.send("not this"), channel.send("this")
        channel.discard(first.temp_id)
        with pytest.raises(SendFailed, match="discarded"):
            await first
        await peer.start()
        await second
        assert stored(peer) == ["this"]


async def test_what_is_sent_without_a_link_is_posted_when_it_is_back() -> None:
    """Pending is shown at once; the post waits for the link."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        await peer.stop()
        await until(lambda: client.link.value.state is LinkState.WAITING)
        sending = client.channel("c").send("later")
        await until(lambda: [row.state for row in client.channel("c").timeline.rows()] == ["pending"])
        assert client.unsent == 1
        await peer.start()
        await sending
        assert stored(peer) == ["later"]


async def test_a_repeated_temp_id_sends_once() -> None:
    """The page may hand over the same message again after a reload."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        channel = client.channel("c")
        first = channel.send("once", temp_id="t")
        assert channel.send("once", temp_id="t") is first
        await first
        assert channel.send("once", temp_id="t") is first
        await channel.send("after it")
        assert stored(peer) == ["once", "after it"]


@pytest.mark.parametrize("antiphon", [None, "0.1.0"])
async def test_an_unanswered_post_that_was_stored_is_not_sent_twice(antiphon: str | None) -> None:
    """Ours by the idempotency key; Open WebUI by looking for it among the messages first."""
    async with serving(antiphon=antiphon) as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        await client.channel("c").open()
        cutting(peer, 1, store=True)
        message = await client.channel("c").send("only once")
        assert stored(peer) == ["only once"]
        assert message.id == peer.messages["c"][0]["id"]
        assert [row.state for row in client.channel("c").timeline.rows()] == ["confirmed"]


@pytest.mark.parametrize("antiphon", [None, "0.1.0"])
async def test_an_unanswered_post_that_was_lost_is_sent_again(antiphon: str | None) -> None:
    """Open WebUI: only after the link has been live for a while."""
    async with serving(antiphon=antiphon) as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        cutting(peer, 2, store=False)
        await client.channel("c").send("in the end")
        assert stored(peer) == ["in the end"]


async def test_two_equal_texts_are_two_messages() -> None:
    """Looking for an unanswered post does not take the first text for the second."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        await client.channel("c").open()
        first = await client.channel("c").send("ok")
        cutting(peer, 1, store=False)
        second = await client.channel("c").send("ok")
        assert first.id != second.id
        assert stored(peer) == ["ok", "ok"]


async def test_a_slow_channel_does_not_hold_up_another() -> None:
    """Order is kept per conversation, not over all."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.add_channel({**peer.channels["c"], "id": "d", "name": "other"})
        await client.live()
        go = asyncio.Event()

        async def slow(request: web.Request) -> web.StreamResponse:
            await go.wait()
            return await peer.answer(request)

        peer.hooks[POST] = slow
        waiting = client.channel("c").send("slow")
        await client.channel("d").send("quick")
        assert waiting.state == "sending"
        go.set()
        await waiting


@pytest.mark.parametrize("durable", [True, False])
async def test_closing_tells_whoever_waits_for_a_message(durable: bool) -> None:
    """Nothing that was not sent is silent about it: it is kept, or it has failed."""
    async with serving() as peer:
        async with Client(peer.url, token="token-me", delays=QUICK, durable=durable) as client:
            await client.live()
            await peer.stop()
            await until(lambda: client.link.value.state is LinkState.WAITING)
            sending = client.channel("c").send("never")
        with pytest.raises(SendFailed, match="closed") as raised:
            await sending
        assert raised.value.kept is durable
        assert ("is kept, and sent when" in str(raised.value)) is durable
        assert client.channel("c").timeline.rows()[0].state == ("pending" if durable else "failed")


async def test_an_unanswered_post_is_not_taken_for_an_equal_text_of_before() -> None:
    """Neither one from another device nor one that was sent a moment ago is the one that was lost."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        peer.add_message("ok", user="me")
        await client.channel("c").open()
        cutting(peer, 1, store=False)
        await client.channel("c").send("ok")
        assert stored(peer) == ["ok", "ok"]


async def test_two_equal_texts_sent_at_once_are_two_messages_though_the_second_was_lost() -> None:
    """What was confirmed for one message is not found for the other."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        await client.channel("c").open()
        posts = [None]

        async def second_is_cut(request: web.Request) -> web.StreamResponse:
            posts.append(None)
            if len(posts) == 3:
                assert request.transport is not None
                request.transport.abort()
                return ok(None)
            return await peer.answer(request)

        peer.hooks[POST] = second_is_cut
        first, second = client.channel("c").send("ok"), client.channel("c").send("ok")
        assert (await first).id != (await second).id
        assert stored(peer) == ["ok", "ok"]


async def test_anothers_message_with_our_temp_id_confirms_nothing() -> None:
    """A temp id means something only to the person who made it."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        go = asyncio.Event()

        async def slow(request: web.Request) -> web.StreamResponse:
            await go.wait()
            return await peer.answer(request)

        peer.hooks[POST] = slow
        sending = client.channel("c").send("mine", temp_id="t")
        await peer.tell("message", peer.add_message("forged", user="ann"), temp_id="t")
        await until(lambda: len(client.channel("c").timeline.rows()) == 2)
        assert sending.state == "sending"
        go.set()
        assert (await sending).content == "mine"


async def test_a_bot_that_repeats_itself_is_not_taken_for_its_own_earlier_words() -> None:
    """A channel that was never opened: yesterday's equal text is not the post that was not answered."""
    async with serving() as peer:
        peer.add_message("pong", user="me")
        async with Client(peer.url, token="token-me", delays=QUICK) as client:
            await client.live()
            cutting(peer, 1, store=False)
            await client.channel("c").send("pong")
            assert stored(peer) == ["pong", "pong"]


async def test_a_post_that_was_stored_is_found_in_a_busy_channel() -> None:
    """More than a page has come since; the post is looked for as far back as it can be."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.add_message("before")
        await client.live()

        async def busy(request: web.Request) -> web.StreamResponse:
            user = peer.user_of(request)
            assert user is not None
            await peer.post("c", user, await request.json(), tell=False)
            for n in range(70):
                peer.add_message(f"busy {n}")
            peer.hooks.pop(POST)
            assert request.transport is not None
            request.transport.abort()
            return ok(None)

        peer.hooks[POST] = busy
        await client.channel("c").send("only once")
        assert stored(peer).count("only once") == 1


async def test_a_401_to_somebody_who_is_signed_in_fails_the_message() -> None:
    """Open WebUI answers so where channels are switched off: it would be tried for ever."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()

        async def refuse(_: web.Request) -> web.StreamResponse:
            return no(401, "You may not use channels")

        peer.hooks[POST] = refuse
        with pytest.raises(SendFailed, match="You may not use channels"):
            await asyncio.wait_for(client.channel("c").send("hello"), 30)
        assert client.link.value.state is LinkState.LIVE


async def test_the_page_of_a_proxy_is_no_answer_to_a_post() -> None:
    """While the server restarts something else may answer: the message waits."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        pages = [None, None]

        async def maintenance(request: web.Request) -> web.StreamResponse:
            if not pages:
                return await peer.answer(request)
            pages.pop()
            return web.Response(text="<html>back soon</html>", content_type="text/html")

        peer.hooks[POST] = maintenance
        await client.channel("c").send("in the end")
        assert stored(peer) == ["in the end"]


async def test_endings_are_forgotten_though_an_early_message_waits_for_its_author() -> None:
    """What is remembered is bounded: one failed message does not keep thousands in mind."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        failing = client.channel("nowhere").send("refused")
        await until(lambda: failing.state == "failed")
        outbox = client._parts.outbox
        for n in range(REMEMBERED + 50):
            client.channel("c").send(f"text {n}", temp_id=f"t{n}")
            client.channel("c").discard(f"t{n}")
        assert len(outbox._books.sendings) <= REMEMBERED
        assert client.channel("nowhere").send("again", temp_id=failing.temp_id) is failing
