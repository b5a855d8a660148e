"""Drafts: kept for each conversation, told to every window, and there again after a restart."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.client.outbox.outbox_person import away, known, person, token_of
from tests.client.peer import serving, until

from antiphon.client.errors import OutboxFull
from antiphon.client.kept.drafts import MOST_DRAFTS, MOST_TEXT

CHANNEL, THREAD, CHAT = ("channel", "c"), ("thread", "m1"), ("chat", "c")


async def test_a_draft_outlives_the_client() -> None:
    """W-93: each conversation has its own, a thread and a chat too, and the server need not be there."""
    async with serving() as peer:
        await away(peer)
        async with person(peer) as client:
            client.drafts.set(CHANNEL, "to all")
            client.drafts.set(THREAD, "to few")
            client.drafts.set(CHAT, "to a model")
            client.drafts.set(CHAT, "")
            assert client.drafts.get(CHANNEL) == "to all"
        async with person(peer) as client:
            assert client.drafts.get(CHANNEL) == "to all"
            assert client.drafts.get(THREAD) == "to few"
            assert client.drafts.get(CHAT) == ""
            client.drafts.set(CHANNEL, "")
        async with person(peer) as client:
            assert dict(client.drafts.store.value) == {THREAD: "to few"}


async def test_a_draft_is_told_to_the_other_windows_of_the_client() -> None:
    """Every change of the text, and none when nothing changed."""
    async with serving() as peer:
        await away(peer)
        async with person(peer) as client:
            told: list[Mapping[tuple[str, str], str]] = []
            client.drafts.store.subscribe(told.append)
            client.drafts.set(CHANNEL, "h")
            client.drafts.set(CHANNEL, "hi")
            client.drafts.set(CHANNEL, "hi")
            assert [dict(one) for one in told] == [{}, {CHANNEL: "h"}, {CHANNEL: "hi"}]


async def test_whoever_writes_last_wins_and_the_other_process_hears_of_it() -> None:
    """Two processes of one person."""
    async with serving() as peer:
        await away(peer)
        async with person(peer) as one, person(peer) as two:
            one.drafts.set(CHANNEL, "first")
            await until(lambda: two.drafts.get(CHANNEL) == "first")
            two.drafts.set(CHANNEL, "second")
            await until(lambda: one.drafts.get(CHANNEL) == "second")
            two.drafts.set(CHANNEL, "")
            await until(lambda: one.drafts.get(CHANNEL) == "")


async def test_a_draft_that_was_begun_before_the_person_was_known_is_kept() -> None:
    """A token that does not say whose it is: the server does, later."""
    from antiphon import Client

    async with serving() as peer:
        async with Client(peer.url, token="token-me") as client:
            client.drafts.set(CHANNEL, "early")
            await client.live()
        peer.users[token_of("me")] = peer.users["token-me"]
        async with person(peer) as client:
            assert client.drafts.get(CHANNEL) == "early"


async def test_a_draft_belongs_to_its_person() -> None:
    """Nobody finds another's."""
    async with serving() as peer:
        known(peer, "ann")
        await away(peer)
        async with person(peer) as client:
            client.drafts.set(CHANNEL, "mine")
        async with person(peer, "ann") as client:
            assert client.drafts.get(CHANNEL) == ""


async def test_drafts_are_bounded() -> None:
    """The one untouched longest goes; one that is too long is refused with what to do."""
    async with serving() as peer:
        await away(peer)
        async with person(peer) as client:
            for n in range(MOST_DRAFTS + 1):
                client.drafts.set(("chat", str(n)), "text")
            assert client.drafts.get(("chat", "0")) == ""
            assert len(client.drafts.store.value) == MOST_DRAFTS
            with pytest.raises(OutboxFull, match="make it shorter"):
                client.drafts.set(CHANNEL, "x" * (MOST_TEXT + 1))
        async with person(peer) as client:
            assert client.drafts.get(("chat", "0")) == ""
            assert client.drafts.get(("chat", "1")) == "text"
            assert len(client.drafts.store.value) == MOST_DRAFTS
