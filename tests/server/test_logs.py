"""The log: a line for each request, as JSON where that is wanted, and nothing that people write."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import text
from tests.processes import AntiphonProcess
from tests.server.serving import Person, Server, serving

SECRET = "nobody-elses-business"
PASSWORD = "a-password-of-some-length"


@pytest.fixture
async def telling(tmp_path: Path) -> AsyncIterator[Server]:
    """A server that logs every request."""
    async with serving(tmp_path / "data", log_level="info") as running:
        yield running


async def lines_of(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """What a process logs of a sign-up, a post, a search and a wrong path; and what it must not say."""
    env = {"ANTIPHON_LOG_FORMAT": "json", "ANTIPHON_LOG_LEVEL": "INFO"}
    with AntiphonProcess(folder, "serve", env=env) as process:
        async with aiohttp.ClientSession() as http:
            form = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
            ada = Person(
                process.url, http, await Person(process.url, http).post("/api/v1/auths/signup", form)
            )
            await ada.say(await ada.general(), SECRET)
            await ada.get(f"/api/v1/users/search?query={SECRET}")
            window = await ada.connect()
            await ada.ask("GET", "/api/v1/nowhere%0Aat all", headers={"X-Request-ID": "mine-1"})
            await window.close()
        await asyncio.to_thread(process.kill)
        written = process.output
    found = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    assert [line for line in written.splitlines() if not line.startswith("{") and " INFO " in line] == []
    return found, [word for word in (SECRET, PASSWORD, ada.token, "ada@example.com") if word in written]


async def test_a_process_logs_requests_as_json_without_contents_or_tokens(tmp_path: Path) -> None:
    """W-81: whole events were written to the log; here a request is its method, path, outcome and time."""
    lines, said = await lines_of(tmp_path / "data")
    assert said == []
    requests = {(line["method"], line["path"]): line for line in lines if "method" in line}
    assert requests["POST", "/api/v1/auths/signup"]["status"] == 200
    assert requests["GET", "/api/v1/users/search"]["status"] == 200
    lost = requests["GET", "/api/v1/nowhere%0Aat%20all"]
    assert (lost["status"], lost["request_id"], lost["level"]) == (404, "mine-1", "info")
    assert lost["milliseconds"] > 0
    assert len({line["request_id"] for line in requests.values()}) == len(requests)


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-1.2_X", True), ("x" * 64, True), ("x" * 65, False), ("a b", False), ("", False)]
)
async def test_each_answer_carries_an_id(telling: Server, given: str, kept: bool) -> None:
    """The request's own where it is a harmless word, else a new one."""
    answer = await telling.nobody.ask("GET", "/health", headers={"X-Request-ID": given})
    assert (answer.headers["X-Request-ID"] == given) is kept
    refused = await telling.nobody.ask("POST", "/api/v1/auths/signin", data=io.BytesIO(b"x" * 3_000_000))
    assert (refused.status, len(refused.headers["X-Request-ID"])) == (413, 32)


async def test_a_failed_statement_is_logged_without_its_values(server: Server) -> None:
    """What people write is in the parameters of statements."""
    with pytest.raises(Exception, match="no such table") as caught:
        async with server.state.database.read() as connection:
            await connection.execute(text("SELECT :word FROM nowhere"), {"word": SECRET})
    assert SECRET not in str(caught.value)


async def test_the_end_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    """Also where a server is one of several in a process."""
    handler = logging.StreamHandler()
    before = logging.Formatter("%(message)s before")
    handler.setFormatter(before)
    logging.getLogger().addHandler(handler)
    try:
        async with serving(tmp_path / "data", log_level="info", log_format="json"):
            assert handler.formatter is not before
            assert logging.getLogger("antiphon.server").level == logging.INFO
        assert handler.formatter is before
        assert logging.getLogger("antiphon.server").level == logging.NOTSET
    finally:
        logging.getLogger().removeHandler(handler)
