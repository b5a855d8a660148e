"""Finding messages by their words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.postgres import on_both_databases
from tests.server.serving import Person, Server

from antiphon.server.backups.restore import restore
from antiphon.server.backups.take import take_backup
from antiphon.server.channels.search import SNIPPET, snippet, terms_in
from antiphon.server.files.shelf import FOLDER, Shelf
from antiphon.server.storage.database import Database

PATH = "/api/v1/channels/search"


async def found(person: Person, query: str, **more: Any) -> list[str]:
    """The texts that a person finds, newest first."""
    params = {"query": query, **{key: str(value) for key, value in more.items()}}
    return [one["content"] for one in await person.get(PATH, params=params)]


@on_both_databases
async def test_words_are_found_alike_in_both_databases(bob: Person) -> None:
    """All words of the query, in any order, by their beginnings; in quotes exactly as they follow."""
    general = await bob.general()
    deployed = "We deployed release-candidate 2.1 to https://ops.example.com/status?x=1"
    greeting = "Grüße aus Köln, naïve Welt: 100% O'Reilly & Söhne"
    for one in (deployed, greeting, "status of the release: fine", "nothing here"):
        await bob.say(general, one)
    expected: dict[str, list[str]] = {
        "deploy": [deployed],
        "DEPLOYED": [deployed],
        "release status": ["status of the release: fine", deployed],
        '"status of the"': ["status of the release: fine"],
        '"of status"': [],
        '"deploy"': [],
        '"deployed"': [deployed],
        "release-candidate": [deployed],
        "candidate-release": [],
        "example.com": [deployed],
        "2.1": [deployed],
        "grüße köln": [greeting],
        "O'Rei": [greeting],
        "söhne": [greeting],
        "eployed": [],
        "fine deploy": [],
        "": [],
        "  ": [],
        "!?": [],
        '"': [],
        "👋": [],
        '"unclosed deploy': [],
        "AND": [],
        '"NOT" nothing': [],
        "nothing*": ["nothing here"],
        "content:nothing": [],
        "(nothing": ["nothing here"],
        "nothing' OR '1'='1": [],
        "\\": [],
        "noth:* & here": ["nothing here"],
    }
    assert {query: await found(bob, query) for query in expected} == expected


@on_both_databases
async def test_only_what_one_may_read_is_found(admin: Person, bob: Person, cleo: Person) -> None:
    """Closed conversations for their members, standard channels for whom they were given to; and no longer
    than that.
    """
    general = await admin.general()
    await admin.say(general, "secret for all")
    group = (
        await bob.post("/api/v1/channels/create", {"name": "ours", "type": "group", "user_ids": [cleo.id]})
    )["id"]
    await bob.say(group, "secret of the group")
    grant = {"principal_type": "user", "principal_id": cleo.id, "permission": "read"}
    form = {"name": "closed", "access_grants": [grant]}
    closed = (await admin.post("/api/v1/channels/create", form))["id"]
    await admin.say(closed, "secret of the closed")
    assert await found(bob, "secret") == ["secret of the group", "secret for all"]
    assert await found(cleo, "secret") == ["secret of the closed", "secret of the group", "secret for all"]
    assert await found(admin, "secret") == ["secret of the closed", "secret for all"]
    assert await found(cleo, "secret", channel_id=group) == ["secret of the group"]
    for channel, status in ((group, 403), ("nowhere", 404)):
        refused = await admin.ask("GET", PATH, params={"query": "secret", "channel_id": channel})
        assert refused.status == status
    await bob.post(f"/api/v1/channels/{group}/update/members/remove", {"user_ids": [cleo.id]})
    await admin.post(f"/api/v1/channels/{closed}/update", {"name": "closed", "access_grants": []})
    assert await found(cleo, "secret") == ["secret for all"]
    nobody = await Person(bob.url, bob.http).ask("GET", PATH, params={"query": "secret"})
    assert nobody.status == 401


@on_both_databases
async def test_the_index_follows_edits_and_deletions(admin: Person, bob: Person) -> None:
    """What a message said before is not found, nor what was deleted, alone, with its thread or channel."""
    channel = (await admin.post("/api/v1/channels/create", {"name": "other"}))["id"]
    path = f"/api/v1/channels/{channel}/messages"
    first = await bob.say(channel, "alpha beta")
    await bob.say(channel, "alpha reply", parent_id=first["id"])
    await bob.say(channel, "alpha stays")
    assert await found(bob, "alpha") == ["alpha stays", "alpha reply", "alpha beta"]
    await bob.post(f"{path}/{first['id']}/update", {"content": "alpha gamma"})
    assert (await found(bob, "beta"), await found(bob, "gamma")) == ([], ["alpha gamma"])
    await bob.post(f"{path}/{first['id']}/reactions/add", {"name": "wave"})
    await bob.delete(f"{path}/{first['id']}/delete")
    assert await found(bob, "alpha") == ["alpha stays"]
    await admin.delete(f"/api/v1/channels/{channel}/delete")
    assert await found(bob, "alpha") == []


@on_both_databases
async def test_findings_are_read_on_from_the_last_one_seen(bob: Person, cleo: Person) -> None:
    """Whatever comes or goes meanwhile, none is missed and none comes twice."""
    general = await bob.general()
    said = [await bob.say(general, f"word {number}") for number in range(7)]
    first = await bob.get(PATH, params={"query": "word", "limit": "3"})
    assert [one["content"] for one in first] == ["word 6", "word 5", "word 4"]
    await cleo.say(general, "word new")
    await bob.delete(f"/api/v1/channels/{general}/messages/{said[4]['id']}/delete")
    rest = await found(bob, "word", before=first[-1]["id"], limit=100)
    assert rest == ["word 3", "word 2", "word 1", "word 0"]
    assert (await bob.ask("GET", PATH, params={"query": "word", "before": "nothing"})).status == 404
    assert (await bob.ask("GET", PATH, params={"query": "word", "limit": "1000"})).status == 422
    assert (await bob.ask("GET", PATH)).status == 422


async def test_a_finding_shows_where_the_words_stand(bob: Person) -> None:
    """A line around the first of them, with mentions as people read them."""
    general = await bob.general()
    await bob.say(general, "filler " * 100 + "<@U:1|Ada> the\n\nNeedles of a needle " + "filler " * 100)
    (one,) = await bob.get(PATH, params={"query": "needle"})
    assert "@Ada the Needles of a needle" in one["snippet"]
    assert len(one["snippet"]) <= SNIPPET + 2
    assert one["snippet"].startswith("…")
    assert one["snippet"].endswith("…")
    assert [one["snippet"][start:end] for start, end in one["highlights"]] == ["Needles", "needle"]
    assert one["user"]["name"] == "Bob"


@pytest.mark.parametrize(
    ("query", "content", "shown"),
    [
        ("a", "a b", ["a"]),
        ('"b c"', "a b-c d", ["b-c"]),
        ("x", "nothing of it", []),
        ("long", "l" * 1000 + " longest", ["longest"]),
        ("(", "a (b", []),
    ],
)
def test_a_snippet_marks_what_was_looked_for(query: str, content: str, shown: list[str]) -> None:
    """Short texts whole, long ones cut."""
    terms = terms_in(query)
    piece, marks = snippet(content, terms) if terms else (content, [])
    assert [piece[start:end] for start, end in marks] == shown


@on_both_databases
async def test_a_restored_database_finds_what_the_backup_held(
    server: Server, bob: Person, tmp_path: Path
) -> None:
    """And nothing that was said since; in the database that it came from and in an empty one."""
    general = await bob.general()
    first = await bob.say(general, "early words")
    await bob.post(f"/api/v1/channels/{general}/messages/{first['id']}/update", {"content": "edited words"})
    file, shelf = tmp_path / "all.backup", Shelf(tmp_path / "data" / FOLDER)
    database = server.state.database
    await take_backup(database, shelf, file, version="1", progress=lambda *_: None)
    await bob.say(general, "later words")
    await bob.delete(f"/api/v1/channels/{general}/messages/{first['id']}/delete")
    await restore(database, shelf, file, replace=True, progress=lambda *_: None)
    await bob.say(general, "new words")
    assert await found(bob, "words") == ["new words", "edited words"]
    assert await found(bob, "early") == []
    await index_is_sound(database)
    other = await asyncio.to_thread(Database, f"sqlite:///{tmp_path / 'other.db'}")
    try:
        await other.migrate()
        await restore(other, Shelf(tmp_path / "other"), file, replace=False, progress=lambda *_: None)
        async with other.read() as connection:
            query = text("SELECT count(*) FROM message_words WHERE message_words MATCH 'edited'")
            assert (await connection.execute(query)).scalar() == 1
        await index_is_sound(other)
    finally:
        await other.close()


async def index_is_sound(database: Database) -> None:
    """Let FTS5 compare its index with the messages; PostgreSQL's is part of the table."""
    if database.url.startswith("sqlite"):
        async with database.write() as connection:
            check = "INSERT INTO message_words (message_words, rank) VALUES ('integrity-check', 1)"
            await connection.execute(text(check))


@on_both_databases
async def test_what_was_said_before_the_index_was_there_is_found(database_url: str, tmp_path: Path) -> None:
    """A database of an earlier release is indexed as it is brought up to date."""
    from antiphon.server.storage.migrations.upgrade import upgrade

    def fill(connection: Any) -> None:
        upgrade(connection, "0005")
        for statement in (
            "INSERT INTO channels (id, user_id, name, created_at, updated_at) VALUES ('c', 'u', 'c', 1, 1)",
            """
            INSERT INTO messages (id, channel_id, user_id, content, is_pinned, created_at, updated_at)
            VALUES ('m', 'c', 'u', 'an old saying', false, 1, 1)
            """,
        ):
            connection.execute(text(statement))

    database = await asyncio.to_thread(Database, database_url)
    try:
        async with database.write() as connection:
            await connection.run_sync(fill)
        await database.migrate()
        where = (
            "id IN (SELECT message_id FROM message_index WHERE number IN "
            "(SELECT rowid FROM message_words WHERE message_words MATCH 'saying'))"
            if database_url.startswith("sqlite")
            else "antiphon_words(content) @@ to_tsquery('simple', 'saying')"
        )
        async with database.read() as connection:
            rows = await connection.execute(text(f"SELECT id FROM messages WHERE {where}"))
            assert rows.scalars().all() == ["m"]
        await index_is_sound(database)
    finally:
        await database.close()
