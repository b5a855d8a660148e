"""Streaming: several chats ask at once, a provider without delay answers, every socket is read to the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from bench import processes, provider
from bench.accounts import Accounts, Person
from bench.failure import BenchError
from bench.scenario import Figure, Sizes, Subject
from bench.swarm import Collected, Swarm

DONE = r'"message_id":\s*"([^"]+)".*?"done":\s*true'
QUESTION = "Tell me something."


class Streaming:
    """Tokens per second, CPU per chat and bytes on the asking sockets."""

    name = "streaming"
    title = "Streamed answers"
    needs_server = True

    def figures(self, sizes: Sizes) -> Sequence[Figure]:
        """Three lines for each number of chats."""
        lines: list[Figure] = []
        top = max(sizes.streaming_chats)
        for n in sizes.streaming_chats:
            word = "chat" if n == 1 else "chats"
            aim = 12_000 if n == top else None
            lines += [
                Figure(f"tokens_{n}", f"Tokens, {n} {word}", "/s", True, aim=aim),
                Figure(f"cpu_{n}", f"Server CPU per chat, {n} {word}", "ms"),
                Figure(f"bytes_{n}", f"Received per chat, {n} {word}", "KiB", digits=1),
            ]
        return lines

    def runs(self, sizes: Sizes) -> int:
        """Each run asks once at every concurrency."""
        return sizes.streaming_runs

    async def once(self, subject: Subject, sizes: Sizes, swarm: Swarm) -> Mapping[str, float]:
        """One round at every concurrency; each chat has its own person and socket."""
        sample: dict[str, float] = {}
        for chats in sizes.streaming_chats:
            sample |= await self._round(subject, sizes, swarm, chats)
        return sample

    async def _round(self, subject: Subject, sizes: Sizes, swarm: Swarm, chats: int) -> dict[str, float]:
        server, people = subject.running(), subject.people()
        askers = people.people[:chats]
        model = f"bench-{sizes.streaming_tokens}"
        async with swarm.sockets(server.url, [person.token for person in askers]) as sids:
            forms = [
                await self._form(people, person, sid, model) for person, sid in zip(askers, sids, strict=True)
            ]
            await swarm.watch('"done"', DONE)
            before = processes.cpu_seconds(server.pid) if server.pid else None
            begun = time.monotonic()
            accepted = await asyncio.gather(
                *(
                    people.rest(p).post("/api/chat/completions", form)
                    for p, form in zip(askers, forms, strict=True)
                )
            )
            seen = await swarm.collect(chats, sizes.limit)
            cpu = (
                await processes.cpu_when_done(server.pid) - before
                if server.pid and before is not None
                else None
            )
        self._check_marks(seen, forms)
        for person, form, answer in zip(askers, forms, accepted, strict=True):
            chat_id = form.get("chat_id") or answer["chat_id"]
            await self._check_stored(people, person, chat_id, form["id"], sizes)
        took = max(arrival.at for arrival in seen.arrivals) - begun
        result = {
            f"tokens_{chats}": chats * sizes.streaming_tokens / took,
            f"bytes_{chats}": sum(seen.received) / chats / 1024,
        }
        if cpu is not None:
            result[f"cpu_{chats}"] = 1000 * cpu / chats
        return result

    async def _form(self, people: Accounts, person: Person, sid: str, model: str) -> dict[str, Any]:
        """A completion request as a page makes it: in 0.12 the server makes the chat, in 0.6 the page."""
        turn, question = str(uuid4()), str(uuid4())
        asked = {
            "id": question,
            "parentId": None,
            "childrenIds": [turn],
            "role": "user",
            "content": QUESTION,
            "timestamp": int(time.time()),
            "models": [model],
        }
        form: dict[str, Any] = {
            "stream": True,
            "model": model,
            "messages": [{"role": "user", "content": QUESTION}],
            "params": {},
            "features": {},
            "variables": {},
            "model_item": {"id": model},
            "session_id": sid,
            "id": turn,
            "background_tasks": {},
        }
        if not people.server.old_dialect:
            return form | {"parent_id": None, "user_message": asked}
        answer = {
            "id": turn,
            "parentId": question,
            "childrenIds": [],
            "role": "assistant",
            "content": "",
            "model": model,
        }
        document = {
            "title": "New Chat",
            "models": [model],
            "params": {},
            "history": {"messages": {question: asked, turn: answer}, "currentId": turn},
            "messages": [asked],
        }
        row = await people.rest(person).post("/api/v1/chats/new", {"chat": document, "folder_id": None})
        return form | {"chat_id": row["id"], "parent_id": question}

    @staticmethod
    def _check_marks(seen: Collected, forms: Sequence[dict[str, Any]]) -> None:
        missing = {form["id"] for form in forms} - {arrival.mark for arrival in seen.arrivals}
        if missing:
            raise BenchError(f"{len(missing)} answers did not say that they were done")

    async def _check_stored(
        self, people: Accounts, person: Person, chat: str, turn: str, sizes: Sizes
    ) -> None:
        """A fast answer that is not whole is no answer: what is stored must be what the provider wrote."""
        want = provider.text(sizes.streaming_tokens).split()
        have: list[str] = []
        for _ in range(50):
            row = await people.rest(person).get(f"/api/v1/chats/{chat}")
            message = row["chat"]["history"]["messages"].get(turn, {})
            have = str(message.get("content") or "").split()
            if have == want or people.server.old_dialect:  # a 0.6 page stores the answer itself
                return
            await asyncio.sleep(0.05)
        raise BenchError(f"of {len(want)} words {len(have)} are stored: the answer is not whole")
