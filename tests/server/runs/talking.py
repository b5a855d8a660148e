"""Asking a model over the real server, and what was heard of the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.server.providers.provider import Provider, providing
from tests.server.serving import Person, Server, Socket, serving

from antiphon.server.runs.dialects import Release012

ALL_TASKS = {"title_generation": True, "tags_generation": True, "follow_up_generation": True}


@dataclass
class Talk:
    """A server, its provider, one person and one window of theirs."""

    server: Server
    provider: Provider
    person: Person
    window: Socket

    async def ask(self, model: str, text: str = "tell me something", **more: Any) -> Asked:
        """Ask as a client of 0.12.4 does."""
        asked = Asked(self, form(model, text, session_id=self.window.sid, **more))
        asked.accepted = await self.person.post("/api/chat/completions", asked.form)
        return asked


class Asked:
    """One question."""

    def __init__(self, talk: Talk, body: dict[str, Any]) -> None:
        self.talk = talk
        self.form = body
        self.accepted: dict[str, Any] = {}

    @property
    def chat_id(self) -> str:
        """The chat it is in."""
        return str(self.accepted["chat_id"])

    @property
    def task_id(self) -> str:
        """The run that answers it."""
        return str(self.accepted["task_ids"][0])

    @property
    def turn_id(self) -> str:
        """The place of the answer."""
        return str(self.form["id"])

    def heard(self, window: Socket | None = None) -> list[dict[str, Any]]:
        """The events of this chat, in order: their inner part."""
        window = window or self.talk.window
        return [
            payload["data"]
            for name, payload in window.heard
            if name == "events" and payload["chat_id"] == self.chat_id
        ]

    def kinds(self) -> list[str]:
        """The types heard, consecutive equal ones once."""
        kinds: list[str] = []
        for event in self.heard():
            if not kinds or kinds[-1] != event["type"] or event["type"] != "response:completion":
                kinds.append(event["type"])
        return kinds

    async def until(self, type_: str, *, count: int = 1, **data: Any) -> dict[str, Any]:
        """Wait for an event of this chat whose data has these values."""
        async with asyncio.timeout(10):
            while True:
                found = [event for event in self.heard() if event["type"] == type_ and _has(event, data)]
                if len(found) >= count:
                    return found[count - 1]
                await self.talk.window.wait()

    async def over(self) -> None:
        """Wait until the chat is quiet again."""
        await self.until("chat:active", active=False)

    async def chat(self) -> dict[str, Any]:
        """The chat as it is stored."""
        answer: dict[str, Any] = await self.talk.person.get(f"/api/v1/chats/{self.chat_id}")
        return answer

    async def turn(self) -> dict[str, Any]:
        """The stored answer."""
        messages = (await self.chat())["chat"]["history"]["messages"]
        answer: dict[str, Any] = messages[self.turn_id]
        return answer

    def deltas(self) -> list[dict[str, Any]]:
        """The deltas heard so far."""
        return [
            event["data"]
            for event in self.heard()
            if event["type"] == "response:completion"
            and str(event["data"].get("type", "")).endswith(".delta")
        ]


def form(model: str, text: str = "tell me something", **more: Any) -> dict[str, Any]:
    """The body that a client of 0.12.4 posts for the first question of a new chat."""
    question, answer = str(uuid4()), str(uuid4())
    body = {
        "stream": True,
        "model": model,
        "messages": [{"role": "user", "content": text}],
        "params": {},
        "features": {},
        "variables": {},
        "model_item": {"id": model},
        "id": answer,
        "parent_id": None,
        "user_message": {
            "id": question,
            "parentId": None,
            "childrenIds": [answer],
            "role": "user",
            "content": text,
            "timestamp": 1795394995,
            "models": [model],
        },
        "background_tasks": {},
    }
    return {**body, **more}


class Window(Socket):
    """A socket that one can wait on for whatever comes next."""

    async def wait(self) -> None:
        """Come back with the next event, whatever it is."""
        self._more.clear()
        await self._more.wait()


async def window_of(person: Person) -> Window:
    """Open another window of a person."""
    one = Window()
    person.sockets.append(one)
    await one.open(person.url, {"token": person.token})
    return one


@asynccontextmanager
async def talking(folder: Path, **settings: Any) -> AsyncIterator[Talk]:
    """A server with a provider, and somebody with an open window."""
    async with providing() as provider:
        settings.setdefault("openai_api_base_urls", (provider.address,))
        async with serving(folder, **settings) as server:
            person = await server.sign_up("Ada")
            yield Talk(server, provider, person, await window_of(person))


def at_once(server: Server) -> None:
    """Let every delta be a frame of its own."""
    dialect = Release012()
    dialect.frame = 0.0
    server.state.runs.dialect = dialect


def _has(event: dict[str, Any], data: dict[str, Any]) -> bool:
    inner = event.get("data")
    return not data or (
        isinstance(inner, dict) and all(inner.get(key) == value for key, value in data.items())
    )
