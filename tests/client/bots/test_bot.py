"""A bot's promise: each message of others is handled once, in order, and nothing that a handler does ends
it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from tests.client.hands import QUICK
from tests.client.peer import Peer, serving, until

from antiphon import Bot, Client, IncomingMessage, IncomingReaction, SignedOut
from antiphon.client import LinkState
from antiphon.client.bots.conversations import Conversations

DELAYS = replace(QUICK, random=lambda: 0.0)


def make(peer: Peer, **options: Any) -> Bot:
    """Make a bot for the account `me` of a peer."""
    return Bot(Client(peer.url, token="token-me", delays=DELAYS, durable=False), **options)


@asynccontextmanager
async def running(bot: Bot) -> AsyncIterator[asyncio.Task[None]]:
    """Run a bot beside the test, and end it."""
    task = asyncio.create_task(bot.serve())
    ready = asyncio.create_task(bot.ready.wait())
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    try:
        yield task
    finally:
        bot.stop()
        await asyncio.gather(task, return_exceptions=True)


async def say(peer: Peer, text: str, **more: Any) -> dict[str, Any]:
    """Let somebody say something."""
    message = peer.add_message(text, **more)
    await peer.tell("message", message)
    return message


def said_by_me(peer: Peer, channel: str = "c") -> list[str]:
    """Give what the bot has posted."""
    return [one["content"] for one in peer.messages[channel] if one["user_id"] == "me"]


async def test_a_bot_cut_off_for_a_while_answers_what_was_said_meanwhile_in_order_once() -> None:
    """The server is away; five messages are posted in front of others; then each gets its answer."""
    async with serving(antiphon="1") as peer:
        bot = make(peer)

        @bot.on_message
        async def answer(message: IncomingMessage) -> None:
            await message.reply(f"re: {message.text}")

        async with running(bot):
            await say(peer, "before")
            await until(lambda: said_by_me(peer) == ["re: before"])
            await peer.stop()
            await until(lambda: bot.client.link.value.state is LinkState.WAITING)
            for n in range(5):
                peer.add_message(f"{n}")
            await peer.start()
            await until(lambda: len(said_by_me(peer)) == 6)
            await say(peer, "after")
            await until(lambda: "re: after" in said_by_me(peer))
        assert said_by_me(peer) == ["re: before", *(f"re: {n}" for n in range(5)), "re: after"]


async def test_own_messages_are_never_handled() -> None:
    """A bot that repeats everything does not answer itself, whichever device of its account wrote."""
    async with serving() as peer:
        bot = make(peer)

        @bot.on_message
        async def echo(message: IncomingMessage) -> None:
            await message.reply(message.text)

        async with running(bot):
            await say(peer, "from my phone", user="me")
            await say(peer, "hello")
            await until(lambda: len(said_by_me(peer)) == 2)
            await say(peer, "again")
            await until(lambda: "again" in said_by_me(peer))
        assert said_by_me(peer) == ["from my phone", "hello", "again"]


async def test_a_reply_quotes_and_stays_in_its_thread() -> None:
    """`reply` answers where the message stands, `reply_in_thread` in the thread under it or around it."""
    async with serving() as peer:
        bot = make(peer)

        @bot.on_message
        async def both(message: IncomingMessage) -> None:
            await message.reply("quoted")
            await message.reply_in_thread("below")

        async with running(bot):
            top = await say(peer, "top")
            await until(lambda: len(said_by_me(peer)) == 2)
            inner = await say(peer, "inside", parent_id=top["id"])
            await until(lambda: len(said_by_me(peer)) == 4)
        mine = [one for one in peer.messages["c"] if one["user_id"] == "me"]
        assert [(one["reply_to_id"], one["parent_id"]) for one in mine] == [
            (top["id"], None), (None, top["id"]), (inner["id"], top["id"]), (None, top["id"])
        ]  # fmt: skip


async def test_a_mention_goes_to_its_own_handler_readable() -> None:
    """With a handler of mentions the other one does not get them; without one it does."""
    heard: list[tuple[str, str]] = []
    async with serving() as peer:
        bot = make(peer)

        @bot.on_message
        def other(message: IncomingMessage) -> None:
            heard.append(("message", message.text))

        @bot.on_mention
        def named(message: IncomingMessage) -> None:
            heard.append(("mention", message.text))

        async with running(bot):
            await say(peer, "<@U:me|Me> hello")
            await say(peer, "<@U:ann|Ann> hello")
            await until(lambda: len(heard) == 2)
        assert sorted(heard) == [("mention", "@Me hello"), ("message", "@Ann hello")]


async def test_a_reaction_of_somebody_else_is_handled() -> None:
    """Own ones are not."""
    heard: list[tuple[str, str, str]] = []
    async with serving() as peer:
        bot = make(peer)

        @bot.on_reaction
        def reacted(reaction: IncomingReaction) -> None:
            heard.append((reaction.name, reaction.author.name, reaction.message.text))

        message = peer.add_message("look")
        async with running(bot):
            for person in ("me", "ann"):
                envelope = {
                    "channel_id": "c",
                    "message_id": message["id"],
                    "data": {"type": "message:reaction:add", "data": {**message, "name": "eyes"}},
                    "user": {"id": person, "name": person.title()},
                }
                await peer.emit("events:channel", envelope)
            await until(lambda: heard)
        assert heard == [("eyes", "Ann", "look")]


async def test_one_conversation_waits_for_its_handler_and_others_do_not() -> None:
    """A slow answer in one channel keeps the order there and holds up nobody elsewhere, threads included."""
    going: list[str] = []
    go = asyncio.Event()
    async with serving() as peer:
        peer.add_channel({**peer.channels["c"], "id": "d", "name": "other"})
        bot = make(peer)

        @bot.on_message
        async def slow(message: IncomingMessage) -> None:
            going.append(message.text)
            await go.wait()
            going.append(f"{message.text} done")

        async with running(bot):
            root = await say(peer, "1")
            await say(peer, "2")
            await say(peer, "in a thread", parent_id=root["id"])
            await say(peer, "elsewhere", channel="d")
            await until(lambda: len(going) == 3)
            assert sorted(going) == ["1", "elsewhere", "in a thread"]
            go.set()
            await until(lambda: "2 done" in going)
        assert going.index("1 done") < going.index("2")


async def test_an_error_in_a_handler_is_logged_told_and_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither does one in the handler of errors."""
    told: list[tuple[str, str]] = []
    async with serving() as peer:
        bot = make(peer)

        @bot.on_message
        async def fails(message: IncomingMessage) -> None:
            if message.text == "bad":
                raise ValueError("boom")
            await message.reply("fine")

        @bot.on_error
        def tell(error: Exception, given: IncomingMessage | IncomingReaction) -> None:
            assert isinstance(given, IncomingMessage)
            told.append((str(error), given.text))
            raise RuntimeError("and another")

        with caplog.at_level(logging.ERROR, "antiphon.client.bots.bot"):
            async with running(bot):
                await say(peer, "bad")
                await say(peer, "good")
                await until(lambda: said_by_me(peer) == ["fine"])
        assert told == [("boom", "bad")]
        assert "a handler raised an error" in caplog.text


async def test_what_is_under_way_is_finished_at_the_end_and_what_waits_is_left() -> None:
    """The handler that runs gets its time, and what it sends leaves; the next one does not begin."""
    began, go = asyncio.Event(), asyncio.Event()
    async with serving() as peer:
        bot = make(peer)

        @bot.on_message
        async def slow(message: IncomingMessage) -> None:
            began.set()
            await go.wait()
            message.reply(f"done {message.text}")

        async with running(bot) as task:
            await say(peer, "1")
            await say(peer, "2")
            await began.wait()
            await until(lambda: bot._work.waiting("c") == 1)
            bot.stop()
            go.set()
            await task
        assert said_by_me(peer) == ["done 1"]


async def test_a_handler_that_hangs_does_not_keep_the_bot_from_ending() -> None:
    """The time for what is under way has a limit."""
    began = asyncio.Event()
    cut = asyncio.Event()
    async with serving() as peer:
        bot = make(peer, finish_within=0.05)

        @bot.on_message
        async def hangs(message: IncomingMessage) -> None:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                cut.set()

        async with running(bot) as task:
            await say(peer, "1")
            await began.wait()
            bot.stop()
            await task
        assert cut.is_set()


async def test_a_bot_whose_token_ends_says_so() -> None:
    """`serve` raises `SignedOut`, so that whoever keeps the process alive learns why it ended."""
    async with serving() as peer:
        bot = make(peer)
        async with running(bot) as task:
            peer.users.pop("token-me")
            peer.cut()
            with pytest.raises(SignedOut):
                await task


async def test_a_bot_listens_only_where_it_is_told_to() -> None:
    """By name for the whole bot, and for one handler."""
    heard: list[str] = []
    async with serving() as peer:
        for name in ("here", "there", "nowhere"):
            peer.add_channel({**peer.channels["c"], "id": name, "name": name.title()})
        bot = make(peer, channels=["#here", "there"])

        @bot.on_message(channel="There")
        def only(message: IncomingMessage) -> None:
            heard.append(f"there: {message.text} in {message.channel_name}")

        @bot.on_message
        def everywhere(message: IncomingMessage) -> None:
            heard.append(message.text)

        async with running(bot):
            for name in ("nowhere", "here", "there"):
                await say(peer, name, channel=name)
            await until(lambda: len(heard) == 3)
        assert sorted(heard) == ["here", "there", "there: there in There"]


async def test_a_bot_says_which_of_its_channels_there_are_none_of(caplog: pytest.LogCaptureFixture) -> None:
    """A slip in a name would look as if nobody said anything; it is said once, and waited for."""
    async with serving() as peer:
        bot = make(peer, channels=["General", "genral"])

        @bot.on_message(channel="#hepl")
        def help_them(message: IncomingMessage) -> None: ...

        peer.add_channel({**peer.channels["c"], "name": "general"})
        with caplog.at_level(logging.WARNING, "antiphon.client.bots"):
            async with running(bot):
                await bot.client.live()
                peer.cut()
                await until(lambda: bot.client.link.value.state is not LinkState.LIVE)
                await bot.client.live()
        said = [record.getMessage() for record in caplog.records if "no channel" in record.getMessage()]
        assert said == [
            f"this account has no channel {name!r}; the bot waits for it all the same"
            for name in ("#hepl", "genral")
        ]


async def test_the_messages_before_one_are_fetched_in_order() -> None:
    """A handler sees what was said, own words too, in the channel or in the thread."""
    seen: list[list[str]] = []
    async with serving() as peer:
        bot = make(peer)
        root = peer.add_message("zero")
        for n in range(60):
            peer.add_message(f"{n}", user="me" if n == 59 else "ann")

        @bot.on_message
        async def look(message: IncomingMessage) -> None:
            seen.append([one.content for one in await message.history(3)])

        async with running(bot):
            await say(peer, "now")
            await until(lambda: len(seen) == 1)
            await say(peer, "a", parent_id=root["id"])
            await until(lambda: len(seen) == 2)
            await say(peer, "b", parent_id=root["id"])
            await until(lambda: len(seen) == 3)
        assert seen == [["57", "58", "59"], [], ["a"]]


async def test_history_is_handled_and_says_what_it_is() -> None:
    """A bot that wants to know what was said before it came."""
    seen: list[tuple[str, str]] = []
    async with serving() as peer:
        for n in range(4):
            peer.add_message(f"{n}")
        bot = make(peer, history=2)

        @bot.on_message
        def look(message: IncomingMessage) -> None:
            seen.append((message.text, message.origin))

        async with running(bot):
            await say(peer, "now")
            await until(lambda: len(seen) == 3)
        assert seen == [("2", "history"), ("3", "history"), ("now", "live")]


async def test_a_flood_is_handled_whole_and_no_more_than_some_of_it_is_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What does not fit in front of a slow handler is fetched when there is room again."""
    monkeypatch.setattr("antiphon.client.bots.bot.MOST_WAITING", 5)
    go = asyncio.Event()
    seen: list[str] = []
    async with serving() as peer:
        bot = make(peer)

        @bot.on_message
        async def slow(message: IncomingMessage) -> None:
            await go.wait()
            seen.append(message.text)

        async with running(bot):
            for n in range(40):
                await say(peer, f"{n}")
            await until(lambda: bot.client.counts.typed >= 40)
            assert bot._work.waiting("c") == 5
            go.set()
            await until(lambda: len(seen) == 40)
        assert seen == [str(n) for n in range(40)]


async def test_no_more_conversations_go_on_at_once_than_are_allowed() -> None:
    """Ten places have something to do, three of them at a time."""
    busy = most = 0
    done: list[int] = []

    async def work(job: int) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        for _ in range(3):
            await asyncio.tasks.__sleep0()  # type: ignore[attr-defined]  # a turn of the loop, no time
        busy -= 1
        done.append(job)

    emptied: list[str] = []
    places: Conversations[int] = Conversations(3, work, emptied.append)
    for n in range(20):
        places.put((f"{n % 10}", None), n)
    await until(lambda: len(done) == 20)
    assert most == 3
    assert sorted(emptied) == [str(n) for n in range(10)]
    await until(lambda: places.tasks == 0)
