"""The file of an account: closed to others, shared by one's own processes, and never a reason to crash."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from antiphon.client.kept.account_file import KEPT_ASIDE, AccountFile, FileUnusable, file_name

NOTES = ("CREATE TABLE notes (text TEXT NOT NULL)",)
URL = "http://one.test:8400"


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[AccountFile]:
    """An open file with a table for notes."""
    file = await AccountFile.open(tmp_path / "accounts", URL, "me")
    await file.schema("notes", NOTES)
    yield file
    await file.close()


async def note(file: AccountFile, text: str) -> None:
    """Keep a note."""
    await file.run(lambda connection: connection.execute("INSERT INTO notes VALUES (?)", (text,)))


async def notes(file: AccountFile) -> list[str]:
    """Give what is kept."""
    return await file.read(
        lambda connection: [row["text"] for row in connection.execute("SELECT * FROM notes")]
    )


def mode(path: Path) -> int:
    """Give who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


async def test_nobody_else_may_look_into_the_folder_or_any_of_the_files(file: AccountFile) -> None:
    """700 for the folder; 600 for the file and for what SQLite lays beside it."""
    await note(file, "a secret")
    assert mode(file.path.parent) == 0o700
    files = sorted(file.path.parent.iterdir())
    assert [one.name.removeprefix(file.path.name) for one in files] == ["", "-shm", "-wal"]
    assert [mode(one) for one in files] == [0o600] * 3


async def test_a_file_and_folder_that_were_open_to_others_are_closed_to_them(tmp_path: Path) -> None:
    """Whatever made them, and whatever the umask."""
    folder = tmp_path / "accounts"
    folder.mkdir(mode=0o755)
    path = folder / file_name(URL, "me")
    path.touch(mode=0o644)
    file = await AccountFile.open(folder, URL, "me")
    assert (mode(folder), mode(path)) == (0o700, 0o600)
    await file.close()


async def test_the_same_account_has_the_same_file_however_its_address_is_written() -> None:
    """And another person, port or path another one."""
    same = {
        file_name(url, "me")
        for url in (
            "https://Chat.example.com",
            "https://chat.example.com:443/",
            " https://chat.example.com/ ",
        )
    }
    assert len(same) == 1
    others = {
        file_name("https://chat.example.com", "you"),
        file_name("https://chat.example.com:8443", "me"),
        file_name("http://chat.example.com", "me"),
        file_name("https://chat.example.com/sub", "me"),
    }
    assert len(others | same) == 5
    assert all("/" not in name for name in others)


async def test_works_that_wait_together_share_a_commit_and_one_that_fails_undoes_only_itself(
    file: AccountFile,
) -> None:
    """Each is done wholly or not at all."""

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO notes VALUES ('half')")
        raise LookupError("halfway")

    held = threading.Event()
    first = asyncio.create_task(file.run(lambda _: held.wait(5)))
    outcomes = asyncio.gather(note(file, "one"), file.run(half), note(file, "two"), return_exceptions=True)
    await asyncio.to_thread(lambda: None)
    held.set()
    await first
    assert [type(outcome) for outcome in await outcomes] == [type(None), LookupError, type(None)]
    assert await notes(file) == ["one", "two"]


async def test_two_processes_see_what_the_other_has_done(file: AccountFile, tmp_path: Path) -> None:
    """`changed` tells it, and tells it once."""
    other = await AccountFile.open(tmp_path / "accounts", URL, "me")
    await other.schema("notes", NOTES)
    await file.changed()
    await note(file, "mine")
    assert not await file.changed()
    await note(other, "theirs")
    assert await file.changed()
    assert not await file.changed()
    assert await notes(file) == ["mine", "theirs"]
    await other.close()


async def test_a_damaged_file_is_set_aside_and_a_fresh_one_begun(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said in the log, and what was damaged stays for whoever can read it."""
    folder = tmp_path / "accounts"
    folder.mkdir()
    path = folder / file_name(URL, "me")
    path.write_bytes(b"no database" * 1000)
    with caplog.at_level(logging.ERROR):
        file = await AccountFile.open(folder, URL, "me")
    assert "damaged" in caplog.text
    assert file.set_aside is not None
    assert file.set_aside.read_bytes() == b"no database" * 1000
    await file.schema("notes", NOTES)
    await note(file, "fresh")
    assert await notes(file) == ["fresh"]
    await file.close()


async def test_a_file_that_is_damaged_while_it_is_used_is_replaced_and_its_users_are_told(
    file: AccountFile,
) -> None:
    """Whoever still knows what was in it keeps it again; the work under way is done in the fresh file."""
    told = asyncio.Event()
    file.on_fresh.append(told.set)
    await note(file, "before" * 2000)
    await spoil(file)
    await note(file, "after it")
    await asyncio.wait_for(told.wait(), 5)
    assert file.set_aside is not None
    assert await notes(file) == ["after it"]


async def spoil(*files: AccountFile) -> None:
    """Write over what the disk keeps of a database that is open, and let nobody have it in memory."""
    await files[0]._job("watch", lambda c: c.execute("PRAGMA wal_checkpoint(TRUNCATE)"), lasting=False)
    path = files[0].path

    def write_over() -> None:
        size = path.stat().st_size
        with path.open("r+b") as raw:
            raw.write(b"\xff" * size)

    await asyncio.to_thread(write_over)
    for file in files:
        await file._job("watch", lambda c: c.execute("PRAGMA shrink_memory"), lasting=False)


async def test_a_file_that_somebody_deletes_is_begun_afresh(file: AccountFile) -> None:
    """What is written from then on is not lost in a file without a name."""
    await note(file, "before")
    told = asyncio.Event()
    file.on_fresh.append(told.set)
    await asyncio.to_thread(file.path.unlink)
    await note(file, "after")
    await asyncio.wait_for(told.wait(), 5)
    assert await notes(file) == ["after"]


async def test_two_processes_with_one_damaged_file_set_it_aside_once(tmp_path: Path) -> None:
    """The second finds the fresh one of the first."""
    folder = tmp_path / "accounts"
    one = await AccountFile.open(folder, URL, "me")
    two = await AccountFile.open(folder, URL, "me")
    for file in (one, two):
        await file.schema("notes", NOTES)
    await note(one, "before" * 2000)
    await spoil(one, two)
    await note(one, "by one")
    await note(two, "by two")
    assert await notes(one) == ["by one", "by two"]
    asides = await asyncio.to_thread(lambda: list(folder.glob("*.damaged-???????????????????")))
    assert len(asides) == 1
    await one.close()
    await two.close()


async def test_only_a_few_damaged_files_are_kept(tmp_path: Path) -> None:
    """A disk that goes bad does not fill itself with them."""
    path = tmp_path / file_name(URL, "me")
    for _ in range(KEPT_ASIDE + 2):
        await asyncio.to_thread(path.write_bytes, b"\xff" * 5000)
        await (await AccountFile.open(tmp_path, URL, "me")).close()
    assert len(await asyncio.to_thread(lambda: list(tmp_path.glob("*.damaged-*")))) == KEPT_ASIDE


async def test_a_folder_that_cannot_be_made_is_said_in_words(tmp_path: Path) -> None:
    """And the thread that was to work with the file has ended."""
    (tmp_path / "file").write_text("in the way")
    before = threading.active_count()
    with pytest.raises(FileUnusable, match=r"cannot be used: .*irectory"):
        await AccountFile.open(tmp_path / "file" / "accounts", URL, "me")
    await asyncio.to_thread(lambda: [one.join(5) for one in threading.enumerate() if "account" in one.name])
    assert threading.active_count() <= before + 1  # the one of `to_thread`


async def test_a_disk_without_room_is_said_in_words_and_the_file_works_again_later(file: AccountFile) -> None:
    """Nothing of the work that had no room is left, and what fits is kept."""
    await note(file, "there was room")

    def fill(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 8")
        connection.execute("INSERT INTO notes VALUES (?)", ("x" * 200_000,))

    with pytest.raises(FileUnusable, match="full"):
        await file.run(fill)
    await note(file, "there is again")
    assert await notes(file) == ["there was room", "there is again"]


async def test_a_file_of_a_later_release_is_left_alone(file: AccountFile, tmp_path: Path) -> None:
    """Its tables are not those that this release knows."""
    await file.schema("notes", (*NOTES, "ALTER TABLE notes ADD COLUMN colour TEXT"))
    older = await AccountFile.open(tmp_path / "accounts", URL, "me")
    with pytest.raises(FileUnusable, match="later release"):
        await older.schema("notes", NOTES)
    await older.close()


async def test_after_closing_nothing_is_done_and_that_is_said(file: AccountFile) -> None:
    """Closing twice does no harm, and finishes what was begun."""
    begun = asyncio.create_task(note(file, "begun"))
    await asyncio.to_thread(lambda: None)
    await file.close()
    await begun
    await file.close()
    with pytest.raises(FileUnusable, match="closed"):
        await note(file, "too late")
