"""API keys: who may have one, what it opens, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from tests.postgres import on_both_databases
from tests.server.serving import PASSWORD, Person, Server, Socket

from antiphon.server.storage.tables.accounts import api_keys

pytestmark = on_both_databases

PATH = "/api/v1/auths/api_key"


@pytest.fixture
async def keys_on(admin: Person) -> None:
    """Keys are switched on, for everyone."""
    await admin.post("/api/v1/auths/admin/config", {"ENABLE_API_KEYS": True})
    await admin.post("/api/v1/users/default/permissions", {"features": {"api_keys": True}})


def with_key(server: Server, person: Person, key: str) -> Person:
    """A program that asks in a person's name."""
    return Person(server.url, server.http, {"id": person.id, "token": key})


async def stored(server: Server) -> list[Any]:
    """The rows of the table."""
    async with server.state.database.read() as connection:
        return list((await connection.execute(select(api_keys))).all())


@pytest.mark.usefixtures("keys_on")
async def test_a_key_opens_rest_and_socket_in_its_persons_name(server: Server, bob: Person) -> None:
    """As bearer, like a token; in the socket's handshake too."""
    key = (await bob.post(PATH))["api_key"]
    assert key.startswith("sk-")
    program = with_key(server, bob, key)
    assert (await program.get("/api/v1/auths/"))["id"] == bob.id
    said = await program.say(await bob.general(), "from a program")
    assert said["user_id"] == bob.id
    window = await program.connect()
    await bob.say(await bob.general(), "heard by a program")
    await window.next("events:channel", "message")
    await window.close()


@pytest.mark.usefixtures("keys_on")
async def test_only_the_hash_of_a_key_is_stored(server: Server, bob: Person) -> None:
    """Whoever reads the database cannot ask in anybody's name; the key is told once."""
    key = (await bob.post(PATH))["api_key"]
    [row] = await stored(server)
    assert key not in str(row)
    shown = (await bob.get(PATH))["api_key"]
    assert shown == key[:11] + "…"
    assert (await with_key(server, bob, shown.rstrip("…")).ask("GET", "/api/v1/auths/")).status == 401


@pytest.mark.usefixtures("keys_on")
async def test_a_key_is_no_cookie_and_no_session(server: Server, bob: Person) -> None:
    """A browser is not left with it, and signing out does not end it."""
    program = with_key(server, bob, (await bob.post(PATH))["api_key"])
    answer = await program.ask("GET", "/api/v1/auths/")
    assert "Set-Cookie" not in answer.headers
    await program.post("/api/v1/auths/signout")
    assert (await program.get("/api/v1/auths/"))["id"] == bob.id


@pytest.mark.usefixtures("keys_on")
@pytest.mark.parametrize("way", ["taken back", "made anew"])
async def test_a_key_ends_for_good_with_its_sockets(server: Server, bob: Person, way: str) -> None:
    """W-70: what a key opened closes with it; sockets of sessions stay."""
    program, own = with_key(server, bob, (await bob.post(PATH))["api_key"]), await bob.connect()
    window = await program.connect()
    await window.settle()
    if way == "taken back":
        assert await bob.delete(PATH) is True
        assert (await bob.ask("GET", PATH)).status == 404
        assert await stored(server) == []
    else:
        assert (await bob.post(PATH))["api_key"] != program.token
        assert len(await stored(server)) == 1
    await window.gone.wait()
    await own.settle()
    refused = await program.ask("GET", "/api/v1/auths/")
    assert (refused.status, "API key" in refused.detail) == (401, True)
    late = Socket(server.http)
    await late.open(server.url, {"token": program.token})
    assert server.state.live.rooms_of_session(late.sid) == frozenset()
    await late.close()
    await window.close()


async def test_whoever_may_not_have_a_key_gets_none(server: Server, admin: Person, bob: Person) -> None:
    """Off at first; then for administrators, and for others with the permission."""
    assert (await admin.ask("POST", PATH)).status == 403
    assert (await server.nobody.get("/api/config"))["features"]["enable_api_keys"] is False
    await admin.post("/api/v1/auths/admin/config", {"ENABLE_API_KEYS": True})
    assert (await server.nobody.get("/api/config"))["features"]["enable_api_keys"] is True
    assert (await bob.ask("POST", PATH)).status == 403
    assert (await admin.post(PATH))["api_key"]
    assert (await server.nobody.ask("POST", PATH)).status == 401
    refused = await admin.ask("POST", "/api/v1/auths/admin/config", {"ENABLE_API_KEYS": None})
    assert refused.status == 400


@pytest.mark.usefixtures("keys_on")
@pytest.mark.parametrize("switch", ["everything", "permission", "role"])
async def test_a_key_stops_counting_when_keys_are_switched_off(
    server: Server, admin: Person, bob: Person, switch: str
) -> None:
    """For everyone, for everyone who is no administrator, or for an account that has to wait again."""
    program = with_key(server, bob, (await bob.post(PATH))["api_key"])
    window = await program.connect()
    await window.settle()
    if switch == "everything":
        await admin.post("/api/v1/auths/admin/config", {"ENABLE_API_KEYS": False})
    elif switch == "permission":
        await admin.post("/api/v1/users/default/permissions", {"features": {"api_keys": False}})
    else:
        await admin.post("/api/v1/users/update/role", {"id": bob.id, "role": "pending"})
    await window.gone.wait()
    assert (await program.ask("GET", "/api/v1/auths/")).status == 401
    await window.close()


@pytest.mark.usefixtures("keys_on")
async def test_a_new_password_leaves_the_key(server: Server, bob: Person) -> None:
    """It ends sessions; programs go on until their key is taken back."""
    program = with_key(server, bob, (await bob.post(PATH))["api_key"])
    form = {"password": PASSWORD, "new_password": "another-good-password"}
    await bob.post("/api/v1/auths/update/password", form)
    assert (await program.get("/api/v1/auths/"))["id"] == bob.id


@pytest.mark.usefixtures("keys_on")
@pytest.mark.parametrize("text", ["sk-", "sk-" + "0" * 64, "sk-\udcff", "SK-x", "sk-" + "x" * 9_000])
async def test_what_is_no_key_opens_nothing(server: Server, bob: Person, text: str) -> None:
    """Whatever is sent as one, by header or by socket."""
    assert await server.state.principals.of_token(text) is None
    if text.isascii() and len(text) < 8_000:
        assert (await with_key(server, bob, text).ask("GET", "/api/v1/auths/")).status == 401
