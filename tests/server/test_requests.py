"""Every refusal is JSON with a sentence; what the server says of itself."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from tests.server.serving import Person, Server, serving

from antiphon.wire import ServerConfig, Version


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/auths/signin", b""),
        ("/api/v1/auths/signin", b"{"),
        ("/api/v1/auths/signin", b"email=a&password=b"),
        ("/api/v1/auths/signin", b"[]"),
        ("/api/v1/auths/signin", b"null"),
        ("/api/v1/auths/signin", b'"text"'),
        ("/api/v1/auths/signin", b'{"email": 5, "password": true}'),
        ("/api/v1/auths/signin", b'{"email": "a@b.c"}'),
        ("/api/v1/auths/signup", b'{"email": "a@b.c", "password": {"a": 1}, "name": []}'),
        ("/api/v1/auths/signin", b"\xff\xfe\x00"),
        ("/api/v1/users/user/settings/update", b"5"),
        ("/api/v1/users/default/permissions", b"[]"),
        ("/api/v1/channels/create", b"true"),
    ],
)
async def test_a_body_that_is_none_gets_a_sentence(
    server: Server, admin: Person, path: str, body: bytes
) -> None:
    """No body, no JSON, another type than the address takes: 4xx and one readable string."""
    async with server.http.post(
        server.url + path,
        data=body,
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {admin.token}"},
    ) as answer:
        assert answer.status in {400, 422}
        detail = (await answer.json())["detail"]
    assert isinstance(detail, str)
    assert detail.endswith(".") or " " in detail
    assert (await server.nobody.get("/health")) == {"status": True}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/api/v1/notes/", 404),
        ("PUT", "/api/v1/channels/", 405),
        ("DELETE", "/health", 405),
        ("GET", "/api/v1/channels/none", 404),
        ("GET", "/api/v1/channels/none/messages", 404),
        ("DELETE", "/api/v1/channels/none/delete", 404),
        ("GET", "/api/v1/users/none", 404),
    ],
)
async def test_what_is_not_there_is_said_in_json(admin: Person, method: str, path: str, status: int) -> None:
    """Unknown paths, methods and ids."""
    answer = await admin.ask(method, path)
    assert answer.status == status
    assert isinstance(answer.detail, str)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/channels/"),
        ("GET", "/api/v1/auths/"),
        ("GET", "/api/v1/users/search"),
        ("POST", "/api/v1/channels/create"),
        ("GET", "/api/v1/users/user/settings"),
        ("GET", "/api/v1/auths/admin/config"),
        ("GET", "/api/usage"),
    ],
)
async def test_nobody_gets_anything_without_a_token(
    server: Server, admin: Person, method: str, path: str
) -> None:
    """401 and the protocol's own words."""
    answer = await server.nobody.ask(method, path, {} if method == "POST" else None)
    assert (answer.status, answer.detail) == (401, "Not authenticated")


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("most", [2, 16])
async def test_a_body_beyond_the_bound_is_refused(
    server: Server, bob: Person, declared: bool, most: int
) -> None:
    """Whether or not it says its length first; a chat may hold more than a message. The server goes on."""
    general = await bob.general()
    size = (most + 1) * 1024 * 1024
    path = "/api/v1/chats/new" if most == 16 else f"/api/v1/channels/{general}/messages/post"

    async def parts() -> Any:
        for _ in range(size // 65_536):
            yield b"x" * 65_536

    async with server.http.post(
        server.url + path,
        data=io.BytesIO(b"x" * size) if declared else parts(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {bob.token}"},
    ) as answer:
        assert answer.status == 413
        assert f"{most} MiB" in (await answer.json())["detail"]
    await bob.say(general, "still here")


async def test_a_failure_of_ours_is_told_without_its_inside(
    server: Server, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """500 and a sentence; the trace goes to the log."""

    async def broken(_user_id: str) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(server.state.principals, "of_id", broken)
    form = {"email": "bob@example.com", "password": "a-good-password"}
    answer = await server.nobody.ask("POST", "/api/v1/auths/signin", form)
    assert answer.status == 500
    assert "secret" not in json.dumps(answer.body)


async def test_the_server_says_which_protocol_and_build_it_is(server: Server, admin: Person) -> None:
    """A client compares version and build on every connect, and reloads when one differs."""
    first, second = [await server.nobody.get("/api/version") for _ in range(2)]
    assert first == second
    version = Version.load(first)
    assert (version.version, set(first)) == ("0.12.4", {"version", "deployment_id", "antiphon"})
    assert version.deployment_id
    config = await server.nobody.get("/api/config")
    assert "permissions" not in config
    assert "websocket_heartbeat_interval" not in config["features"]
    assert "enable_channels" not in config["features"]
    signed_in = ServerConfig.load(await admin.get("/api/config"))
    assert signed_in.features.enable_channels is True
    assert signed_in.features.websocket is True


async def test_the_heartbeat_interval_is_told_when_it_is_set(tmp_path: Path) -> None:
    """Else the client's own 30 s hold."""
    async with serving(tmp_path / "data", websocket_heartbeat_interval=10) as server:
        assert (await server.nobody.get("/api/config"))["features"]["websocket_heartbeat_interval"] == 10


async def test_a_socket_is_told_how_often_it_will_be_pinged(tmp_path: Path) -> None:
    """A client knows by it after how much silence the link is dead; settings scale it."""
    async with serving(tmp_path / "data", websocket_ping_interval=3, websocket_ping_timeout=2) as server:
        path = "/ws/socket.io/?EIO=4&transport=polling"
        async with server.nobody.http.get(server.url + path) as answer:
            opened = json.loads((await answer.text())[1:])
        assert (opened["pingInterval"], opened["pingTimeout"]) == (3000, 2000)


async def test_a_0_6_client_gets_what_it_expects(tmp_path: Path) -> None:
    """Dialect 0.6: `access_control` beside the grants, and data whole in lists."""
    async with serving(tmp_path / "data", dialect="0.6") as server:
        ada = await server.sign_up("Ada")
        general = await ada.general()
        assert (await ada.get(f"/api/v1/channels/{general}"))["access_control"] is None
        await ada.say(general, "look", data={"files": [1]})
        assert (await ada.get(f"/api/v1/channels/{general}/messages"))[0]["data"] == {"files": [1]}
        closed = {"read": {"user_ids": [], "group_ids": []}, "write": {"user_ids": [], "group_ids": []}}
        changed = await ada.post(
            f"/api/v1/channels/{general}/update", {"name": "g", "access_control": closed}
        )
        assert changed["access_control"] == closed
        changed = await ada.post(f"/api/v1/channels/{general}/update", {"name": "g", "access_control": None})
        assert changed["access_control"] is None
