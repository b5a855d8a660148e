"""Who may and who may not, for every address that the server has: a new one without a row here fails."""

from __future__ import annotations

import io
from typing import Any

import pytest
from tests.server.serving import PASSWORD, Person, Server

ANYONE = {"nobody", "pending", "other", "member", "owner", "admin"}
SIGNED_IN = ANYONE - {"nobody"}
PEOPLE = SIGNED_IN - {"pending"}
ADMIN = {"admin"}
MEMBERS = {"member", "owner"}
MANAGERS = {"owner", "admin"}
OWNER = {"owner"}

TURN = {"id": "q", "parentId": None, "role": "user", "content": "?", "childrenIds": []}
CHAT = {"chat": {"title": "a chat", "history": {"messages": {"q": TURN}, "currentId": "q"}}}
TAG = {"name": "a tag"}
TEXT = {"content": "text"}
C = "/api/v1/channels/{channel_id}"
M = C + "/messages/{message_id}"

WHO_MAY: dict[str, tuple[set[str], Any]] = {
    "GET /health": (ANYONE, None),
    "GET /ready": (ANYONE, None),
    "GET /api/version": (ANYONE, None),
    "GET /api/config": (ANYONE, None),
    "GET /api/usage": (PEOPLE, None),
    "POST /api/v1/auths/signup": (ANYONE, {}),
    "POST /api/v1/auths/signin": (ANYONE, {}),
    "GET /api/v1/auths/": (SIGNED_IN, None),
    "GET /api/v1/auths/signout": (ANYONE, None),
    "POST /api/v1/auths/signout": (ANYONE, None),
    "POST /api/v1/auths/update/password": (SIGNED_IN, {"password": "not this one", "new_password": PASSWORD}),
    "POST /api/v1/auths/add": (ADMIN, {}),
    "GET /api/v1/auths/admin/config": (ADMIN, None),
    "POST /api/v1/auths/admin/config": (ADMIN, {}),
    "GET /api/v1/users/": (ADMIN, None),
    "GET /api/v1/users/all": (ADMIN, None),
    "GET /api/v1/users/search": (PEOPLE, None),
    "GET /api/v1/users/user/settings": (PEOPLE, None),
    "POST /api/v1/users/user/settings/update": (PEOPLE, {}),
    "GET /api/v1/users/default/permissions": (ADMIN, None),
    "POST /api/v1/users/default/permissions": (ADMIN, {}),
    "POST /api/v1/users/update/role": (ADMIN, {"role": "user"}),
    "POST /api/v1/users/{user_id}/update": (ADMIN, {}),
    "DELETE /api/v1/users/{user_id}": (ADMIN, None),
    "GET /api/v1/users/{user_id}/active": (PEOPLE, None),
    "GET /api/v1/users/{user_id}": (PEOPLE, None),
    "GET /api/v1/channels/": (PEOPLE, None),
    "GET /api/v1/channels/list": (ADMIN, None),
    "GET /api/v1/channels/search": (PEOPLE, None),
    "POST /api/v1/channels/create": (ADMIN, {"name": "open to all"}),
    "GET /api/v1/channels/users/{user_id}": (PEOPLE, None),
    f"GET {C}": (MEMBERS, None),
    f"POST {C}/update": (MANAGERS, {"name": "another name"}),
    f"DELETE {C}/delete": (MANAGERS, None),
    f"GET {C}/members": (MEMBERS, None),
    f"POST {C}/members/active": (MEMBERS, {"is_active": True}),
    f"POST {C}/members/mute": (MEMBERS, {"is_channel_muted": True}),
    f"POST {C}/update/members/add": (MANAGERS, {"user_ids": []}),
    f"POST {C}/update/members/remove": (MANAGERS, {"user_ids": []}),
    f"POST {C}/messages/post": (MEMBERS, TEXT),
    f"GET {C}/messages": (MEMBERS, None),
    f"GET {C}/messages/pinned": (MEMBERS, None),
    f"GET {M}": (MEMBERS, None),
    f"GET {M}/data": (MEMBERS, None),
    f"GET {M}/thread": (MEMBERS, None),
    f"POST {M}/update": (OWNER, TEXT),
    f"POST {M}/pin": (MEMBERS, {"is_pinned": True}),
    f"POST {M}/reactions/add": (MEMBERS, {"name": "thumbsup"}),
    f"POST {M}/reactions/remove": (MEMBERS, {"name": "thumbsup"}),
    f"DELETE {M}/delete": (OWNER, None),
    "POST /api/v1/chats/tags": (PEOPLE, TAG),
    "POST /api/v1/chats/new": (PEOPLE, CHAT),
    "POST /api/v1/chats/import": (PEOPLE, []),
    "POST /api/v1/chats/{chat_id}": (OWNER, CHAT),
    "POST /api/v1/chats/{chat_id}/messages/{turn_id}": (OWNER, TEXT),
    "POST /api/v1/chats/{chat_id}/tags": (OWNER, TAG),
    "DELETE /api/v1/chats/{chat_id}/tags": (OWNER, TAG),
    "POST /api/v1/files/": (PEOPLE, None),
    "GET /api/v1/files/": (PEOPLE, None),
    "POST /api/chat/completions": (PEOPLE, {"model": "none", "messages": []}),
    "POST /api/v1/chat/completions": (PEOPLE, {"model": "none", "messages": []}),
    "POST /api/chat/completed": (PEOPLE, {}),
    "GET /api/tasks": (PEOPLE, None),
    "GET /api/tasks/chat/{chat_id}": (PEOPLE, None),
    "POST /api/tasks/stop/{task_id}": (PEOPLE, None),
    "POST /api/tasks/chat/{chat_id}/stop": (PEOPLE, None),
    "GET /api/models": (PEOPLE, None),
}
"""Method and path: who may, and a body that is none of the reasons to refuse."""
for _path in ("pinned", "all/tags", "list", "", "search", "archived", "all", "all/archived"):
    WHO_MAY[f"GET /api/v1/chats/{_path}"] = (PEOPLE, None)
for _path in ("archive/all", "unarchive/all"):
    WHO_MAY[f"POST /api/v1/chats/{_path}"] = (PEOPLE, None)
for _row in ("GET ", "DELETE ", "GET /pinned", "POST /pin", "POST /archive", "GET /tags"):
    _method, _, _path = _row.partition(" ")
    WHO_MAY[f"{_method} /api/v1/chats/{{chat_id}}{_path}"] = (OWNER, None)
WHO_MAY["DELETE /api/v1/chats/{chat_id}/messages/{turn_id}"] = (OWNER, None)
for _path in ("", "/content", "/content/{name}", "/thumbnail"):
    WHO_MAY[f"GET /api/v1/files/{{file_id}}{_path}"] = (MANAGERS, None)
WHO_MAY["DELETE /api/v1/files/{file_id}"] = (MANAGERS, None)
for _kind in ("openai", "ollama"):
    WHO_MAY[f"GET /{_kind}/config"] = (ADMIN, None)
    WHO_MAY[f"POST /{_kind}/config/update"] = (ADMIN, {"x": 1})
    WHO_MAY[f"POST /{_kind}/verify"] = (ADMIN, {"url": "no address"})
for _method in ("GET", "POST", "DELETE"):
    WHO_MAY[f"{_method} /api/v1/auths/api_key"] = (PEOPLE, None)


def addresses(server: Server) -> set[str]:
    """Every address of the app, those too that its document leaves out."""
    found = set()
    for included in server.app.api.routes:
        for route in getattr(getattr(included, "original_router", None), "routes", ()):
            path = route.path.replace("{message_id}", "{turn_id}") if "/chats/" in route.path else route.path
            found |= {f"{method} {path}" for method in route.methods - {"HEAD"}}
    return found


async def test_every_address_says_who_may(server: Server) -> None:
    """A new one without a row has not been thought about."""
    assert addresses(server) == set(WHO_MAY)
    assert len(WHO_MAY) > 80


class Everyone:
    """People on each side of each border, and what is the owner's."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.people: dict[str, Person] = {"nobody": server.nobody}

    async def come(self) -> None:
        """Make their accounts."""
        for name in ("admin", "other", "member", "owner"):
            self.people[name] = await self.server.sign_up(name)
        await self.people["admin"].post("/api/v1/auths/admin/config", {"DEFAULT_USER_ROLE": "pending"})
        self.people["pending"] = await self.server.sign_up("pending")
        await self.people["admin"].post(
            "/api/v1/auths/admin/config", {"DEFAULT_USER_ROLE": "user", "ENABLE_API_KEYS": True}
        )
        switches = {"features": {"api_keys": True}}
        await self.people["admin"].post("/api/v1/users/default/permissions", switches)
        self.user = await self.server.sign_up("somebody")

    async def ids(self, path: str) -> dict[str, str]:
        """The owner's own, made anew."""
        owner = self.people["owner"]
        ids = {"user_id": self.user.id, "task_id": "none", "turn_id": "q", "name": "a.txt"}
        if "{channel_id}" in path:
            form = {"name": "g", "type": "group", "user_ids": [self.people["member"].id]}
            ids["channel_id"] = (await owner.post("/api/v1/channels/create", form))["id"]
            ids["message_id"] = (await owner.say(ids["channel_id"], "hello"))["id"]
        if "{chat_id}" in path:
            ids["chat_id"] = (await owner.post("/api/v1/chats/new", CHAT))["id"]
        if "{file_id}" in path:
            kept = await self.server.http.post(
                f"{owner.url}/api/v1/files/",
                data={"file": io.BytesIO(b"text")},
                headers={"Authorization": f"Bearer {owner.token}"},
            )
            ids["file_id"] = (await kept.json())["id"]
        return ids


PARTS = ("auths", "users", "channels", "messages", "chats", "rest")


def part_of(path: str) -> str:
    """Which test an address belongs to."""
    for part in reversed(PARTS):
        if f"/{part}" in path:
            return part
    return "rest"


@pytest.mark.parametrize("part", PARTS)
async def test_whoever_may_is_let_in_and_nobody_else(server: Server, part: str) -> None:
    """401 for nobody, 403 for an account that waits, 403 or 404 for whoever it is not for; no refusal for
    the others.
    """
    everyone = Everyone(server)
    await everyone.come()
    wrong: list[str] = []
    for row, (allowed, body) in sorted(WHO_MAY.items(), key=lambda one: "DELETE /api/v1/users" in one[0]):
        method, path = row.split(" ", 1)
        if part_of(path) != part:
            continue
        for name in sorted(everyone.people, key=lambda one: one in allowed):
            who = everyone.people[name]
            ids = await everyone.ids(path)
            address = path.format_map(ids)
            said = {**body, "id": ids["user_id"]} if path.endswith("/update/role") else body
            if path.endswith("/signout"):
                form = {"email": f"{name}@example.com", "password": PASSWORD}
                signed_in = await server.nobody.ask("POST", "/api/v1/auths/signin", form)
                who = Person(server.url, server.http, signed_in.body if signed_in.status == 200 else None)
            answer = await who.ask(method, address, said)
            if name in allowed:
                # A picture that the file is not, and a key that was never made, are missing to everyone.
                missing = {404} if path.endswith(("/thumbnail", "/api_key")) else set()
                right = answer.status < 500 and answer.status not in {401, 403, 404} - missing
            else:
                right = answer.status in {"nobody": {401}, "pending": {403}}.get(name, {403, 404})
            if not right:
                wrong.append(f"{row} as {name}: {answer.status} {str(answer.body)[:200]}")
    assert wrong == []
