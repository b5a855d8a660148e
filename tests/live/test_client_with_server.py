"""The client and the server, two processes: a conversation, a kill in the middle of it, and an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.client.peer import until
from tests.processes import NO_OLLAMA, AntiphonProcess

from antiphon import Client
from antiphon.client import LinkState, RunningChanged
from antiphon.client.clock import Delays
from antiphon.client.errors import NotFound, Rejected, Unreachable
from antiphon.wire import ChannelForm, MessageForm

PASSWORD = "a-good-password"
QUICK = replace(Delays(), retry_first=0.05, retry_most=0.2, read_throttle=0.01, refetch=0.02)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AntiphonProcess]:
    """A server of its own, with the built-in model alone."""
    with AntiphonProcess(tmp_path, "serve", env={"OLLAMA_BASE_URL": NO_OLLAMA}) as process:
        yield process


def general(client: Client) -> str:
    """Give the id of the channel `general`."""
    return next(entry.id for entry in client.channels.value if entry.name == "general")


def texts(client: Client, channel_id: str) -> list[str]:
    """Give what stands in a channel."""
    return [row.message.content for row in client.channel(channel_id).timeline.rows()]


async def test_two_people_see_each_others_messages_edits_reactions_and_typing(
    server: AntiphonProcess,
) -> None:
    """Everything that one does shows at the other, and what one sends is confirmed under its own key."""
    async with (
        Client.sign_up(server.url, "Ann", "ann@example.com", PASSWORD, delays=QUICK) as ann,
        Client.sign_up(server.url, "Bob", "bob@example.com", PASSWORD, delays=QUICK) as bob,
    ):
        await ann.live()
        await bob.live()
        channel = general(ann)
        here, there = ann.channel(channel), bob.channel(channel)
        await here.open()
        await there.open()

        here.typing()
        await until(lambda: [person.name for person in bob.typing.value.get(channel, ())] == ["Ann"])
        sent = await here.send("hello *Bob*", temp_id="one")
        row = here.timeline.row(sent.id)
        assert row is not None
        assert row.key == "one"
        assert row.state == "confirmed"
        await until(lambda: texts(bob, channel)[-1:] == ["hello *Bob*"])
        assert not bob.typing.value

        await there.react(sent.id, "thumbsup")
        await until(lambda: here.timeline.row(sent.id).message.reactions)  # type: ignore[union-attr]
        await here.edit(sent.id, "hello Bob")
        await until(lambda: texts(bob, channel)[-1:] == ["hello Bob"])
        answer = await there.send("hi", reply_to_id=sent.id)
        await until(lambda: texts(ann, channel)[-1:] == ["hi"])
        quote = here.timeline.row(answer.id).message.reply_to_message  # type: ignore[union-attr]
        assert quote is not None
        assert quote.content == "hello Bob"
        await there.delete(answer.id)
        await until(lambda: texts(ann, channel)[-1:] == ["hello Bob"])
        assert ann.counts.unknown == ann.counts.malformed == {}


async def test_a_repeated_temp_id_posts_once(server: AntiphonProcess) -> None:
    """`temp_id` is an idempotency key: a second client of the same person cannot double a message."""
    async with Client.sign_up(server.url, "Ann", "ann@example.com", PASSWORD, delays=QUICK) as ann:
        await ann.live()
        channel = general(ann)
        first = await ann.channel(channel).send("once", temp_id="same")
        async with Client(server.url, token=ann.token, delays=QUICK) as again:
            await again.live()
            assert (await again.channel(channel).send("once", temp_id="same")).id == first.id
            await again.channel(channel).open()
            assert texts(again, channel).count("once") == 1


async def test_after_a_kill_everything_missed_is_there_in_order(
    server: AntiphonProcess, tmp_path: Path
) -> None:
    """W-09: the server is killed; what others posted and what was typed meanwhile stands once, in order."""
    async with (
        Client.sign_up(server.url, "Ann", "ann@example.com", PASSWORD, delays=QUICK) as ann,
        Client.sign_up(server.url, "Bob", "bob@example.com", PASSWORD, delays=QUICK) as bob,
    ):
        await ann.live()
        await bob.live()
        channel = general(ann)
        ann.open_window().show_channel(channel)
        await ann.channel(channel).open()
        await ann.channel(channel).send("before")
        await asyncio.to_thread(server.kill)
        await until(lambda: ann.link.value.state is LinkState.WAITING)
        typed = ann.channel(channel).send("typed while it was gone")
        await until(lambda: texts(ann, channel)[-1] == "typed while it was gone")
        await asyncio.to_thread(server.start)
        for n in range(5):
            await bob.rest.channels.post(channel, MessageForm(content=f"missed {n}"))
        await asyncio.wait_for(ann.live(), 20)
        stored = await asyncio.wait_for(_sent(typed), 20)
        await bob.channel(channel).open()
        await until(lambda: texts(ann, channel) == texts(bob, channel))
        assert sorted(texts(ann, channel)) == sorted(
            ["before", *(f"missed {n}" for n in range(5)), "typed while it was gone"]
        )
        assert ann.channel(channel).timeline.row(stored.id).key == typed.temp_id  # type: ignore[union-attr]


async def test_a_channel_renamed_and_deleted_elsewhere_changes_here(server: AntiphonProcess) -> None:
    """W-71: our server tells, and the list follows."""
    async with (
        Client.sign_up(server.url, "Ann", "ann@example.com", PASSWORD, delays=QUICK) as ann,
        Client.sign_up(server.url, "Bob", "bob@example.com", PASSWORD, delays=QUICK) as bob,
    ):
        await ann.live()
        await bob.live()
        made = await ann.rest.channels.create(ChannelForm(name="plans"))
        await until(lambda: made.id in {entry.id for entry in bob.channels.value})
        await bob.channel(made.id).open()
        await ann.rest.channels.update(made.id, ChannelForm(name="schemes"))
        await until(lambda: bob.channel(made.id).detail.value.name == "schemes")  # type: ignore[union-attr]
        await ann.rest.channels.delete(made.id)
        await until(lambda: made.id not in {entry.id for entry in bob.channels.value})
        assert bob.channel(made.id).detail.value is None
        with pytest.raises(NotFound):
            await bob.channel(made.id).open()


async def test_reading_in_one_window_is_told_to_the_other(server: AntiphonProcess) -> None:
    """W-27: what is looked at is read, and unread counts agree."""
    async with (
        Client.sign_up(server.url, "Ann", "ann@example.com", PASSWORD, delays=QUICK) as ann,
        Client.sign_up(server.url, "Bob", "bob@example.com", PASSWORD, delays=QUICK) as bob,
        Client(server.url, token=bob.token, delays=QUICK) as phone,
    ):
        for client in (ann, bob, phone):
            await client.live()
        channel = general(ann)

        def unread(client: Client) -> int:
            return next(entry.unread_count for entry in client.channels.value if entry.id == channel)

        await ann.channel(channel).send("one")
        await until(lambda: unread(bob) == unread(phone) == 1)
        window = bob.open_window()
        window.show_channel(channel)
        window.focus(True)
        await until(lambda: unread(bob) == unread(phone) == 0)
        await ann.channel(channel).send("two")
        await until(lambda: texts(bob, channel)[-1:] in (["two"], []) and unread(phone) == 0)


async def test_an_answer_is_streamed_stored_and_titled(server: AntiphonProcess) -> None:
    """The built-in model writes; another window of the same person sees the same, and the document agrees."""
    async with (
        Client.sign_up(server.url, "Ann", "ann@example.com", PASSWORD, delays=QUICK) as ann,
        Client(server.url, token=ann.token, delays=QUICK) as other,
    ):
        await ann.live()
        await other.live()
        model = (await ann.models())[0].id
        chat = await ann.new_chat("I feel tired of testing", model)
        ended = asyncio.Event()
        chat.subscribe(lambda change: ended.set() if change == RunningChanged(False) else None)
        if chat.running:
            await asyncio.wait_for(ended.wait(), 20)
        answer = chat.turns()[-1]
        assert answer.done
        assert answer.content
        await until(lambda: [entry.id for entry in other.chats.value] == [chat.id])
        await until(lambda: chat.title not in {"", "New Chat"})
        stored = await ann.rest.chats.get(chat.id)
        assert stored.chat.history is not None
        assert stored.chat.history.messages[answer.id].content == answer.content
        ended.clear()
        shown = other.chat(chat.id)
        await shown.open()
        await chat.ask("And now?", model)
        await asyncio.wait_for(ended.wait(), 20)
        await until(lambda: [t.content for t in shown.turns()] == [t.content for t in chat.turns()])
        assert len(chat.turns()) == 4


async def test_bad_input_gets_a_clear_error_and_harms_nobody(server: AntiphonProcess) -> None:
    """An empty message, one of a megabyte, a channel that is gone, an unknown model: said, not suffered."""
    async with Client.sign_up(server.url, "Ann", "ann@example.com", PASSWORD, delays=QUICK) as ann:
        await ann.live()
        channel = ann.channel(general(ann))
        await channel.open()
        for text in ("", "x" * 2**20):
            sending = channel.send(text)
            await until(lambda sending=sending: sending.state == "failed")
            assert sending.error
            row = channel.timeline.row(sending.temp_id)
            assert row is not None
            assert row.state == "failed"
            channel.discard(sending.temp_id)
        for bad in ("gone", "../auths", "a/b", ".."):
            with pytest.raises((NotFound, Rejected)):
                await ann.channel(bad).open()
        with pytest.raises((NotFound, Rejected)):
            await ann.new_chat("hello", "no such model")
        assert (await channel.send("still here")).content == "still here"


async def test_a_link_that_never_was_is_not_asked_through(server: AntiphonProcess) -> None:
    """A question without a link is refused at once, in words."""
    async with Client.sign_up(server.url, "Ann", "ann@example.com", PASSWORD, delays=QUICK) as ann:
        await ann.live()
        await asyncio.to_thread(server.kill)
        await until(lambda: ann.link.value.state is LinkState.WAITING)
        with pytest.raises(Unreachable, match="no link"):
            await ann.new_chat("hello", "eliza")


async def _sent(sending):  # type: ignore[no-untyped-def]  # an awaitable object as a coroutine
    return await sending
