"""What outlives a client: messages that wait or have failed, whose they are, and who sends them."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.client.hands import QUICK
from tests.client.peer import Peer, account, no, ok, serving, until

from antiphon import Client, SendFailed
from antiphon.client import LinkState
from antiphon.client.errors import OutboxFull, UnderWay
from antiphon.client.kept.account_file import AccountFile
from antiphon.client.kept.storage import Keeping, Storage, client_folder, look_into
from antiphon.client.link.lifecycle import ConnectError
from antiphon.client.outbox.entries import MOST_TEXT, MOST_WAITING
from antiphon.client.outbox.file import waiting
from antiphon.client.outbox.ledger import Ledger

POST = "POST /api/v1/channels/c/messages/post"
WATCHFUL = replace(QUICK, storage_watch=0.02, storage_again=0.05)


def token_of(user_id: str) -> str:
    """Make a token that says whose it is, as both servers' tokens do."""

    def part(value: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'HS256'})}.{part({'id': user_id})}.c2lnbmF0dXJl"


def known(peer: Peer, *user_ids: str) -> None:
    """Let the server know people by such tokens."""
    for id_ in user_ids:
        peer.users[token_of(id_)] = {**account(id_), "token": token_of(id_)}


def person(peer: Peer, user_id: str = "me", delays: Any = WATCHFUL, **options: Any) -> Client:
    """Make a client of somebody."""
    return Client(peer.url, token=token_of(user_id), delays=delays, **options)


def stored(peer: Peer) -> list[str]:
    """Give what the server has."""
    return [message["content"] for message in peer.messages["c"]]


def rows(client: Client, channel: str = "c") -> list[tuple[str, str]]:
    """Give what is shown."""
    return [(row.message.content, row.state) for row in client.channel(channel).timeline.rows()]


async def away(peer: Peer) -> Peer:
    """Let the server know `me`, and be gone."""
    known(peer, "me")
    await peer.stop()
    return peer


def refusing(peer: Peer, times: int = 1) -> Callable[[web.Request], Any]:
    """Let the server refuse some posts."""
    left = [None] * times

    async def refuse(request: web.Request) -> web.StreamResponse:
        if left:
            left.pop()
            return no(400, "This message is too long.")
        return await peer.answer(request)

    return refuse


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


async def test_the_outbox_is_bounded_and_says_what_to_do() -> None:
    """Neither a text without end nor messages without number."""
    async with serving() as peer:
        await away(peer)
        async with person(peer) as client:
            channel = client.channel("c")
            with pytest.raises(OutboxFull, match="make it shorter"):
                channel.send("x" * (MOST_TEXT + 1))
            for n in range(MOST_WAITING):
                channel.send(f"text {n}", temp_id=f"t{n}")
            with pytest.raises(OutboxFull, match="discard those that failed"):
                channel.send("one more")
            channel.discard("t0")
            channel.send("one more")
            assert client.unsent == MOST_WAITING


async def test_without_a_folder_that_can_be_written_sending_goes_on_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In memory, and in the file as soon as there can be one."""
    blocked = tmp_path / "data"
    blocked.write_text("a file in the folder's place")
    async with serving() as peer:
        known(peer, "me")
        with caplog.at_level(logging.WARNING, "antiphon"):
            async with person(peer, data_dir=blocked) as client:
                await client.live()
                kept = client.storage.value
                assert kept.state is Keeping.FAILING
                assert "cannot be used" in (kept.reason or "")
                await client.channel("c").send("all the same")
                await peer.stop()
                await until(lambda: client.link.value.state is LinkState.WAITING)
                client.channel("c").send("later")
                assert rows(client)[-1] == ("later", "pending")
                await asyncio.to_thread(blocked.unlink)
                await until(lambda: client.storage.value.state is Keeping.DURABLE)
        assert "kept in memory alone" in caplog.text
        await peer.start()
        async with person(peer, data_dir=blocked) as client:
            await until(lambda: stored(peer) == ["all the same", "later"])
            await until(lambda: not client.unsent)


async def test_a_disk_that_fills_up_stops_nothing_and_is_told() -> None:
    """What was written in this client is sent from memory."""
    async with serving() as peer:
        known(peer, "me")
        async with person(peer) as client:
            await client.live()
            file = client._parts.storage.file
            assert file is not None
            await file._job("watch", lambda db: db.execute("PRAGMA max_page_count = 1"), lasting=False)
            pages = await file._job(
                "watch", lambda db: db.execute("PRAGMA page_count").fetchone()[0], lasting=False
            )
            assert pages < 100
            text = "x" * 500_000
            assert (await client.channel("c").send(text)).content == text
            await until(lambda: client.storage.value.state is Keeping.DURABLE)
        assert len(stored(peer)) == 1


async def test_a_damaged_file_is_set_aside_told_and_what_is_known_is_kept_again(tmp_path: Path) -> None:
    """The client goes on, and its next start finds what waits."""
    async with serving() as peer:
        await away(peer)
        async with person(peer, data_dir=tmp_path) as client:
            client.channel("c").send("first")
            await until(lambda: rows(client))
            path = client.storage.value.path
            assert path is not None
            await asyncio.to_thread(path.unlink)
            client.channel("c").send("second")
            await until(lambda: len(rows(client)) == 2)
        async with person(peer, data_dir=tmp_path) as client:
            assert {one.text for one in client.unsent_messages.value} == {"first", "second"}
        await asyncio.to_thread(path.write_bytes, b"\xff" * 9000)
        for ending in ("-wal", "-shm"):
            await asyncio.to_thread(Path(f"{path}{ending}").unlink, True)
        async with person(peer, data_dir=tmp_path) as client:
            assert client.storage.value.set_aside is not None
            assert client.storage.value.state is Keeping.DURABLE
            assert client.unsent == 0


async def test_nothing_is_written_where_nothing_is_to_be_kept(tmp_path: Path) -> None:
    """`durable=False`."""
    async with serving() as peer:
        known(peer, "me")
        async with person(peer, data_dir=tmp_path, durable=False) as client:
            await client.live()
            await client.channel("c").send("gone with me")
            client.drafts.set(("channel", "c"), "so am I")
            assert client.storage.value.state is Keeping.MEMORY
        assert await asyncio.to_thread(lambda: list(tmp_path.iterdir())) == []


async def test_the_folder_is_the_persons_own_the_named_one_or_the_given_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this order of precedence: given, environment, platform."""
    monkeypatch.setenv("ANTIPHON_CLIENT_DIR", str(tmp_path / "named"))
    assert client_folder(tmp_path / "given") == tmp_path / "given" / "accounts"
    assert client_folder(None) == tmp_path / "named" / "accounts"
    monkeypatch.delenv("ANTIPHON_CLIENT_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert client_folder(None).name == "accounts"


async def test_looking_into_an_account_without_a_file_makes_none(tmp_path: Path) -> None:
    """Nor does a file without an outbox break anything."""
    assert await look_into(tmp_path, "http://one.test", "me", waiting) is None
    assert not (tmp_path / "accounts").exists()
    await (await AccountFile.open(tmp_path / "accounts", "http://one.test", "me")).close()
    assert await look_into(tmp_path, "http://one.test", "me", waiting) is None
