"""The outbox and its file: a disk that is full, closed, damaged or not wanted, and where the file is."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from tests.client.outbox.outbox_person import away, known, person, rows, stored
from tests.client.peer import serving, until

from antiphon.client import LinkState
from antiphon.client.errors import OutboxFull
from antiphon.client.kept.account_file import AccountFile
from antiphon.client.kept.storage import Keeping, client_folder, look_into
from antiphon.client.outbox.entries import MOST_TEXT, MOST_WAITING
from antiphon.client.outbox.file import waiting


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
