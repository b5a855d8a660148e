"""The people of a measurement: an administrator, users, and their channels, all made over REST."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bench.failure import BenchError
from bench.target import Server

REQUEST_LIMIT = aiohttp.ClientTimeout(total=60)
# What a row of a channel looks like: some words, some Markdown, as people write it.
ROW = (
    "Row {n:02d} of the page: the quick brown fox jumps over the lazy dog, *twice*, "
    "and then reports in `code` what it saw. "
    "See [the notes](https://example.org/notes/{n}) for the rest."
)


@dataclass(frozen=True, slots=True)
class Person:
    """One account."""

    id: str
    name: str
    email: str
    password: str
    token: str


class Rest:
    """A person's requests to one server; an unexpected status is a BenchError that quotes the answer."""

    def __init__(self, url: str, http: aiohttp.ClientSession, token: str | None = None) -> None:
        self.url = url
        self.http = http
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """One JSON request; the decoded answer."""
        try:
            async with self.http.request(
                method, self.url + path, json=body, headers=self.headers
            ) as response:
                if response.status >= 400:
                    text = (await response.text())[:300]
                    raise BenchError(f"{method} {path}: {response.status} {text}")
                return await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise BenchError(f"{method} {path}: {type(error).__name__} {error}") from None

    async def get(self, path: str) -> Any:
        """A GET request."""
        return await self.call("GET", path)

    async def post(self, path: str, body: object) -> Any:
        """A POST request."""
        return await self.call("POST", path, body)


@dataclass(slots=True)
class Accounts:
    """The people on one server, with their open HTTP session."""

    server: Server
    http: aiohttp.ClientSession
    admin: Person
    people: list[Person] = field(default_factory=list)
    channels: dict[str, str] = field(default_factory=dict)

    def rest(self, person: Person) -> Rest:
        """Requests in this person's name."""
        return Rest(self.server.url, self.http, person.token)

    def tokens(self, count: int) -> list[str]:
        """`count` tokens, the people in turn: several sockets per person, as with several tabs."""
        return [self.people[n % len(self.people)].token for n in range(count)]

    async def channel(self, name: str) -> str:
        """The id of the bench's open channel of this name, made when it is missing."""
        if name not in self.channels:
            grants = [
                {"principal_type": "user", "principal_id": "*", "permission": p} for p in ("read", "write")
            ]
            form = {
                "name": f"bench-{name}-{secrets.token_hex(3)}",
                "description": "made by the bench",
                "access_grants": grants,  # 0.12
                "access_control": None,  # 0.6: everybody
            }
            made = await self.rest(self.admin).post("/api/v1/channels/create", form)
            self.channels[name] = made["id"]
        return self.channels[name]

    async def post(self, person: Person, channel: str, text: str) -> None:
        """Post one message."""
        body = {"temp_id": secrets.token_hex(8), "content": text, "data": {}, "meta": {}}
        await self.rest(person).post(f"/api/v1/channels/{channel}/messages/post", body)

    async def fill(self, channel: str, count: int, last: str) -> None:
        """Post `count` rows by all people in turn; the newest one starts with `last`."""
        for n in range(count):
            text = ROW.format(n=n + 1)
            if n == count - 1:
                text = f"{last} {text}"
            await self.post(self.people[n % len(self.people)], channel, text)

    async def clear(self) -> list[str]:
        """Delete what was made here, on a server that goes on living: channels, then people.

        Returns what could not be deleted, in sentences.
        """
        rest = self.rest(self.admin)
        left: list[str] = []
        for name, channel in self.channels.items():
            try:
                await rest.call("DELETE", f"/api/v1/channels/{channel}/delete")
            except BenchError as error:
                left.append(f"the channel {name!r} is still there: {error}")
        for person in self.people:
            try:
                await rest.call("DELETE", f"/api/v1/users/{person.id}")
            except BenchError as error:
                left.append(f"{len(self.people)} accounts *@bench.test are still there: {error}")
                break
        return left


async def _sign(rest: Rest, kind: str, body: dict[str, str]) -> Person:
    data = await rest.post(f"/api/v1/auths/{kind}", body)
    return Person(data["id"], data["name"], body["email"], body["password"], data["token"])


async def _open_doors(rest: Rest) -> None:
    """Let anybody sign up and use channels, where the server keeps that in its settings."""
    config = await rest.get("/api/v1/auths/admin/config")
    wanted = {"ENABLE_SIGNUP": True, "DEFAULT_USER_ROLE": "user", "ENABLE_CHANNELS": True}
    if any(key in config and config[key] != value for key, value in wanted.items()):
        await rest.post(
            "/api/v1/auths/admin/config", {**config, **{k: v for k, v in wanted.items() if k in config}}
        )
    permissions = await rest.get("/api/v1/users/default/permissions")
    if permissions.get("features", {}).get("channels") is False:
        permissions["features"]["channels"] = True
        await rest.post("/api/v1/users/default/permissions", permissions)


@asynccontextmanager
async def made(
    server: Server, count: int, admin: tuple[str, str] | None = None, *, left: list[str] | None = None
) -> AsyncIterator[Accounts]:
    """`count` people on a server: the first account of a fresh one runs it, else `admin` signs in.

    Addresses and passwords are drawn for this run. With `left`, channels and people are deleted at the end,
    and what could not be deleted is added to it.
    """
    # Servers close an idle connection after 5 s; one that we dropped before cannot be cut in mid-request.
    connector = aiohttp.TCPConnector(keepalive_timeout=2)
    async with aiohttp.ClientSession(timeout=REQUEST_LIMIT, connector=connector) as http:
        guest = Rest(server.url, http)
        run = secrets.token_hex(4)

        def form(name: str) -> dict[str, str]:
            return {
                "name": name,
                "email": f"{name.lower().replace(' ', '-')}-{run}@bench.test",
                "password": f"Bench-{secrets.token_urlsafe(12)}-7a",
                "profile_image_url": "/user.png",
            }

        if admin:
            chief = await _sign(guest, "signin", {"email": admin[0], "password": admin[1]})
        else:
            chief = await _sign(guest, "signup", form("Administrator"))
        accounts = Accounts(server, http, chief)
        try:
            await _open_doors(accounts.rest(chief))
            for n in range(count):
                accounts.people.append(await _sign(guest, "signup", form(f"Person {n + 1}")))
            yield accounts
        finally:
            if left is not None:
                left += await accounts.clear()
