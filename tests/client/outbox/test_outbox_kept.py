"""What outlives a client: messages that wait or have failed, whose they are, and who sends them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from tests.client.outbox.outbox_person import (
    POST,
    WATCHFUL,
    away,
    known,
    person,
    refusing,
    rows,
    stored,
    token_of,
)
from tests.client.peer import no, ok, serving, until

from antiphon import SendFailed
from antiphon.client import LinkState
from antiphon.client.errors import UnderWay
from antiphon.client.kept.storage import Keeping, Storage, look_into
from antiphon.client.link.lifecycle import ConnectError
from antiphon.client.outbox.file import waiting
from antiphon.client.outbox.ledger import Ledger


async def test_what_was_written_without_a_link_is_sent_by_the_next_client() -> None:
    """In order, once, shown as waiting in the meantime; whoever waited for it was told that it is kept."""
    async with serving() as peer:
        await away(peer)
        async with person(peer) as client:
            sendings = [client.channel("c").send(f"text {n}") for n in range(3)]
        with pytest.raises(SendFailed, match="it is kept, and sent when") as raised:
            await sendings[0]
        assert raised.value.kept
        async with person(peer) as client:
            assert client.unsent == 3
            assert [one.text for one in client.unsent_messages.value] == ["text 0", "text 1", "text 2"]
            assert rows(client) == [("text 0", "pending"), ("text 1", "pending"), ("text 2", "pending")]
            await peer.start()
            await client.live()
            await until(lambda: not client.unsent)
            assert stored(peer) == ["text 0", "text 1", "text 2"]
            await until(lambda: [state for _, state in rows(client)] == ["confirmed"] * 3)
        async with person(peer) as client:
            await client.live()
            assert client.unsent == 0
        assert peer.count(POST) == 3


async def test_a_message_is_in_the_file_before_it_is_shown() -> None:
    """What a person sees as waiting is not lost with the process."""
    async with serving() as peer:
        await away(peer)
        async with person(peer) as client:
            shown = asyncio.Event()
            channel = client.channel("c")
            channel.timeline.subscribe(lambda _: shown.set())
            channel.send("kept")
            assert rows(client) == []
            await asyncio.wait_for(shown.wait(), 5)
            assert await look_into(None, peer.url, "me", waiting) == 1
            assert rows(client) == [("kept", "pending")]


async def test_a_failed_message_waits_for_its_author_across_a_restart() -> None:
    """With its reason; then it is sent again as it is."""
    async with serving() as peer:
        known(peer, "me")
        peer.hooks[POST] = refusing(peer)
        async with person(peer) as client:
            await client.live()
            with pytest.raises(SendFailed, match="too long"):
                await client.channel("c").send("long", temp_id="t")
        async with person(peer) as client:
            await client.live()
            (one,) = client.unsent_messages.value
            assert (one.temp_id, one.state, one.error) == ("t", "failed", "This message is too long.")
            assert rows(client) == [("long", "failed")]
            assert client.unsent == 0
            client.channel("c").retry("t")
            sending = client.outbox.sending("t")
            assert sending is not None
            assert (await sending).content == "long"
        assert stored(peer) == ["long"]


async def test_a_failed_message_is_edited_and_sent() -> None:
    """Its row and its key stay."""
    async with serving() as peer:
        known(peer, "me")
        peer.hooks[POST] = refusing(peer)
        async with person(peer) as client:
            await client.live()
            sending = client.channel("c").send("too long", temp_id="t")
            with pytest.raises(SendFailed):
                await sending
            await client.outbox.edit("t", "short")
            assert (await sending).content == "short"
            assert stored(peer) == ["short"]
            with pytest.raises(UnderWay, match="not in the outbox"):
                await client.outbox.edit("t", "again")


@pytest.mark.parametrize("antiphon", [None, "0.1.0"])
async def test_an_edit_after_a_post_that_may_have_arrived_ends_with_one_message_and_the_new_text(
    antiphon: str | None,
) -> None:
    """The old text stands on the server: it is changed there, not sent beside it."""
    async with serving(antiphon=antiphon) as peer:
        known(peer, "me")
        edits: list[str] = []

        async def cut(request: web.Request) -> web.StreamResponse:
            user = peer.user_of(request)
            assert user is not None
            await peer.post("c", user, await request.json(), tell=False)
            peer.hooks[POST] = lambda _: gone()
            assert request.transport is not None
            request.transport.abort()
            return ok(None)

        async def gone() -> web.StreamResponse:
            return no(503, "busy")

        async def edit(request: web.Request) -> web.StreamResponse:
            content = (await request.json())["content"]
            edits.append(content)
            peer.messages["c"][0] |= {"content": content}
            return ok(peer.messages["c"][0])

        async with person(peer, delays=replace(WATCHFUL, retry_first=0.5, retry_most=0.5)) as client:
            await client.live()
            peer.hooks[POST] = cut
            sending = client.channel("c").send("with a tpyo", temp_id="t")
            await until(lambda: peer.messages["c"] and not client.outbox._workers.under_way)
            peer.hooks[f"POST /api/v1/channels/c/messages/{peer.messages['c'][0]['id']}/update"] = edit
            await client.outbox.edit("t", "without")
            peer.hooks.pop(POST, None)
            await sending
        assert stored(peer) == ["without"]
        assert edits == ["without"]


async def test_a_discarded_message_is_not_sent_by_the_next_client() -> None:
    """Neither shown nor sent."""
    async with serving() as peer:
        await away(peer)
        async with person(peer) as client:
            keep, drop = client.channel("c").send("this"), client.channel("c").send("not this")
            client.channel("c").discard(drop.temp_id)
            assert keep.state == "pending"
        async with person(peer) as client:
            assert rows(client) == [("this", "pending")]
            await peer.start()
            await until(lambda: stored(peer) == ["this"])
            await until(lambda: not client.unsent)
        assert peer.count(POST) == 1


async def test_what_is_given_up_at_the_very_end_is_not_sent_by_the_next_client() -> None:
    """Closing writes down what was not written yet."""
    async with serving() as peer:
        await away(peer)
        async with person(peer) as client:
            sending = client.channel("c").send("not this")
            await until(lambda: rows(client))
            client.channel("c").discard(sending.temp_id)
        async with person(peer) as client:
            assert (client.unsent, rows(client)) == (0, [])


async def test_what_a_handler_gives_up_while_it_is_cut_off_is_not_sent_by_the_next_client() -> None:
    """Nothing can be begun any more then: the last write of the outbox has it."""
    async with serving() as peer:
        await away(peer)
        begun = asyncio.Event()
        async with person(peer) as client:
            sending = client.channel("c").send("not this")
            await until(lambda: rows(client))

            async def handle(_: ConnectError) -> None:
                begun.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    client.channel("c").discard(sending.temp_id)

            client.on(ConnectError, handle)
            await begun.wait()
        async with person(peer) as client:
            assert (client.unsent, rows(client)) == (0, [])


async def test_a_repeated_temp_id_sends_once_after_a_restart_too() -> None:
    """A browser that did not hear the answer hands its message over again, to the page that was restarted."""
    async with serving() as peer:  # an Open WebUI: it would take it for another message
        known(peer, "me")
        async with person(peer) as client:
            await client.live()
            first = await client.channel("c").send("once", temp_id="t")
        async with person(peer) as client:
            await client.live()
            assert (await client.channel("c").send("once", temp_id="t")).id == first.id
        assert stored(peer) == ["once"]


async def test_what_waits_for_one_person_is_never_sent_as_another() -> None:
    """The file belongs to the account; the first person finds it again."""
    async with serving() as peer:
        known(peer, "me", "ann")
        await peer.stop()
        async with person(peer) as client:
            client.channel("c").send("mine")
        await peer.start()
        async with person(peer, "ann") as client:
            await client.live()
            assert (rows(client), client.unsent) == ([], 0)
            await client.channel("c").send("ann's")
        assert stored(peer) == ["ann's"]
        async with person(peer) as client:
            await until(lambda: stored(peer) == ["ann's", "mine"])
            await until(lambda: not client.unsent)
        assert [message["user_id"] for message in peer.messages["c"]] == ["ann", "me"]


async def test_a_token_that_names_another_person_than_the_server_sends_nothing_of_theirs() -> None:
    """The token only finds the file; what was written meanwhile goes with the one who wrote it."""
    async with serving() as peer:
        known(peer, "ann", "me")
        await peer.stop()
        async with person(peer, "ann") as client:
            client.channel("c").send("ann's")
        peer.users[token_of("ann")] = peer.users[token_of("me")]
        async with person(peer, "ann") as client:
            client.channel("c").send("mine")
            await peer.start()
            await client.live()
            await until(lambda: stored(peer) == ["mine"])
            await until(lambda: not client.unsent)
            await until(lambda: client.storage.value.state is Keeping.DURABLE)
        assert [message["user_id"] for message in peer.messages["c"]] == ["me"]
        assert await look_into(None, peer.url, "ann", waiting) == 1


async def test_nothing_is_taken_from_anothers_file_while_it_is_being_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server has just said who it is; until that person's own file is open, nothing is sent."""
    changing, asked = asyncio.Event(), 0
    opens, claims = Storage._try, Ledger.claim

    async def open_late(self: Storage, whose: str) -> None:
        if whose == "me":
            await changing.wait()
        await opens(self, whose)

    async def claim(self: Ledger, *given: Any) -> Any:
        nonlocal asked
        claimed = await claims(self, *given)
        asked += 1
        return claimed

    async with serving() as peer:
        known(peer, "ann", "me")
        await peer.stop()
        async with person(peer, "ann") as client:
            client.channel("c").send("ann's")
        peer.users[token_of("ann")] = peer.users[token_of("me")]
        monkeypatch.setattr(Storage, "_try", open_late)
        monkeypatch.setattr(Ledger, "claim", claim)
        async with person(peer, "ann") as client:
            await peer.start()
            await client.live()
            await until(lambda: asked >= 3)
            assert stored(peer) == []
            changing.set()
            await client.channel("c").send("mine")
        assert stored(peer) == ["mine"]
        assert await look_into(None, peer.url, "ann", waiting) == 1


async def test_signing_out_keeps_what_waits_for_the_person() -> None:
    """Whoever waits is told; the next sign-in sends it."""
    async with serving() as peer:
        known(peer, "me")
        async with person(peer) as client:
            await client.live()
            peer.hooks[POST] = lambda _: busy()

            async def busy() -> web.StreamResponse:
                return no(503, "busy")

            sending = client.channel("c").send("later")
            await until(lambda: peer.count(POST))
            await client.sign_out()
            with pytest.raises(SendFailed, match=r"signed out.*kept"):
                await sending
        peer.hooks.clear()
        known(peer, "me")
        async with person(peer) as client:
            await until(lambda: stored(peer) == ["later"])
            await until(lambda: not client.unsent)


async def test_a_reply_in_a_thread_waits_in_its_thread() -> None:
    """And not among the channel's messages, also after a restart."""
    async with serving() as peer:
        root = peer.add_message("root")["id"]
        await away(peer)
        async with person(peer) as client:
            client.channel("c").send("reply", parent_id=root)
        async with person(peer) as client:
            channel = client.channel("c")
            thread = channel.thread(root)
            assert [row.message.content for row in thread.timeline.rows()] == ["reply"]
            assert rows(client) == []
            await peer.start()
            await until(lambda: stored(peer) == ["root", "reply"])
            await until(lambda: not client.unsent)
        assert peer.messages["c"][1]["parent_id"] == root


async def test_two_clients_of_a_person_send_each_message_once_and_in_order() -> None:
    """And each sees what the other wrote settled."""
    async with serving() as peer:
        await away(peer)
        async with person(peer) as one, person(peer) as two:
            for client in (one, two):  # What nobody looks at is let go by the first catching up.
                client.open_window().show_channel("c")
            for n in range(3):
                await until(lambda n=n: one.unsent == 2 * n)
                one.channel("c").send(f"one {n}")
                await until(lambda n=n: two.unsent == 2 * n + 1)
                two.channel("c").send(f"two {n}")
            expected = ["one 0", "two 0", "one 1", "two 1", "one 2", "two 2"]
            await until(lambda: [text for text, _ in rows(one)] == expected)
            await until(lambda: [text for text, _ in rows(two)] == expected)
            await peer.start()
            await until(lambda: not one.unsent and not two.unsent)
            assert stored(peer) == expected
            for client in (one, two):
                await until(lambda client=client: [s for _, s in rows(client)] == ["confirmed"] * 6)
        assert peer.count(POST) == 6


async def test_a_client_without_a_link_hears_that_another_sent_its_message() -> None:
    """Whoever can reach the server sends what waits; the author's own wait ends with the stored message."""
    async with serving() as peer:
        known(peer, "me")
        patient = replace(WATCHFUL, retry_first=3600, retry_most=3600)
        async with person(peer, delays=patient) as offline:
            await offline.live()
            await peer.stop()
            await until(lambda: offline.link.value.state is LinkState.WAITING)
            sending = offline.channel("c").send("by another hand")
            await until(lambda: offline.unsent_messages.value)
            await peer.start()
            async with person(peer) as online:
                await online.live()
                assert (await asyncio.wait_for(sending, 5)).content == "by another hand"
            assert offline.link.value.state is LinkState.WAITING
            assert rows(offline) == [("by another hand", "confirmed")]
        assert stored(peer) == ["by another hand"]


async def test_a_post_that_was_cut_by_a_crash_is_looked_for_before_it_is_sent_again() -> None:
    """Open WebUI: what the dead process had stored stands once."""
    async with serving() as peer:
        known(peer, "me")
        began = asyncio.Event()

        async def stores_and_hangs(request: web.Request) -> web.StreamResponse:
            user = peer.user_of(request)
            assert user is not None
            await peer.post("c", user, await request.json(), tell=False)
            began.set()
            await until(lambda: request.transport is None or request.transport.is_closing())
            return ok(None)

        peer.hooks[POST] = stores_and_hangs
        async with person(peer) as client:
            await client.live()
            await client.channel("c").open()
            client.channel("c").send("once")
            await asyncio.wait_for(began.wait(), 5)
        peer.hooks.clear()
        async with person(peer) as client:
            await until(lambda: client.link.value.state is LinkState.LIVE and not client.unsent)
        assert stored(peer) == ["once"]
