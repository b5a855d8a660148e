"""An answer read piece by piece: growing, broken off, replaced, failed; and what 0.6.41 wants at its end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from tests.client.chats.chatting import (
    WORDS,
    event,
    heard,
    one_turn,
    piece,
    saving,
    taking_questions,
)
from tests.client.hands import QUICK
from tests.client.peer import Peer, no, ok, serving, until

from antiphon import Client, Rejected
from antiphon.client import LinkState
from antiphon.client.chats.answering import Delta
from antiphon.client.errors import AnswerFailed


async def read(answering: Any, pieces: list[Delta]) -> str:
    """Read an answer to its end and put it together."""
    text = ""
    async for delta in answering:
        pieces.append(delta)
        text = text[: delta.at] + delta
    return text


async def opened(peer: Peer, client: Client) -> Any:
    """Give a chat with one turn."""
    peer.chats["k"] = one_turn()
    await client.live()
    chat = client.chat("k")
    await chat.open()
    return chat


async def test_the_pieces_of_an_answer_make_up_its_text() -> None:
    """`async for delta in chat.ask("…")`: no model named, none of the ends' blanks given and taken back."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat, pieces = await opened(peer, client), list[Delta]()
        asked = taking_questions(peer)
        reading = asyncio.create_task(read(chat.ask("and?", turn_id="a2"), pieces))
        await until(lambda: chat.running)
        for word in WORDS[:5]:
            await heard(client, peer, event("k", "a2", "response:completion", piece(word)))
        await until(lambda: pieces)
        text = "".join(WORDS[:5]).strip()
        done = {"done": True, "output": [{"type": "message", "id": "i", "role": "assistant",
                "content": [{"type": "output_text", "text": text}]}]}  # fmt: skip
        await heard(client, peer, event("k", "a2", "chat:completion", done))
        assert await reading == text
        assert "".join(pieces) == text
        assert asked[0]["model"] == "m"


@pytest.mark.parametrize("release", ["0.6.41", "0.12.4"])
async def test_reading_goes_on_after_a_break_without_a_hole_or_a_repeat(release: str) -> None:
    """W-45: part of the answer is written while the link is down."""
    async with serving(release=release) as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat, pieces = await opened(peer, client), list[Delta]()
        taking_questions(peer)
        saving(peer)

        async def completed(request: web.Request) -> web.StreamResponse:
            return ok(await request.json())

        peer.hooks["POST /api/chat/completed"] = completed
        answering = await chat.ask("and?", turn_id="a2", message_id="q2")
        reading = asyncio.create_task(read(answering, pieces))

        async def write(first: int, last: int) -> None:
            for number in range(first, last):
                text = "".join(WORDS[: number + 1])
                data = {"content": text} if release == "0.6.41" else piece(WORDS[number])
                kind = "chat:completion" if release == "0.6.41" else "response:completion"
                await heard(client, peer, event("k", "a2", kind, data))

        await write(0, 4)
        await until(lambda: pieces)
        history = peer.chats["k"]["chat"]["history"]
        history["messages"]["q2"] = {"id": "q2", "parentId": "a", "childrenIds": ["a2"], "role": "user",
                                     "content": "and?"}  # fmt: skip
        history["messages"]["a2"] = {"id": "a2", "parentId": "q2", "childrenIds": [], "role": "assistant",
                                     "content": "".join(WORDS[:9]), "done": False, "model": "m"}  # fmt: skip
        history["currentId"] = "a2"
        peer.tasks["k"] = ["t"]
        peer.cut()
        await until(lambda: client.link.value.state is not LinkState.LIVE)
        await client.live()
        await until(lambda: answering.text.startswith("".join(WORDS[:9])))
        history["messages"]["a2"]["content"] = "".join(WORDS[:20])
        await write(9, 20)
        done = {"done": True, "content": "".join(WORDS[:20])}
        await heard(client, peer, event("k", "a2", "chat:completion", done))
        assert await reading == "".join(WORDS[:20])
        assert "".join(pieces) == "".join(WORDS[:20])


async def test_text_that_was_replaced_is_said_where_it_begins() -> None:
    """A tool or filter that replaces what was given is told by the place of the next piece."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat, pieces = await opened(peer, client), list[Delta]()
        taking_questions(peer)
        answering = await chat.ask("and?", turn_id="a2")
        reading = asyncio.create_task(read(answering, pieces))
        await heard(client, peer, event("k", "a2", "response:completion", piece("one two three")))
        await until(lambda: pieces)
        await heard(client, peer, event("k", "a2", "replace", {"content": "one 2"}))
        await until(lambda: len(pieces) == 2)
        assert (pieces[1], pieces[1].at) == ("2", 4)
        await heard(client, peer, event("k", "a2", "chat:completion", {"done": True, "content": "one 2 3"}))
        assert await reading == "one 2 3"


@pytest.mark.parametrize("content", ["no more", {"message": "no more", "code": 429}])
async def test_an_answer_that_fails_raises_with_the_reason(content: Any) -> None:
    """An error is text, or a provider's object."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat = await opened(peer, client)
        taking_questions(peer)
        answering = await chat.ask("and?", turn_id="a2")
        await heard(client, peer, event("k", "a2", "chat:message:error", {"error": {"content": content}}))
        with pytest.raises(AnswerFailed, match="no more"):
            await answering.finished()


async def test_a_refusal_is_raised_by_whoever_waits_for_the_answer() -> None:
    """Awaited or read, once or again: the same refusal."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat = await opened(peer, client)

        async def refuse(_: web.Request) -> web.StreamResponse:
            return no(400, "Model not found")

        peer.hooks["POST /api/chat/completions"] = refuse
        answering = chat.ask("and?", "nope")
        with pytest.raises(Rejected, match="Model not found"):
            await read(answering, [])
        with pytest.raises(Rejected, match="Model not found"):
            await answering
        assert peer.count("POST /api/chat/completions") == 1


async def test_a_stopped_answer_ends_the_reading_and_nothing_is_left_listening() -> None:
    """A stop is an end, not a failure; a reader leaves no listener behind."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chat, pieces = await opened(peer, client), list[Delta]()
        taking_questions(peer)
        reading = asyncio.create_task(read(await chat.ask("and?", turn_id="a2"), pieces))
        await heard(client, peer, event("k", "a2", "response:completion", piece("one ")))
        await until(lambda: pieces)
        await heard(client, peer, {"chat_id": "k", "message_id": "a2", "data": {"type": "chat:tasks:cancel"}})
        assert (await reading).strip() == "one"
        assert chat.subscribers == 0


async def test_an_asking_client_that_misses_the_end_completes_the_answer_all_the_same() -> None:
    """W-47: on 0.6.41 nobody else would ever write that the answer is done."""
    async with (
        serving(release="0.6.41") as peer,
        Client(peer.url, token="token-me", delays=QUICK) as client,
    ):
        chat = await opened(peer, client)
        taking_questions(peer)
        saved = saving(peer)

        async def completed(request: web.Request) -> web.StreamResponse:
            form = await request.json()
            form["messages"][-1]["content"] += " (filtered)"
            return ok(form)

        peer.hooks["POST /api/chat/completed"] = completed
        answering = await chat.ask("and?", turn_id="a2", message_id="q2")
        await heard(client, peer, event("k", "a2", "chat:completion", {"content": "one"}))
        peer.cut()
        await until(lambda: client.link.value.state is not LinkState.LIVE)
        stored = peer.chats["k"]["chat"]["history"]["messages"]["a2"]
        stored["content"] = "one two"  # The end came meanwhile; nobody says that it was the end.
        await client.live()
        await until(lambda: len(saved) == 2)
        written = saved[-1]["history"]["messages"]["a2"]
        assert written["done"]
        assert written["content"] == "one two (filtered)"
        assert peer.count("POST /api/chat/completed") == 1
        assert (await answering.finished()).content == "one two (filtered)"
