"""Signing up, in and out."""

from __future__ import annotations

import jwt
import pytest
from tests.postgres import on_both_databases
from tests.server.serving import PASSWORD, Person, Server

from antiphon.server.security import passwords

pytestmark = on_both_databases


async def test_the_first_account_is_the_administrator_and_finds_general(server: Server) -> None:
    """Whoever comes first rules, and has somewhere to write."""
    assert (await server.nobody.get("/api/config"))["onboarding"] is True
    ada = await server.sign_up("Ada")
    bob = await server.sign_up("Bob")
    assert (ada.session["role"], bob.session["role"]) == ("admin", "user")
    for person in (ada, bob):
        assert [channel["name"] for channel in await person.get("/api/v1/channels/")] == ["general"]
        await person.say(await person.general(), "hello")
    assert "onboarding" not in await server.nobody.get("/api/config")


async def test_a_session_says_what_the_original_says(server: Server, bob: Person) -> None:
    """The keys of a session user are those of the protocol."""
    sign_in = await server.nobody.post(
        "/api/v1/auths/signin", {"email": " BOB@Example.com ", "password": PASSWORD}
    )
    assert sign_in["id"] == bob.id
    assert set(sign_in) == {
        "id", "name", "role", "email", "profile_image_url",
        "token", "token_type", "expires_at", "permissions",
    }  # fmt: skip
    session = await bob.get("/api/v1/auths/")
    assert set(session) - set(sign_in) == {
        "status_emoji", "status_message", "status_expires_at", "bio", "gender", "date_of_birth",
    }  # fmt: skip
    assert session["permissions"]["features"]["channels"] is True
    claims = jwt.decode(bob.token, options={"verify_signature": False})
    assert claims["id"] == bob.id
    assert claims["jti"]


@pytest.mark.parametrize(
    ("form", "word"),
    [
        ({"email": "ada@example.com"}, "taken"),
        ({"email": "ADA@example.com "}, "taken"),
        ({"email": "nobody"}, "e-mail"),
        ({"password": "short"}, "at least 8"),
        ({"password": " " * 9}, "spaces"),
        ({"password": "x" * 1000}, "at most"),
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
    ],
)
async def test_a_bad_sign_up_says_what_is_wrong(
    server: Server, admin: Person, form: dict[str, str], word: str
) -> None:
    """Taken address, weak password, no name: each has its sentence, and no account is made."""
    good = {"name": "New", "email": "new@example.com", "password": PASSWORD}
    answer = await server.nobody.ask("POST", "/api/v1/auths/signup", good | form)
    assert answer.status == 400
    assert word in answer.detail
    assert (await admin.get("/api/v1/users/all"))["total"] == 1


async def test_an_unknown_address_costs_as_much_as_a_wrong_password(
    server: Server, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hash is worked out in both cases, with the same parameters, so that the time tells nothing."""
    hashes = []

    def noted(stored: str, password: str) -> bool:
        hashes.append(stored.rsplit("$", 2)[0])
        return verify(stored, password)

    verify = passwords._verify
    monkeypatch.setattr(passwords, "_verify", noted)
    for email in ("bob@example.com", "eve@example.com"):
        form = {"email": email, "password": "not-it-at-all"}
        assert (await server.nobody.ask("POST", "/api/v1/auths/signin", form)).status == 400
    assert len(hashes) == 2
    assert hashes[0] == hashes[1]


async def test_a_wrong_password_and_an_unknown_address_are_told_alike(server: Server, bob: Person) -> None:
    """Nobody learns from the answer who has an account."""
    wrong = await server.nobody.ask(
        "POST", "/api/v1/auths/signin", {"email": "bob@example.com", "password": "not-it-at-all"}
    )
    unknown = await server.nobody.ask(
        "POST", "/api/v1/auths/signin", {"email": "eve@example.com", "password": PASSWORD}
    )
    assert (wrong.status, wrong.body) == (unknown.status, unknown.body)
    assert wrong.status == 400
    assert "incorrect" in wrong.detail


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "eyJhbGciOiJub25lIn0.eyJpZCI6IngifQ."])
async def test_a_token_that_is_none_is_refused(server: Server, admin: Person, token: str) -> None:
    """Damaged and unsigned tokens open nothing."""
    answer = await server.nobody.ask("GET", "/api/v1/auths/", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 401
    assert isinstance(answer.detail, str)


async def test_an_expired_token_is_refused_with_a_sentence(server: Server, bob: Person) -> None:
    """A token's end is kept to."""
    token = server.state.principals.tokens
    token._lifetime = -1
    expired = token.issue(bob.id)
    answer = await server.nobody.ask(
        "GET", "/api/v1/auths/", headers={"Authorization": f"Bearer {expired.text}"}
    )
    assert answer.status == 401
    assert "sign in again" in answer.detail


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_signing_out_takes_the_token_back(server: Server, bob: Person, method: str) -> None:
    """After a sign-out (GET in 0.6.41, POST in 0.12.4) the token opens nothing, the other session goes on."""
    other = await server.nobody.post(
        "/api/v1/auths/signin", {"email": "bob@example.com", "password": PASSWORD}
    )
    assert (await bob.ask(method, "/api/v1/auths/signout")).body == {"status": True}
    assert (await bob.ask("GET", "/api/v1/auths/")).status == 401
    await Person(server.url, server.http, other).get("/api/v1/auths/")


async def test_a_new_password_ends_the_other_sessions(server: Server, bob: Person) -> None:
    """Whoever took the old password is out at once; the session that changed it goes on."""
    other = Person(
        server.url,
        server.http,
        await server.nobody.post("/api/v1/auths/signin", {"email": "bob@example.com", "password": PASSWORD}),
    )
    window = await other.connect()
    wrong = await bob.ask(
        "POST", "/api/v1/auths/update/password", {"password": "nope", "new_password": "another-one"}
    )
    assert wrong.status == 400
    weak = await bob.ask("POST", "/api/v1/auths/update/password", {"password": PASSWORD, "new_password": "x"})
    assert weak.status == 400
    form = {"password": PASSWORD, "new_password": "another-one"}
    assert await bob.post("/api/v1/auths/update/password", form) is True
    assert (await other.ask("GET", "/api/v1/auths/")).status == 401
    await window.gone.wait()
    await bob.get("/api/v1/auths/")
    again = await server.nobody.ask(
        "POST", "/api/v1/auths/signin", {"email": "bob@example.com", "password": PASSWORD}
    )
    assert again.status == 400
    new = await server.nobody.post(
        "/api/v1/auths/signin", {"email": "bob@example.com", "password": "another-one"}
    )
    await Person(server.url, server.http, new).get("/api/v1/auths/")


async def test_the_cookie_signs_in_too(server: Server, bob: Person) -> None:
    """Browsers get the token as a cookie that scripts cannot read."""
    answer = await server.nobody.ask(
        "POST", "/api/v1/auths/signin", {"email": "bob@example.com", "password": PASSWORD}
    )
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    session = await server.nobody.get("/api/v1/auths/", headers={"Cookie": f"token={bob.token}"})
    assert session["id"] == bob.id


async def test_sign_up_can_be_closed_and_roles_chosen(server: Server, admin: Person, bob: Person) -> None:
    """The administrator's switches, under the original's names, hold at once."""
    config = await admin.get("/api/v1/auths/admin/config")
    assert {"ENABLE_SIGNUP", "DEFAULT_USER_ROLE", "ENABLE_CHANNELS"} <= set(config)
    assert (await bob.ask("GET", "/api/v1/auths/admin/config")).status == 403
    changed = await admin.post("/api/v1/auths/admin/config", {**config, "ENABLE_SIGNUP": False})
    assert changed["ENABLE_SIGNUP"] is False
    form = {"name": "Eve", "email": "eve@example.com", "password": PASSWORD}
    refused = await server.nobody.ask("POST", "/api/v1/auths/signup", form)
    assert refused.status == 403
    assert "closed" in refused.detail
    assert (await server.nobody.get("/api/config"))["features"]["enable_signup"] is False
    added = await admin.post("/api/v1/auths/add", {**form, "role": "user"})
    assert added["role"] == "user"
    bad = await admin.ask("POST", "/api/v1/auths/admin/config", {"DEFAULT_USER_ROLE": "king"})
    assert bad.status == 400
    await admin.post("/api/v1/auths/admin/config", {"ENABLE_SIGNUP": True, "DEFAULT_USER_ROLE": "pending"})
    waiting = await server.sign_up("Wendy")
    assert waiting.session["role"] == "pending"
    assert (await waiting.ask("GET", "/api/v1/channels/")).status == 403
    assert (await waiting.get("/api/v1/auths/"))["role"] == "pending"
    await admin.post("/api/v1/users/update/role", {"id": waiting.id, "role": "user"})
    assert await waiting.get("/api/v1/channels/")


async def test_the_last_administrator_stays_one(admin: Person) -> None:
    """Nobody can lock everyone out."""
    answer = await admin.ask("POST", "/api/v1/users/update/role", {"id": admin.id, "role": "user"})
    assert answer.status == 400
    assert "last administrator" in answer.detail


async def test_people_are_found_for_pickers(admin: Person, bob: Person, cleo: Person) -> None:
    """Search by part of a name or address, with what a card shows; percent signs are letters."""
    found = await bob.get("/api/v1/users/search", params={"query": "cLe"})
    assert [one["name"] for one in found["users"]] == ["Cleo"]
    assert found["total"] == 1
    assert (await bob.get("/api/v1/users/search", params={"query": "%"}))["total"] == 0
    assert (await bob.get("/api/v1/users/search"))["total"] == 3
    assert (await bob.ask("GET", "/api/v1/users/")).status == 403
    assert (await admin.get("/api/v1/users/"))["total"] == 3
    assert (await bob.get(f"/api/v1/users/{cleo.id}"))["name"] == "Cleo"
    assert (await bob.ask("GET", "/api/v1/users/nobody/active")).status == 404


async def test_settings_are_kept_per_person(bob: Person, cleo: Person) -> None:
    """Null until they are set, then as they were set."""
    assert await bob.get("/api/v1/users/user/settings") is None
    await bob.post("/api/v1/users/user/settings/update", {"ui": {"theme": "dark"}, "other": 1})
    assert await bob.get("/api/v1/users/user/settings") == {"ui": {"theme": "dark"}, "other": 1}
    assert await cleo.get("/api/v1/users/user/settings") is None


async def test_channels_can_be_taken_from_everyone(admin: Person, bob: Person) -> None:
    """The permission `features.channels` closes channels for all but administrators, sockets included."""
    window = await bob.connect()
    general = await bob.general()
    permissions = await admin.get("/api/v1/users/default/permissions")
    permissions["features"]["channels"] = False
    await admin.post("/api/v1/users/default/permissions", permissions)
    assert (await bob.ask("GET", "/api/v1/channels/")).status == 403
    await admin.say(general, "only for administrators now")
    await window.settle()
    assert window.of("events:channel", "message") == []
