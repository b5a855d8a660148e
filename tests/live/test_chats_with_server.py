"""Chats between two clients of one person and a real server: branches, joining in mid answer, what goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.client.peer import until
from tests.processes import NO_OLLAMA, AntiphonProcess

from antiphon import Client
from antiphon.client.clock import Delays
from antiphon.client.errors import NotFound

PASSWORD = "a-good-password"
QUICK = replace(Delays(), retry_first=0.05, retry_most=0.2, read_throttle=0.01, refetch=0.02)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AntiphonProcess]:
    """A server of its own, with the built-in model alone."""
    with AntiphonProcess(tmp_path, "serve", env={"OLLAMA_BASE_URL": NO_OLLAMA}) as process:
        yield process


async def test_two_windows_of_a_person_agree_on_the_tree_of_a_chat(server: AntiphonProcess) -> None:
    """Asked, answered again, asked in other words, switched, deleted: the other window ends with the same."""
    async with (
        Client.sign_up(server.url, "Ann", "ann@example.com", PASSWORD, delays=QUICK) as ann,
        Client.sign_in(server.url, "ann@example.com", PASSWORD, delays=QUICK) as other,
    ):
        await ann.live()
        await other.live()
        model = (await ann.models())[0].id
        chat = await ann.new_chat("I feel blue", model)
        there = other.chat(chat.id)
        await there.open()
        there.subscribe(lambda _: None)
        first = await chat.answer().finished()
        await until(lambda: [turn.content for turn in there.turns()][1:] == [first.content])

        pieces = [delta async for delta in chat.ask("Because of the rain")]
        assert "".join(pieces) == chat.turns()[-1].content
        second = chat.turns()[-1].id
        await until(lambda: [turn.id for turn in there.turns()] == [turn.id for turn in chat.turns()])
        await until(lambda: not there.running)

        again = chat.regenerate(second)
        await again.finished()
        assert chat.siblings(second) == (second, again.turn_id)
        await until(lambda: [turn.id for turn in there.turns()] == [turn.id for turn in chat.turns()])
        assert there.siblings(second) == (second, again.turn_id)

        edited = chat.edit_question(chat.turns()[0].id, "I feel green")
        await edited.finished()
        assert [turn.content for turn in chat.turns()] == ["I feel green", edited.text]
        await chat.switch(first.id)
        assert len(chat.turns()) == 4
        await chat.delete_message(second)
        await chat.refresh()
        await until(lambda: there.turn(second) is None)
        await there.refresh()
        assert [turn.id for turn in there.turns()] == [turn.id for turn in chat.turns()]

        await chat.pin()
        await until(lambda: [entry.id for entry in other.pinned_chats.value] == [chat.id])
        assert [tag.name for tag in await chat.add_tag("Weather")] == ["Weather"]
        await chat.delete()
        await until(lambda: not other.pinned_chats.value)
        with pytest.raises(NotFound):
            await there.refresh()


async def test_a_temporary_chat_is_answered_and_stored_nowhere(server: AntiphonProcess) -> None:
    """It goes on over several questions, and no list has it."""
    async with Client.sign_up(server.url, "Ann", "ann@example.com", PASSWORD, delays=QUICK) as ann:
        await ann.live()
        model = (await ann.models())[0].id
        chat = ann.temporary_chat()
        assert [delta async for delta in chat.ask("I feel blue", model)]
        assert (await chat.ask("Because of the rain").finished()).done
        assert len(chat.turns()) == 4
        assert await ann.rest.chats.list() == []
        with pytest.raises(NotFound):
            await ann.rest.chats.get(chat.id)
