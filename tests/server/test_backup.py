"""Backups: everything the server keeps in one file, and back, while it runs."""

from __future__ import annotations

import asyncio
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select
from tests.postgres import PostgresServer, on_both_databases
from tests.server.serving import Person, Server
from tests.server.test_files import kept, png

from antiphon.server.backups import restore as restoring
from antiphon.server.backups.archive import MANIFEST, BackupReader, BadBackup
from antiphon.server.backups.restore import NotEmpty, restore
from antiphon.server.backups.take import take_backup
from antiphon.server.files.shelf import FOLDER, Shelf
from antiphon.server.storage.database import Database
from antiphon.server.storage.migrations import newest_revision
from antiphon.server.storage.migrations.upgrade import upgrade
from antiphon.server.storage.tables.accounts import revoked_tokens, stored_config, users
from antiphon.server.storage.tables.channels import messages
from antiphon.server.storage.tables.schema import all_tables

HARD = 'naïve\n"quoted" 👩‍👩‍👧 \u2028 \\u0041 \' ; DROP TABLE users; --'
"""A text that a format made in a hurry would not bring back."""


def quiet(_table: str, _done: int, _total: int) -> None:
    """Show no progress."""


def uploads(shelf: Shelf) -> dict[str, bytes]:
    """Give the bytes of all uploads and their thumbnails, by name."""
    found = {path.name: path.read_bytes() for path in shelf.folder.rglob("*") if path.is_file()}
    assert found
    return found


async def everything(database: Database) -> dict[str, list[Any]]:
    """Give all rows of all tables, but for the mark of a restore."""
    held = {}
    async with database.read() as connection:
        for table in all_tables():
            rows = (await connection.execute(select(table))).all()
            held[table.name] = sorted(
                (tuple(row) for row in rows if restoring.GENERATION not in tuple(row)), key=repr
            )
    return held


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """The uploads of the server."""
    return Shelf(tmp_path / "data" / FOLDER)


@pytest.fixture
async def talked(server: Server, admin: Person, bob: Person) -> Server:
    """A server on which something of every kind is stored."""
    general = await admin.general()
    first = await admin.say(general, HARD, temp_id="t1", data={"files": [{"id": "f", "n": 2**53 + 1}]})
    await bob.say(general, "a reply", reply_to_id=first["id"], parent_id=first["id"])
    await bob.post(f"/api/v1/channels/{general}/messages/{first['id']}/reactions/add", {"name": "👍"})
    await admin.post(f"/api/v1/channels/{general}/messages/{first['id']}/pin", {"is_pinned": True})
    await admin.post("/api/v1/auths/admin/config", {"ENABLE_SIGNUP": False, "DEFAULT_USER_ROLE": "pending"})
    history = {"messages": {"q": {"id": "q", "role": "user", "content": HARD}}, "currentId": "q"}
    chat = await bob.post("/api/v1/chats/new", {"chat": {"title": "Ours", "history": history, "x": None}})
    await bob.post(f"/api/v1/chats/{chat['id']}/tags", {"name": "Tag"})
    upload = await kept(bob, png())
    await bob.say(general, "", data={"files": [{"id": upload["id"]}]}, parent_id=first["id"])
    return server


@on_both_databases
async def test_a_backup_brings_back_every_row_of_every_table(
    talked: Server, shelf: Shelf, tmp_path: Path, postgres: PostgresServer
) -> None:
    """Into the same kind of database and into the other one."""
    file = tmp_path / "all.backup"
    database = talked.app.state.database
    counts = await take_backup(database, shelf, file, version="1", progress=quiet)
    before = await everything(database)
    assert counts["users"] == 2
    assert counts["messages"] == 3
    assert all(counts[name] for name in ("reactions", "chats", "chat_messages", "chat_tags", "stored_config"))
    assert (counts["files"], counts["file_shares"]) == (1, 1)
    assert file.stat().st_mode & 0o777 == 0o600

    with postgres.database() as elsewhere:
        for url in (f"sqlite:///{tmp_path / 'new.db'}", elsewhere):
            target = await asyncio.to_thread(Database, url)
            try:
                await target.migrate()
                moved = Shelf(tmp_path / f"moved-{url[:6]}")
                assert (await restore(target, moved, file, replace=False, progress=quiet))[1] == counts
                assert await everything(target) == before
                assert await asyncio.to_thread(uploads, moved) == await asyncio.to_thread(uploads, shelf)
            finally:
                await target.close()


@on_both_databases
async def test_a_running_server_begins_anew_with_what_was_restored(
    talked: Server, shelf: Shelf, admin: Person, bob: Person, tmp_path: Path
) -> None:
    """What it kept in memory is gone, and every socket is closed so that it comes back."""
    state = talked.app.state
    talked.app._renewal._every = 0.01
    file = tmp_path / "all.backup"
    await take_backup(state.database, shelf, file, version="1", progress=quiet)
    general = await admin.general()
    await admin.post(f"/api/v1/channels/{general}/update", {"name": "renamed", "is_private": False})
    await admin.post("/api/v1/auths/admin/config", {"ENABLE_SIGNUP": True, "DEFAULT_USER_ROLE": "user"})
    cleo = await talked.sign_up("Cleo")
    await cleo.say(general, "gone after the restore")
    socket = await admin.connect()

    await restore(state.database, shelf, file, replace=True, progress=quiet)
    async with asyncio.timeout(10):
        await socket.gone.wait()

    assert (await admin.get(f"/api/v1/channels/{general}"))["name"] == "general"
    assert [m["content"] for m in await bob.get(f"/api/v1/channels/{general}/messages")] == [HARD]
    assert (await cleo.ask("GET", "/api/v1/auths/")).status == 401
    stranger = Person(talked.url, admin.http)
    assert (await stranger.ask("GET", "/api/config")).body["features"]["enable_signup"] is False
    heard = await admin.connect()
    await bob.say(general, "after the restore")
    assert (await heard.next("events:channel", "message"))["data"]["data"]["content"] == "after the restore"


async def test_accounts_that_are_there_are_not_replaced_without_being_asked(
    talked: Server, shelf: Shelf, tmp_path: Path
) -> None:
    """The error says how."""
    file = tmp_path / "all.backup"
    database = talked.app.state.database
    await take_backup(database, shelf, file, version="1", progress=quiet)
    before = await everything(database)
    with pytest.raises(NotEmpty, match="--replace"):
        await restore(database, shelf, file, replace=False, progress=quiet)
    assert await everything(database) == before


async def test_a_token_that_was_taken_back_stays_so(
    talked: Server, shelf: Shelf, bob: Person, tmp_path: Path
) -> None:
    """Who signed out after the backup was made does not come in again by it."""
    file = tmp_path / "all.backup"
    database = talked.app.state.database
    await take_backup(database, shelf, file, version="1", progress=quiet)
    await bob.post("/api/v1/auths/signout")
    await restore(database, shelf, file, replace=True, progress=quiet)
    await talked.app._renew()
    assert (await bob.ask("GET", "/api/v1/auths/")).status == 401
    async with database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(revoked_tokens))).scalar() == 1


def rewrite(file: Path, out: Path, changes: dict[str, Callable[[bytes], bytes]]) -> None:
    """Copy a backup with some of its parts changed."""
    with zipfile.ZipFile(file) as whole, zipfile.ZipFile(out, "w") as changed:
        for name in whole.namelist():
            content = whole.read(name)
            changed.writestr(name, changes[name](content) if name in changes else content)


def _cut_a_line(lines: bytes) -> bytes:
    return lines.rsplit(b"\n", 2)[0] + b"\n"


def _garble(lines: bytes) -> bytes:
    return lines[: len(lines) // 2]


def _other_columns(lines: bytes) -> bytes:
    return b"[1]\n" + lines


async def test_an_upload_that_was_damaged_in_the_backup_changes_nothing(
    talked: Server, shelf: Shelf, tmp_path: Path
) -> None:
    """Neither the rows nor the files."""
    file = tmp_path / "all.backup"
    database = talked.app.state.database
    await take_backup(database, shelf, file, version="1", progress=quiet)
    before = await everything(database)
    shelf.folder = tmp_path / "elsewhere"

    def harm() -> None:
        whole = file.read_bytes()
        at = whole.index(b"\x89PNG") + 40
        file.write_bytes(whole[:at] + b"harmed" + whole[at + 6 :])

    await asyncio.to_thread(harm)
    with pytest.raises(BadBackup, match="damaged"):
        await restore(database, shelf, file, replace=True, progress=quiet)
    assert await everything(database) == before


@pytest.mark.parametrize("harm", [_cut_a_line, _garble, _other_columns])
async def test_a_damaged_backup_changes_nothing(
    talked: Server, shelf: Shelf, tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    """Not even the tables before the damage."""
    file, bad = tmp_path / "all.backup", tmp_path / "bad.backup"
    database = talked.app.state.database
    await take_backup(database, shelf, file, version="1", progress=quiet)
    await asyncio.to_thread(rewrite, file, bad, {"tables/messages.jsonl": harm})
    before = await everything(database)
    with pytest.raises(BadBackup, match="damaged"):
        await restore(database, shelf, bad, replace=True, progress=quiet)
    assert await everything(database) == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no backup"),
        (b"hello", "no backup"),
        ({"format": 99, "version": "9.0"}, "newer Antiphon"),
        ({"format": "one"}, "no backup"),
        ({"format": 1}, "no backup"),
        ([], "no backup"),
    ],
)
def test_what_is_no_backup_is_refused_with_a_reason(tmp_path: Path, content: object, said: str) -> None:
    """Before anything is touched."""
    file = tmp_path / "some.file"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(MANIFEST, json.dumps(content))
    with pytest.raises(BadBackup, match=said):
        BackupReader(file)


async def test_a_backup_of_a_newer_schema_is_refused(talked: Server, shelf: Shelf, tmp_path: Path) -> None:
    """It may hold what this version would lose."""
    file, newer = tmp_path / "all.backup", tmp_path / "newer.backup"
    database = talked.app.state.database
    await take_backup(database, shelf, file, version="1", progress=quiet)
    await asyncio.to_thread(
        rewrite, file, newer, {MANIFEST: lambda said: said.replace(b'"revision": "0', b'"revision": "9')}
    )
    with pytest.raises(BadBackup, match="newer Antiphon"):
        await restore(database, shelf, newer, replace=True, progress=quiet)


async def test_a_backup_of_an_older_schema_is_brought_up_to_this_one(shelf: Shelf, tmp_path: Path) -> None:
    """Released schemas can be restored for ever."""
    new = await asyncio.to_thread(Database, f"sqlite:///{tmp_path / 'new.db'}")
    file = tmp_path / "old.backup"
    try:
        await new.migrate()
        async with new.write() as connection:
            await connection.execute(
                insert(users).values(
                    id="u",
                    email="a@b.c",
                    name=HARD,
                    role="admin",
                    password_hash="x",
                    profile_image_url="",
                    settings={"ui": {"a": [1, None]}},
                    last_active_at=1,
                    created_at=1,
                    updated_at=1,
                )
            )
            await connection.execute(insert(stored_config).values(key="K", value=None))
        before = await everything(new)
        await take_backup(new, shelf, file, version="0", progress=quiet)
        await asyncio.to_thread(first_revision, file, tmp_path / "first.backup")
        async with new.write() as connection:
            await connection.execute(delete(users))
        content, _ = await restore(new, shelf, tmp_path / "first.backup", replace=False, progress=quiet)
        assert content.revision == "0001" != await asyncio.to_thread(newest_revision)
        assert await everything(new) == before
    finally:
        await new.close()


def first_revision(file: Path, out: Path) -> None:
    """Make of a backup what the first schema's would have been: without the tables that came later."""
    from sqlalchemy import MetaData, create_engine

    engine = create_engine(f"sqlite:///{out.with_suffix('.db')}")
    with engine.begin() as connection:
        upgrade(connection, "0001")
        tables = MetaData()
        tables.reflect(connection)
    engine.dispose()
    with zipfile.ZipFile(file) as whole, zipfile.ZipFile(out, "w") as older:
        manifest = json.loads(whole.read(MANIFEST))
        kept = [name for name in manifest["columns"] if name in tables.tables]
        assert len(kept) < len(manifest["columns"])
        for name in kept:
            assert {column.name for column in tables.tables[name].columns} == set(manifest["columns"][name])
            older.writestr(f"tables/{name}.jsonl", whole.read(f"tables/{name}.jsonl"))
        manifest |= {
            "revision": "0001",
            "columns": {name: manifest["columns"][name] for name in kept},
            "rows": {name: manifest["rows"][name] for name in kept},
        }
        older.writestr(MANIFEST, json.dumps(manifest))


async def test_a_backup_that_fails_leaves_no_file(talked: Server, shelf: Shelf, tmp_path: Path) -> None:
    """A file that is there was written whole, and what stood there before still does."""
    file = tmp_path / "all.backup"
    file.write_bytes(b"the last one")

    def fail(table: str, _done: int, _total: int) -> None:
        if table == "messages":
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        await take_backup(talked.app.state.database, shelf, file, version="1", progress=fail)
    assert file.read_bytes() == b"the last one"
    assert "all.backup.part" not in await asyncio.to_thread(os.listdir, tmp_path)


async def test_a_backup_is_one_state_although_people_go_on_writing(
    talked: Server, shelf: Shelf, admin: Person, tmp_path: Path
) -> None:
    """What is posted while it is taken is not half in it."""
    file = tmp_path / "all.backup"
    general = await admin.general()
    database = talked.app.state.database
    posted = False

    async def post() -> None:
        await admin.say(general, "meanwhile")

    loop = asyncio.get_running_loop()
    waiting: list[asyncio.Task[None]] = []

    def meanwhile(table: str, _done: int, _total: int) -> None:
        nonlocal posted
        if not posted:
            posted = True
            waiting.append(loop.create_task(post()))

    async with database.read() as connection:
        count = (await connection.execute(select(func.count()).select_from(messages))).scalar_one()
    counts = await take_backup(database, shelf, file, version="1", progress=meanwhile)
    await waiting[0]
    assert counts["messages"] == count

    def kept() -> int:
        with BackupReader(file) as reader:
            return sum(len(some) for some in reader.rows("messages", 10))

    assert await asyncio.to_thread(kept) == count
