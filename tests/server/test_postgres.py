"""The server on PostgreSQL, as a process of its own: people, a model, a kill, and a database that goes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from tests.postgres import PostgresServer
from tests.processes import AntiphonProcess, inherited_environment
from tests.server.runs.talking import form, window_of
from tests.server.serving import PASSWORD, Person, serving

from antiphon.server.storage.database import Database, DatabaseUnusable


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    """The address of an empty database."""
    with postgres.database() as address:
        yield address


@pytest.fixture
def running(tmp_path: Path, url: str) -> Iterator[AntiphonProcess]:
    """`antiphon serve` with its data there, the address spelled as Open WebUI's users often have it."""
    spelled = url.replace("postgresql://", "postgres://")
    env = {"DATABASE_URL": spelled, "ANTIPHON_ELIZA_DELAY": "0"}
    with AntiphonProcess(tmp_path / "data", "serve", env=env) as process:
        yield process


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """Connections of the test's own."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


async def test_people_and_a_model_talk_and_a_kill_loses_nothing(
    running: AntiphonProcess, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Sign-up, messages told once and stored once, reactions, unread, an answer streamed and kept; all of it
    is there after SIGKILL, and nothing was kept beside the database.
    """
    ada, bob = await signed_up(running.url, http, "Ada"), await signed_up(running.url, http, "Bob")
    general = await bob.general()
    window = await window_of(bob)
    first = await ada.say(general, "Grüße 👋", temp_id="once")
    again = await ada.say(general, "Grüße 👋", temp_id="once")
    assert again["id"] == first["id"]
    path = f"/api/v1/channels/{general}/messages"
    assert await bob.post(f"{path}/{first['id']}/reactions/add", {"name": "wave"}) is True
    await window.next("events:channel", "message:reaction:add")
    assert [event["data"]["data"]["content"] for event in window.of("events:channel", "message")] == [
        "Grüße 👋"
    ]
    assert await unread(bob, general) == 1
    assert await unread(ada, general) == 0

    asked = form("eliza", "I am sad", session_id=window.sid)
    accepted = await bob.post("/api/chat/completions", asked)
    async with asyncio.timeout(10):
        while all(event["data"]["data"]["active"] for event in window.of("events", "chat:active")):
            await window.wait()
    pieces = [
        event["data"]["data"]["delta"]
        for event in window.of("events", "response:completion")
        if str(event["data"]["data"].get("type", "")).endswith(".delta")
    ]
    chat = await bob.get(f"/api/v1/chats/{accepted['chat_id']}")
    answered = chat["chat"]["history"]["messages"][asked["id"]]
    assert answered["done"] is True
    assert answered["content"] == "".join(pieces) != ""
    await window.close()

    await asyncio.to_thread(running.restart)
    assert not list((tmp_path / "data").glob("*.db*"))
    assert (await ada.say(general, "Grüße 👋", temp_id="once"))["id"] == first["id"]
    assert await unread(bob, general) == 1
    (kept,) = await bob.get(path)
    assert (kept["content"], [one["name"] for one in kept["reactions"]]) == ("Grüße 👋", ["wave"])
    assert (await bob.get(f"/api/v1/chats/{accepted['chat_id']}"))["chat"] == chat["chat"]


async def test_a_forgotten_password_is_set_while_the_server_runs(
    running: AntiphonProcess, http: aiohttp.ClientSession
) -> None:
    """The command and the server share the database."""
    await signed_up(running.url, http, "Ada")
    command = [sys.executable, "-m", "antiphon", "user", "password", "ada@example.com", "--stdin"]
    done = await asyncio.to_thread(
        lambda: subprocess.run(
            [*command, "--data-dir", running.data_dir],
            input="another good one\n",
            env={**inherited_environment(), **running.env},
            capture_output=True,
            text=True,
            check=False,
        )
    )
    assert (done.returncode, done.stderr) == (0, "")
    nobody = Person(running.url, http)
    old = {"email": "ada@example.com", "password": PASSWORD}
    assert (await nobody.ask("POST", "/api/v1/auths/signin", old)).status == 400
    await nobody.post("/api/v1/auths/signin", {**old, "password": "another good one"})


async def test_connections_that_the_database_closed_are_replaced(
    tmp_path: Path, url: str, postgres: PostgresServer
) -> None:
    """After a restart of PostgreSQL the next request is answered, not the one after the failures."""
    async with serving(tmp_path / "data", database_url=url) as server:
        ada = await server.sign_up("Ada")
        general = await ada.general()
        await asyncio.gather(*(ada.get("/api/v1/channels/") for _ in range(4)))
        assert await asyncio.to_thread(postgres.end_connections, url.rpartition("/")[2])
        await ada.say(general, "still here")
        assert [one["content"] for one in await ada.get(f"/api/v1/channels/{general}/messages")] == [
            "still here"
        ]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("/antiphon_", "/nowhere_"), "does not exist"),
        (("p%40ss", "guess"), "password authentication failed"),
        (("@127.0.0.1:", "@127.0.0.1:1/x?port="), "Connect call failed"),
    ],
    ids=["no such database", "wrong password", "nobody there"],
)
async def test_a_database_that_does_not_let_us_in_is_named_without_its_password(
    tmp_path: Path, url: str, wrong: tuple[str, str], said: str
) -> None:
    """The start ends with one line that says where and why."""
    database = Database(url.replace(*wrong))
    with pytest.raises(DatabaseUnusable) as caught:
        await database.migrate()
    await database.close()
    line = str(caught.value)
    assert line.startswith("the database postgresql://antiphon:***@127.0.0.1")
    assert said in line
    assert "\n" not in line
    assert "guess" not in line
    assert "p%40ss" not in line


async def signed_up(url: str, http: aiohttp.ClientSession, name: str) -> Person:
    """A new account."""
    account = {"name": name, "email": f"{name.lower()}@example.com", "password": PASSWORD}
    return Person(url, http, await Person(url, http).post("/api/v1/auths/signup", account))


async def unread(person: Person, channel_id: str) -> int:
    """How much the list of channels says is unread in one of them."""
    channels = await person.get("/api/v1/channels/")
    return next(int(one["unread_count"]) for one in channels if one["id"] == channel_id)
