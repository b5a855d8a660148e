"""Whatever takes a body refuses one that is none in words, wherever it is."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.server.serving import Person, Server

BODIES = (b"", b"{", b'{"content": "half', b"[]", b'"text"', b"7", b"null", b"\xff\xfe", b"<html></html>")


def addresses(server: Server) -> Iterator[tuple[str, str]]:
    """Method and path of all that reads a JSON body; ids are of nothing that there is."""
    for path, methods in server.app.api.openapi()["paths"].items():
        for method, about in methods.items():
            if "application/json" in about.get("requestBody", {}).get("content", {}):
                yield method.upper(), re.sub(r"\{\w+\}", "none", path)


@pytest.mark.parametrize("who", ["admin", "nobody"])
async def test_every_address_that_takes_a_body_refuses_in_words_what_is_none(
    server: Server, admin: Person, who: str
) -> None:
    """No JSON, half of one, or a value of another kind: 4xx with a `detail` to read, and nothing changed."""
    general = await admin.general()
    headers = {"Content-Type": "application/json"}
    if who == "admin":
        headers["Authorization"] = f"Bearer {admin.token}"
    before = [await admin.get(path) for path in ("/api/v1/channels/", "/api/v1/chats/", "/openai/config")]
    asked = list(addresses(server))
    assert len(asked) > 25
    for method, path in asked:
        for body in BODIES:
            async with server.http.request(method, server.url + path, data=body, headers=headers) as answer:
                told = await answer.json()
            if answer.status == 200:  # an empty form is a form to some
                assert body in {b"", b"null"}, (method, path, body, told)
                continue
            assert 400 <= answer.status < 500, (method, path, body, told)
            assert isinstance(told["detail"], str), (method, path, body, told)
            assert " " in told["detail"], (method, path, body, told)
    after = [await admin.get(path) for path in ("/api/v1/channels/", "/api/v1/chats/", "/openai/config")]
    assert after == before
    await admin.say(general, "still here")
