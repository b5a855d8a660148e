"""Answers in chats across gaps: what was missed comes from the document, and undoes nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from tests.client.chats.chat_pieces import begin, completing, event, lose_and_find, piece, row
from tests.client.hands import QUICK
from tests.client.peer import serving, until

from antiphon import Client, wire
from antiphon.client import LinkState
from antiphon.client.chats.turns import ChatReset, RunningChanged


async def test_a_gap_in_the_pieces_is_repaired_from_the_document() -> None:
    """W-45: what was missed is fetched, and the stream goes on behind it."""
    async with serving(antiphon="0.1.0") as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "", done=False)
        peer.tasks["k"] = ["t"]
        await client.live()
        chat = client.chat("k")
        await chat.open()
        assert chat.running
        await peer.emit("events", event("k", "a", "response:completion", piece("one ", 0)))
        await until(lambda: chat.turns()[-1].content == "one ")
        stored = peer.chats["k"]["chat"]["history"]["messages"]["a"]
        item = {"type": "message", "id": "i", "role": "assistant", "status": "in_progress"}
        text = "one two three "
        stored |= {"content": text, "output": [{**item, "content": [{"type": "output_text", "text": text}]}]}
        await peer.emit("events", event("k", "a", "response:completion", piece("three ", 8)))
        await until(lambda: chat.turns()[-1].content == text)
        await peer.emit("events", event("k", "a", "response:completion", piece("four", len(text))))
        await until(lambda: chat.turns()[-1].content == "one two three four")


async def test_after_a_reconnect_a_shown_chat_has_its_end() -> None:
    """The end came while the link was down; the document tells it."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "", done=False)
        peer.tasks["k"] = ["t"]
        await client.live()
        client.open_window().show_chat("k")
        chat, changes = client.chat("k"), list[Any]()
        await chat.open()
        await begin(peer)
        await peer.emit("events", event("k", "a", "response:completion", piece("half of")))
        await until(lambda: chat.turns()[-1].content == "half of")
        chat.subscribe(changes.append)
        peer.chats["k"] = row("k", "half of it")
        peer.tasks.clear()
        peer.cut()
        await until(lambda: client.link.value.state is not LinkState.LIVE)
        await client.live()
        assert chat.turns()[-1].content == "half of it"
        assert not chat.running
        assert changes == [ChatReset(), RunningChanged(False)]


async def test_a_slow_document_does_not_undo_what_was_streamed_meanwhile() -> None:
    """W-16 for chats: pieces that come while the document is under way are kept."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "", done=False)
        peer.tasks["k"] = ["t"]
        await client.live()
        chat = client.chat("k")
        await chat.open()
        started, go = asyncio.Event(), asyncio.Event()

        async def slow(request: web.Request) -> web.StreamResponse:
            answer = await peer.answer(request)
            started.set()
            await go.wait()
            return answer

        peer.hooks["GET /api/v1/chats/k"] = slow
        await begin(peer)
        again = asyncio.create_task(chat.refresh())
        await started.wait()
        for text in ("one ", "two"):
            await peer.emit("events", event("k", "a", "response:completion", piece(text)))
        await until(lambda: chat.turns()[-1].content == "one two")
        go.set()
        await again
        assert chat.turns()[-1].content == "one two"
        assert chat.running


async def test_pieces_that_come_during_the_first_load_are_kept() -> None:
    """W-16 for chats: nothing is held yet, so they wait for the document."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "", done=False)
        peer.tasks["k"] = ["t"]
        await client.live()
        before = client.counts.typed

        async def slow(request: web.Request) -> web.StreamResponse:
            answer = await peer.answer(request)
            await begin(peer)
            for text in ("one ", "two"):
                await peer.emit("events", event("k", "a", "response:completion", piece(text)))
            await until(lambda: client.counts.typed >= before + 3)
            return answer

        peer.hooks["GET /api/v1/chats/k"] = slow
        await client.chat("k").open()
        assert client.chat("k").turns()[-1].content == "one two"


async def test_a_document_that_has_less_does_not_take_away_what_was_streamed() -> None:
    """Open WebUI stores an answer at its end only: fetching meanwhile brings an empty one."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "", done=False)
        peer.tasks["k"] = ["t"]
        await client.live()
        chat = client.chat("k")
        await chat.open()
        await begin(peer)
        await peer.emit("events", event("k", "a", "response:completion", piece("one ")))
        await until(lambda: chat.turns()[-1].content == "one ")
        await chat.refresh()
        await peer.emit("events", event("k", "a", "response:completion", piece("two")))
        await until(lambda: chat.turns()[-1].content == "one two")


async def test_an_answer_that_ends_in_an_outage_ends_here_too_without_a_window() -> None:
    """Nothing runs for ever: a bot that asked has no window, and hears of the end all the same."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        completing(peer, [{"kind": "response:completion", "data": piece("one ")}], client)
        chat = await client.new_chat("count", "m", message_id="q", turn_id="a")
        await until(lambda: chat.turns()[-1].content == "one ")
        await until(lambda: peer.count("GET /api/v1/chats/new") == 1)  # It is not stored yet.
        peer.chats["new"] = row("new", "one two three")
        await lose_and_find(peer, client)
        await until(lambda: not chat.running)
        assert chat.turns()[-1].content == "one two three"


async def test_a_run_that_was_cut_with_the_server_leaves_what_the_server_stored() -> None:
    """The document has the last word as soon as there is no run: a reload would show the same."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "", done=False)
        peer.tasks["k"] = ["t"]
        await client.live()
        chat = client.chat("k")
        client.open_window().show_chat("k")
        await chat.open()
        await begin(peer)
        await peer.emit("events", event("k", "a", "response:completion", piece("one two")))
        await until(lambda: chat.turns()[-1].content == "one two")
        peer.chats["k"] = row("k", "one ", done=False)
        peer.tasks["k"] = []
        await lose_and_find(peer, client)
        assert not chat.running
        assert chat.turns()[-1].content == "one "


async def test_a_run_that_ends_while_its_document_is_read_has_its_whole_text() -> None:
    """The document was read before the end and the runs after it: the document is read again."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "one ", done=False)
        await client.live()

        async def tasks(request: web.Request) -> web.StreamResponse:
            peer.chats["k"] = row("k", "one two three")
            return await peer.answer(request)

        peer.hooks["GET /api/tasks/chat/k"] = tasks
        await client.chat("k").open()
        assert client.chat("k").turns()[-1].content == "one two three"
        assert client.chat("k").turns()[-1].done


WORDS = [f"word{number} " for number in range(40)]


async def test_a_joiner_in_mid_answer_sees_neither_a_hole_nor_a_repeat_without_offsets() -> None:
    """W-45: 0.12.4 numbers no piece, and its documents overtake them: what is shown is always the beginning
    of the answer, and grows again as soon as a document has told where the pieces belong.
    """
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "".join(WORDS[:10]), done=False)
        peer.tasks["k"] = ["t"]
        await client.live()
        chat, shown = client.chat("k"), list[str]()
        await chat.open()
        chat.subscribe(lambda _: shown.append(chat.turns()[-1].content))
        for number in range(7, 30):  # Three of them stand in the document already.
            stored = "".join(WORDS[: max(number + 1, 10)])
            peer.chats["k"]["chat"]["history"]["messages"]["a"]["content"] = stored
            await peer.emit("events", event("k", "a", "response:completion", piece(WORDS[number])))
        await until(lambda: chat.turns()[-1].content == "".join(WORDS[:30]))
        for word in WORDS[30:]:
            await peer.emit("events", event("k", "a", "response:completion", piece(word)))
        await until(lambda: chat.turns()[-1].content == "".join(WORDS))
        assert shown
        assert all("".join(WORDS).startswith(text) for text in shown)


async def test_pieces_after_a_gap_are_held_back_until_their_place_is_known() -> None:
    """W-45: what was missed with the link is not skipped over, not even for a moment."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "", done=False)
        peer.tasks["k"] = ["t"]
        await client.live()
        chat, shown = client.chat("k"), list[str]()
        await chat.open()
        chat.subscribe(lambda _: shown.append(chat.turns()[-1].content))
        await begin(peer)
        for word in WORDS[:5]:
            await peer.emit("events", event("k", "a", "response:completion", piece(word)))
        await until(lambda: chat.turns()[-1].content == "".join(WORDS[:5]))
        await lose_and_find(peer, client)  # The document that is fetched now is older than the gap.
        for word in WORDS[12:30]:
            await peer.emit("events", event("k", "a", "response:completion", piece(word)))
        await peer.emit("events", event("k", "a", "chat:title", "Heard"))
        await until(lambda: chat.title == "Heard")
        assert chat.turns()[-1].content == "".join(WORDS[:5])
        peer.chats["k"]["chat"]["history"]["messages"]["a"]["content"] = "".join(WORDS[:28])
        await peer.emit("events", event("k", "a", "chat:reload", None))
        await until(lambda: chat.turns()[-1].content == "".join(WORDS[:30]))
        assert all("".join(WORDS).startswith(text) for text in shown)


async def test_pieces_that_the_inbox_had_no_room_for_leave_no_hole() -> None:
    """W-45: what comes after an overflow is held back, as after a lost link."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "", done=False)
        peer.tasks["k"] = ["t"]
        await client.live()
        chat = client.chat("k")
        await chat.open()
        words = [f"word{number} " for number in range(6_000)]
        client.open_window().show_chat("k")
        await begin(peer)
        await peer.emit("events", event("k", "a", "response:completion", piece(words[0])))
        await until(lambda: chat.turns()[-1].content == words[0])
        shown, more = list[str](), words[5_000:5_010]

        def arrive(pieces: list[str]) -> None:
            for word in pieces:
                client._parts.arrived("events", event("k", "a", "response:completion", piece(word)), None)

        def room_again(_: Any) -> None:
            arrive([more.pop(0)] if more else [])

        chat.subscribe(lambda _: shown.append(chat.turns()[-1].content))
        client.on(wire.ResponseDelta, room_again)
        arrive(words[1:5_000])  # All at once: nobody takes them meanwhile.
        await until(lambda: client.counts.typed > 4_096 + 5)
        assert all("".join(words).startswith(text) for text in shown)
        peer.chats["k"]["chat"]["history"]["messages"]["a"]["content"] = "".join(words[:5_010])
        await lose_and_find(peer, client)
        await until(lambda: chat.turns()[-1].content == "".join(words[:5_010]))


async def test_an_answer_heard_from_its_beginning_needs_no_document() -> None:
    """W-45: a document that overtakes the pieces on their way makes none of them stand twice."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        completing(peer, [{"kind": "response:completion", "data": piece(WORDS[0])}], client)
        chat = await client.new_chat("count", "m", message_id="q", turn_id="a")
        shown = list[str]()
        chat.subscribe(lambda _: shown.append(chat.turns()[-1].content))
        peer.chats["new"] = row("new", "".join(WORDS[:9]), done=False)
        peer.tasks["new"] = ["t"]
        await chat.refresh()
        for word in WORDS[1:]:
            await peer.emit("events", event("new", "a", "response:completion", piece(word)))
        await until(lambda: chat.turns()[-1].content == "".join(WORDS))
        assert all("".join(WORDS).startswith(text) for text in shown)


async def test_opening_a_chat_while_the_link_is_lost_and_found_gives_its_turns() -> None:
    """Catching up drops what nobody shows; what is just being opened is fetched again."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.chats["k"] = row("k", "old")
        await client.live()
        started, go = asyncio.Event(), asyncio.Event()

        async def slow(request: web.Request) -> web.StreamResponse:
            peer.hooks.pop("GET /api/v1/chats/k")
            answer = await peer.answer(request)
            started.set()
            await go.wait()
            return answer

        peer.hooks["GET /api/v1/chats/k"] = slow
        opening = asyncio.ensure_future(client.chat("k").open())
        await started.wait()
        peer.chats["k"] = row("k", "new")
        states: list[LinkState] = []
        release = client.link.subscribe(lambda link: states.append(link.state))
        client._parts.supervisor.ask_catch_up()
        await until(lambda: states[-2:] == [LinkState.CATCHING_UP, LinkState.LIVE])
        release()
        go.set()
        await opening
        assert client.chat("k").turns()[-1].content == "new"
