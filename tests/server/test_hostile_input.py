"""What nobody means well by: refused in a sentence, with nothing stored and nobody else touched."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.server.serving import Person, Server
from yarl import URL

from antiphon.server.routing import STRANGERS_BYTES
from antiphon.server.security import passwords
from antiphon.server.security.attempts import Attempts

JSON = {"Content-Type": "application/json"}
UNREADABLE = {
    "half a surrogate pair": b'{"%s": "\\ud800"}',
    "half a pair in a key": b'{"\\udfff": 1, "%s": "x"}',
    "a NUL": b'{"%s": "a\\u0000b"}',
    "a NUL in a key": b'{"a\\u0000": 1, "%s": "x"}',
    "not a number": b'{"%s": "x", "data": {"a": NaN}}',
    "a number without end": b'{"%s": "x", "data": {"a": 1e999}}',
    "digits without end": b'{"%s": "x", "data": {"a": ' + b"9" * 5_000 + b"}}",
    "deep lists": b'{"%s": "x", "data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "bytes that are no text": b'{"%s": "\xff\xfe"}',
}


@pytest.mark.parametrize("kind", UNREADABLE)
async def test_what_cannot_be_stored_is_refused_before_anything_is(
    admin: Person, bob: Person, kind: str
) -> None:
    """Each kind of address, one sentence; the connection goes on and the lists are as before."""
    general = await bob.general()
    posts = {
        "/api/v1/auths/signin": "email",
        "/api/v1/auths/admin/config": "ADMIN_EMAIL",
        f"/api/v1/channels/{general}/messages/post": "content",
        "/api/v1/channels/create": "name",
        "/api/v1/chats/new": "chat",
        "/api/v1/chats/tags": "name",
        "/api/chat/completions": "model",
        "/api/chat/completed": "x",
        "/api/v1/users/user/settings/update": "ui",
        "/openai/verify": "url",
    }
    for path, key in posts.items():
        body = UNREADABLE[kind].replace(b"%s", key.encode())
        answer = await admin.ask("POST", path, data=body, headers=JSON)
        assert (answer.status, answer.detail.startswith("The body ")) == (422, True), (path, answer)
        assert len(answer.detail) < 200
    assert await bob.get(f"/api/v1/channels/{general}/messages") == []
    assert await admin.get("/api/v1/chats/") == []
    assert (await admin.get("/api/v1/auths/admin/config"))["ADMIN_EMAIL"] is None


async def test_an_escaped_pair_and_a_written_escape_are_text(bob: Person) -> None:
    """What is refused is what cannot be a text, not what looks like it."""
    general = await bob.general()
    body = b'{"content": "\\ud83d\\ude00 \\\\u0000 1e999"}'
    path = f"/api/v1/channels/{general}/messages/post"
    answer = await bob.ask("POST", path, data=body, headers=JSON)
    assert answer.body["content"] == "\N{GRINNING FACE} \\u0000 1e999"


@pytest.mark.parametrize("number", ["-1", "1e9", "1000000001", "9" * 30, "NaN", "%00", "x"])
async def test_no_page_is_too_far_to_be_refused_in_words(admin: Person, number: str) -> None:
    """Numbers that no database takes, and what is no number."""
    general = await admin.general()
    message = (await admin.say(general, "root"))["id"]
    channel = f"/api/v1/channels/{general}"
    for path in (
        "/api/v1/users/?page=",
        "/api/v1/users/search?page=",
        "/api/v1/chats/?page=",
        f"{channel}/members?page=",
        f"{channel}/messages?skip=",
        f"{channel}/messages?limit=",
        f"{channel}/messages/pinned?page=",
        f"{channel}/messages/{message}/thread?skip=",
    ):
        answer = await admin.ask("GET", path)
        address = URL(admin.url + path + number, encoded=True)
        async with admin.http.get(address, headers={"Authorization": f"Bearer {admin.token}"}) as refused:
            detail = (await refused.json())["detail"]
            assert (refused.status, isinstance(detail, str)) == (422, True), (path, answer)


@pytest.mark.parametrize("odd", ["%00", "%ED%A0%80", "a%2Fb", "x" * 5_000, "%F0%9F%98%80", "'%20OR%201=1"])
async def test_an_odd_id_is_not_there(bob: Person, odd: str) -> None:
    """NUL, half a surrogate pair, a slash, much too long: 404 or 403 in a sentence, as for any other id."""
    for path in (f"channels/{odd}", f"channels/{odd}/messages", f"chats/{odd}", f"users/{odd}/active"):
        address = URL(f"{bob.url}/api/v1/{path}", encoded=True)
        async with bob.http.get(address, headers={"Authorization": f"Bearer {bob.token}"}) as answer:
            assert answer.status == 404, path
            assert (await answer.json())["detail"]


async def test_a_search_that_is_no_pattern_is_refused(bob: Person) -> None:
    """A database gives up over a pattern of tens of thousands of characters."""
    path = f"/api/v1/channels/{await bob.general()}/members?query="
    assert (await bob.ask("GET", path + "%25" * 20_000)).status == 422
    assert (await bob.ask("GET", path + "%25_%5C")).body["total"] == 0


async def test_only_whoever_is_signed_in_sends_much(server: Server, bob: Person) -> None:
    """Megabytes are not even read for somebody without a session: they would hold everyone up."""
    body = json.dumps({"chat": {"title": "t", "notes": "x" * 4 * STRANGERS_BYTES}}).encode()
    for path in ("/api/v1/auths/signin", "/api/v1/chats/new", "/api/chat/completions"):
        for headers in ({}, {"Authorization": "Bearer x.y.z"}):
            answer = await server.nobody.ask("POST", path, data=body, headers={**JSON, **headers})
            assert answer.status == 401, path
            assert "ign in" in answer.detail or answer.detail == "Not authenticated"
    assert (await bob.ask("POST", "/api/v1/chats/new", data=body, headers=JSON)).status == 200


async def test_what_everyone_carries_along_is_bounded(server: Server, admin: Person, bob: Person) -> None:
    """A channel's data rides on each of its events, a picture on each list of people: neither may be huge."""
    huge = {"x": "y" * 100_000}
    group = {"name": "g", "type": "group", "user_ids": [admin.id]}
    for field in ("data", "meta"):
        answer = await bob.ask("POST", "/api/v1/channels/create", {**group, field: huge})
        assert (answer.status, "64 KiB" in answer.detail) == (413, True)
    made = (await bob.post("/api/v1/channels/create", group))["id"]
    assert (await bob.ask("POST", f"/api/v1/channels/{made}/update", {"meta": huge})).status == 413
    assert (await bob.get(f"/api/v1/channels/{made}"))["meta"] is None

    picture = "data:image/png;base64," + "A" * 300_000
    answer = await admin.ask("POST", f"/api/v1/users/{bob.id}/update", {"profile_image_url": picture})
    assert (answer.status, "too large" in answer.detail) == (413, True)
    assert (await bob.get(f"/api/v1/users/{bob.id}"))["profile_image_url"] == "/user.png"


async def test_small_pieces_do_not_add_up_to_something_huge(bob: Person) -> None:
    """What is merged is measured as a whole: settings, the data of a message, the tags of a chat."""
    general = await bob.general()
    message = (await bob.say(general, "hello"))["id"]
    path = f"/api/v1/channels/{general}/messages/{message}/update"
    piece = "x" * 100_000
    for address, body in (
        (path, lambda n: {"content": "hello", "meta": {f"k{n}": piece}}),
        ("/api/v1/users/user/settings/update", lambda n: {f"k{n}": piece}),
    ):
        answers = [(await bob.ask("POST", address, body(n))).status for n in range(4)]
        assert answers == [200, 200, 413, 413]
    chat = (await bob.post("/api/v1/chats/new", {"chat": {"title": "t"}}))["id"]
    answers = [
        (await bob.ask("POST", f"/api/v1/chats/{chat}/tags", {"name": f"tag {n}"})).status for n in range(102)
    ]
    assert answers == [200] * 100 + [400] * 2
    answer = await bob.ask("POST", f"/api/v1/chats/{chat}", {"chat": {"title": "t" * 2_000}})
    assert (answer.status, "1,000 characters" in answer.detail) == (400, True)


async def test_a_refusal_does_not_repeat_a_novel(admin: Person) -> None:
    """Whatever was sent, the sentence stays short."""
    long = "x" * 200_000
    for path in ("/openai/verify", "/ollama/verify"):
        answer = await admin.ask("POST", path, {"url": long})
        assert (answer.status, len(answer.detail) < 400) == (400, True)
    for messages in ({long: 1}, {"a": {"id": long}}, {"a": {"parentId": long}}):
        answer = await admin.ask("POST", "/api/v1/chats/new", {"chat": {"history": {"messages": messages}}})
        assert (answer.status, len(answer.detail) < 700) == (400, True)


ODD_CONTENTS: list[Any] = [
    [{"type": "text", "text": 5}],
    [{"type": "text", "text": None}],
    [{"type": "text"}, 7, "x", None],
    {"a": 1},
    None,
]


@pytest.mark.parametrize("content", ODD_CONTENTS)
async def test_a_question_of_an_odd_shape_is_answered_or_refused(bob: Person, content: Any) -> None:
    """Parts that are no text say nothing; they break nothing."""
    body = {"model": "eliza", "messages": [{"role": "user", "content": content}]}
    assert (await bob.post("/api/chat/completions", body))["choices"][0]["message"]["content"]
    for more in ({"id": "one"}, {"id": "two", "chat_id": "local:x"}):
        answer = await bob.ask("POST", "/api/chat/completions", {**body, "session_id": "s", **more})
        assert answer.status in {200, 400}, answer


async def test_a_chat_whose_models_are_no_list_can_be_asked_in(bob: Person) -> None:
    """A document keeps what its writer put there; a turn does not stumble over it."""
    document = {"models": 5, "history": {"messages": {"q": {"role": "user", "content": "Hello"}}}}
    chat = (await bob.post("/api/v1/chats/new", {"chat": document}))["id"]
    body = {"model": "eliza", "messages": [], "session_id": "s", "id": "a", "chat_id": chat, "parent_id": "q"}
    assert (await bob.post("/api/chat/completions", body))["chat_id"] == chat
    assert (await bob.get(f"/api/v1/chats/{chat}"))["chat"]["models"] == ["eliza"]


async def test_a_flood_of_passwords_is_told_to_wait(
    server: Server, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only so many wait to have a password looked at; the others hear so at once, nobody is locked out."""
    monkeypatch.setattr(passwords, "LINE", 3)
    form = {"email": "bob@example.com", "password": "not-the-password"}
    forms = [{**form, "email": f"person{number}@example.com"} for number in range(20)]
    answers = await asyncio.gather(*(server.nobody.ask("POST", "/api/v1/auths/signin", one) for one in forms))
    refused = [answer for answer in answers if answer.status == 503]
    assert {answer.status for answer in answers} == {400, 503}
    assert all(answer.headers["Retry-After"] == "5" and "try again" in answer.detail for answer in refused)
    await server.nobody.post("/api/v1/auths/signin", {**form, "password": "a-good-password"})


async def test_a_guesser_has_to_wait(server: Server, bob: Person, cleo: Person) -> None:
    """After fifteen wrong passwords for one account no more are looked at for a while, right or wrong; other
    accounts and open sessions are unharmed, and the right one clears the count.
    """
    now = [0.0]
    server.state.attempts = Attempts(lambda: now[0])
    form = {"email": "bob@example.com", "password": "not-the-password"}
    right = {**form, "password": "a-good-password"}

    async def guess(count: int) -> set[int]:
        answers = [await server.nobody.ask("POST", "/api/v1/auths/signin", form) for _ in range(count)]
        return {answer.status for answer in answers}

    assert await guess(14) == {400}
    await server.nobody.post("/api/v1/auths/signin", right)
    assert await guess(15) == {400}
    now[0] = 100.0
    for body in (form, right, {**right, "email": " BOB@example.com"}):
        answer = await server.nobody.ask("POST", "/api/v1/auths/signin", body)
        assert (answer.status, "wait 81 seconds" in answer.detail) == (429, True)
        assert answer.headers["Retry-After"] == "81"
    await bob.get("/api/v1/auths/")
    await server.nobody.post("/api/v1/auths/signin", {**right, "email": "cleo@example.com"})
    now[0] = 180.0
    await server.nobody.post("/api/v1/auths/signin", right)
    body = {"password": "not-the-password", "new_password": "another-good-one"}
    answers = [(await cleo.ask("POST", "/api/v1/auths/update/password", body)).status for _ in range(16)]
    assert answers == [400] * 15 + [429]


async def test_the_list_of_addresses_is_made_without_a_complaint(server: Server) -> None:
    """Two operations under one id would be a warning, which is an error here."""
    assert "/api/v1/auths/signout" in (await server.nobody.get("/openapi.json"))["paths"]


async def test_tokens_taken_back_are_forgotten_once_they_are_over(server: Server, admin: Person) -> None:
    """The list of them does not grow for as long as the server runs."""
    principals = server.state.principals
    principals._revoked = {f"old {n}": 1 for n in range(10)}
    principals._tidy_at = 10
    await admin.post("/api/v1/auths/signout")
    assert len(principals._revoked) == 1
    assert (await admin.ask("GET", "/api/v1/auths/")).status == 401
