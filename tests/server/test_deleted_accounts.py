"""Deleting an account: what ends, what goes, and what stays."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import func, select
from tests.postgres import on_both_databases
from tests.server.runs.talking import talking
from tests.server.serving import PASSWORD, Person, Server, Socket

from antiphon.server.storage.tables.accounts import api_keys
from antiphon.server.storage.tables.channels import access_grants
from antiphon.server.storage.tables.chats import chat_messages, chats, runs
from antiphon.server.storage.tables.files import files

pytestmark = on_both_databases


async def upload(person: Person, content: bytes) -> str:
    """A file of this person's."""
    form = aiohttp.FormData()
    form.add_field("file", content, filename="notes.txt")
    return str((await person.ask("POST", "/api/v1/files/", data=form)).body["id"])


async def rows(server: Server, table: Any) -> int:
    """How many rows a table has."""
    async with server.state.database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def test_w70_a_deleted_account_is_out_at_once(server: Server, admin: Person, bob: Person) -> None:
    """W-70: its sockets are closed, its token and password open nothing; other people's go on."""
    window, other = await bob.connect(), await admin.connect()
    assert await admin.delete(f"/api/v1/users/{bob.id}") is True
    async with asyncio.timeout(10):
        await window.gone.wait()
    await other.settle()
    assert (await bob.ask("GET", "/api/v1/auths/")).status == 401
    form = {"email": "bob@example.com", "password": PASSWORD}
    assert (await server.nobody.ask("POST", "/api/v1/auths/signin", form)).status == 400
    late = Socket(server.http)
    await late.open(server.url, {"token": bob.token})
    assert server.state.live.rooms_of_session(late.sid) == frozenset()
    assert (await admin.ask("GET", f"/api/v1/users/{bob.id}")).status == 404
    assert (await admin.ask("DELETE", f"/api/v1/users/{bob.id}")).status == 404
    await late.close()
    await window.close()


async def test_what_was_said_stays_and_what_was_private_goes(
    server: Server, admin: Person, bob: Person
) -> None:
    """Messages and shared files are everyone's; chats, keys and other files were the person's alone."""
    await admin.post("/api/v1/auths/admin/config", {"ENABLE_API_KEYS": True})
    await admin.post("/api/v1/users/default/permissions", {"features": {"api_keys": True}})
    general = await bob.general()
    shared, private = await upload(bob, b"for all"), await upload(bob, b"for me")
    said = await bob.say(general, "I was here", data={"files": [{"type": "file", "id": shared}]})
    await bob.post("/api/v1/chats/new", {"chat": {"title": "mine", "models": ["eliza"]}})
    await bob.post("/api/v1/auths/api_key")
    await admin.delete(f"/api/v1/users/{bob.id}")
    [message] = await admin.get(f"/api/v1/channels/{general}/messages")
    assert (message["id"], message["content"]) == (said["id"], "I was here")
    assert message["user"] == {"id": bob.id, "name": "", "role": "user"}
    assert (await admin.ask("GET", f"/api/v1/files/{shared}/content")).body == "for all"
    assert (await admin.ask("GET", f"/api/v1/files/{private}")).status == 404
    assert not server.state.files.path(private).exists()
    assert [await rows(server, table) for table in (chats, chat_messages, api_keys, files)] == [0, 0, 0, 1]


async def test_an_answer_that_is_being_written_ends(tmp_path: Path, database_url: str) -> None:
    """No run goes on for somebody who is gone, and none is left of it."""
    async with talking(tmp_path / "talk", database_url=database_url) as talk:
        bob = await talk.server.sign_up("Bob")
        await talk.person.post("/api/v1/users/update/role", {"id": bob.id, "role": "admin"})
        asked = await talk.ask("held")
        await asked.until("response:completion", type="response.output_text.delta")
        async with asyncio.timeout(5):
            await bob.delete(f"/api/v1/users/{talk.person.id}")
        assert talk.server.state.runs.open_runs() == []
        assert await rows(talk.server, runs) == 0
        await talk.window.gone.wait()


async def test_channels_and_conversations_stay_those_of_the_others(
    server: Server, admin: Person, bob: Person, cleo: Person
) -> None:
    """A conversation with somebody who is gone does not become one with oneself; grants are no more."""
    direct = await cleo.get(f"/api/v1/channels/users/{bob.id}")
    group = await bob.post("/api/v1/channels/create", {"name": "g", "type": "group", "user_ids": [cleo.id]})
    grants = [{"principal_type": "user", "principal_id": bob.id, "permission": "read"}]
    await admin.post("/api/v1/channels/create", {"name": "n", "access_grants": grants})
    before = await rows(server, access_grants)
    await cleo.say(direct["id"], "are you there?")
    await admin.delete(f"/api/v1/users/{bob.id}")
    assert await rows(server, access_grants) == before - 1
    assert {group["id"], direct["id"]} <= {one["id"] for one in await cleo.get("/api/v1/channels/")}
    await cleo.say(direct["id"], "no")
    await cleo.say(group["id"], "he is gone")
    members = await cleo.get(f"/api/v1/channels/{group['id']}/members")
    assert [one["id"] for one in members["users"]] == [cleo.id]
    assert (await cleo.get(f"/api/v1/channels/users/{cleo.id}"))["id"] != direct["id"]


async def test_only_administrators_delete_and_never_the_last_of_them(
    server: Server, admin: Person, bob: Person, cleo: Person
) -> None:
    """Not oneself either, as long as nobody else could go on."""
    assert (await bob.ask("DELETE", f"/api/v1/users/{cleo.id}")).status == 403
    assert (await bob.ask("DELETE", f"/api/v1/users/{bob.id}")).status == 403
    assert (await server.nobody.ask("DELETE", f"/api/v1/users/{cleo.id}")).status == 401
    refused = await admin.ask("DELETE", f"/api/v1/users/{admin.id}")
    assert (refused.status, "last administrator" in refused.detail) == (400, True)
    await admin.post("/api/v1/users/update/role", {"id": bob.id, "role": "admin"})
    both = await asyncio.gather(
        admin.ask("DELETE", f"/api/v1/users/{bob.id}"), bob.ask("DELETE", f"/api/v1/users/{admin.id}")
    )
    assert sorted(answer.status for answer in both) in ([200, 400], [200, 401])
    left = await (admin if both[0].status == 200 else bob).get("/api/v1/users/all")
    assert sorted(one["role"] for one in left["users"]) == ["admin", "user"]


async def test_the_address_is_free_again_for_somebody_new(server: Server, admin: Person, bob: Person) -> None:
    """A new account of the same address is another person."""
    await admin.delete(f"/api/v1/users/{bob.id}")
    again = await server.sign_up("Bob")
    assert again.id != bob.id
    assert (await bob.ask("GET", "/api/v1/auths/")).status == 401
