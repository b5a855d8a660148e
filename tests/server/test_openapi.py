"""The server does what its own OpenAPI document says, whatever it is asked: Schemathesis reads the one and
tries the other.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.processes import NO_OLLAMA
from tests.server.serving import PASSWORD, serving

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = {"admin": 5, "user": 3}
"""How often each address is asked with what the document allows, and as often with what it does not."""

TURN = {"id": "q", "parentId": None, "role": "user", "content": "?", "childrenIds": []}
CHAT = {"chat": {"title": "a chat", "history": {"messages": {"q": TURN}, "currentId": "q"}}}
TAG = {"name": "a tag"}
GOOD: dict[str, dict[str, Any]] = {
    "POST /api/chat/completions": {
        "model": "eliza",
        "messages": [{"role": "user", "content": "?"}],
        "session_id": None,
    },
    "POST /api/v1/auths/signin": {"email": "ada@example.com", "password": PASSWORD},
    "POST /api/v1/channels/create": {"name": "a name", "type": "group", "user_ids": None},
    "POST /api/v1/chats/new": CHAT,
    "POST /api/v1/chats/tags": TAG,
    "POST /api/v1/chats/{chat_id}": CHAT,
    "POST /api/v1/chats/{chat_id}/tags": TAG,
    "DELETE /api/v1/chats/{chat_id}/tags": TAG,
}
"""What a body must say to be more than a form: the document cannot tell."""
TAKEN = {"admin": 0.7, "user": 0.5}
"""The part of the addresses that answers at least once with what was asked for, not with a refusal."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server with an event loop of its own: Schemathesis waits for its answers."""
    loop = asyncio.new_event_loop()
    over = asyncio.Event()
    addresses: list[str] = []
    running = threading.Event()

    async def serve() -> None:
        async with serving(folder, ollama_base_url=NO_OLLAMA) as server:
            addresses.append(server.url)
            running.set()
            await over.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            try:
                runner.run(serve())
            finally:
                running.set()

    thread = threading.Thread(target=run)
    thread.start()
    running.wait()
    try:
        yield addresses[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


class Asker:
    """Somebody with a channel, a message, a chat, a turn and a file of their own, made anew where gone."""

    def __init__(self, url: str, role: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.cookies.set_policy(_NoCookies())
        self.forms = {
            name: {"name": name, "email": f"{name}@example.com", "password": PASSWORD}
            for name in ("ada", "bob", "cleo")
        }
        sessions = {name: self._made("/api/v1/auths/signup", json=form) for name, form in self.forms.items()}
        self.me = sessions["ada" if role == "admin" else "bob"]
        self.other = sessions["cleo"]
        self.http.headers["Authorization"] = f"Bearer {self.me['token']}"
        self.ids = {"user_id": self.other["id"], "task_id": "none"}

    def _made(self, path: str, **options: Any) -> Any:
        answer = self.http.post(self.url + path, timeout=20, **options)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    def _is_there(self, path: str) -> bool:
        return self.http.get(self.url + path, timeout=20).status_code == 200

    def ready(self, parameters: set[str]) -> dict[str, str]:
        """What these parameters of an address may be, each of something that there is."""
        ids = self.ids
        if self.me["role"] == "admin":  # an address that was asked before may have switched channels off
            self._made("/api/v1/auths/admin/config", json={"ENABLE_CHANNELS": True})
        if "channel_id" in parameters:
            if not self._is_there(f"/api/v1/channels/{ids.get('channel_id', 'none')}"):
                form = {"name": "group", "type": "group"}
                ids["channel_id"] = self._made("/api/v1/channels/create", json=form)["id"]
            said = f"/api/v1/channels/{ids['channel_id']}/messages"
            ids["message_id"] = self._made(f"{said}/post", json={"content": "a message"})["id"]
        if "chat_id" in parameters:
            ids |= {"chat_id": self._made("/api/v1/chats/new", json=CHAT)["id"], "message_id": "q"}
        if "file_id" in parameters:
            ids["file_id"] = self._made("/api/v1/files/", files={"file": ("a.txt", b"text")})["id"]
        return {name: ids[name] for name in parameters}


class _NoCookies(requests.cookies.cookielib.DefaultCookiePolicy):  # type: ignore[misc, name-defined]
    def set_ok(self, *_: object) -> bool:
        return False


@pytest.mark.parametrize("role", EXAMPLES)
def test_every_answer_is_one_that_the_document_declares(tmp_path: Path, role: str) -> None:
    """Whatever an address is asked, within its form and outside it, about what there is and is not:
    no 5xx, and a status, a type and a body that its part of the document names.
    """
    with served(tmp_path / "data") as url:
        asker = Asker(url, role)
        document = schemathesis.openapi.from_url(f"{url}/openapi.json")
        answered: dict[str, set[int]] = {}
        wrong: dict[str, str] = {}
        for found in document.get_all_operations():
            operation = found.ok()
            if operation.label == "POST /api/v1/auths/signout":
                continue
            try:
                ask_all(operation, asker, EXAMPLES[role], answered.setdefault(operation.label, set()))
            except (AssertionError, BaseExceptionGroup) as error:
                wrong[operation.label] = str(error)
        assert wrong == {}, "\n\n".join(f"{label}\n{said}" for label, said in wrong.items())
        taken = {label for label, statuses in answered.items() if 200 in statuses}
        assert len(taken) > TAKEN[role] * len(answered), set(answered) - taken


def ask_all(operation: Any, asker: Asker, examples: int, answered: set[int]) -> None:
    """Ask one address; raises with the request for each answer that it does not declare."""
    known = asker.ready({one.name for one in operation.path_parameters})
    plans = [(mode, known) for mode in GenerationMode]
    if known:
        plans.append((GenerationMode.POSITIVE, {}))
    for mode, path in plans:
        if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
            continue
        cases = operation.as_strategy(mode, path_parameters=path or None)
        if mode is GenerationMode.POSITIVE and operation.label in GOOD:
            cases = cases.map(made_good)

        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            derandomize=False,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases)
        def ask(case: Any) -> None:
            answer = case.call(session=asker.http, timeout=20)
            answered.add(answer.status_code)
            case.validate_response(answer, checks=CHECKS)

        try:
            ask()
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, operation.label  # whatever one sends is allowed


def made_good(case: Any) -> Any:
    """The same with a body that says what it must."""
    if isinstance(case.body, dict):
        case.body |= GOOD[case.operation.label]
    return case
