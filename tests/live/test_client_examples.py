"""The examples do what they say, as programs of their own."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

from tests.client.peer import until
from tests.processes import NO_OLLAMA, AntiphonProcess

from antiphon import Client
from antiphon.client.clock import Delays

QUICK = replace(Delays(), refetch=0.02)
PASSWORD = "a-good-password"


async def test_the_ping_bot_answers_ping(tmp_path: Path, repository: Path) -> None:
    """Ten lines are a bot: it signs in, hears a message, and answers in the channel, quoting it."""
    with AntiphonProcess(tmp_path, "serve", env={"OLLAMA_BASE_URL": NO_OLLAMA}) as server:
        async with Client.sign_up(server.url, "Ann", "ann@example.com", PASSWORD, delays=QUICK) as ann:
            async with Client.sign_up(server.url, "Bot", "bot@example.com", PASSWORD, delays=QUICK):
                pass
            await ann.live()
            channel = ann.channel(ann.channels.value[0].id)
            await channel.open()
            env = {"BOT_SERVER": server.url, "BOT_EMAIL": "bot@example.com", "BOT_PASSWORD": PASSWORD}
            bot = await asyncio.create_subprocess_exec(
                sys.executable, str(repository / "examples" / "ping_bot.py"), env=os.environ | env
            )
            try:
                # The bot hears only what is said after it has come.
                pings = 0
                while not any(row.message.content == "pong" for row in channel.timeline.rows()):
                    pings += 1
                    assert pings < 60
                    await channel.send("ping")
                    await _a_while_or(lambda: channel.timeline.rows()[-1].message.content == "pong")
                answer = next(row.message for row in channel.timeline.rows() if row.message.content == "pong")
                assert answer.user is not None
                assert answer.user.name == "Bot"
                assert answer.reply_to_message is not None
                assert answer.reply_to_message.content == "ping"
            finally:
                bot.terminate()
                await bot.wait()


async def run(example: Path, server: str, email: str, *words: str) -> tuple[int | None, str]:
    """Run an example to its end; give its exit status and what it printed."""
    env = {"BOT_SERVER": server, "BOT_EMAIL": email, "BOT_PASSWORD": PASSWORD}
    program = await asyncio.create_subprocess_exec(
        sys.executable, str(example), *words,
        env=os.environ | env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    printed, _ = await program.communicate()
    return program.returncode, printed.decode()


async def test_an_alert_is_in_the_channel_when_its_program_ends(tmp_path: Path, repository: Path) -> None:
    """It says by its exit status whether the message is stored, and names a channel that is not there."""
    with AntiphonProcess(tmp_path, "serve", env={"OLLAMA_BASE_URL": NO_OLLAMA}) as server:
        async with Client.sign_up(server.url, "Ann", "ann@example.com", PASSWORD, delays=QUICK) as ann:
            await ann.live()
            alert = repository / "examples" / "alert.py"
            assert await run(alert, server.url, "ann@example.com", "general", "the disk is full") == (0, "")
            channel = ann.channel(ann.channels.value[0].id)
            await channel.open()
            assert channel.timeline.rows()[-1].message.content == "the disk is full"
            status, printed = await run(alert, server.url, "ann@example.com", "nowhere", "hello")
            assert status == 1
            assert "no channel 'nowhere'" in printed


async def test_an_answer_is_printed_whole_while_it_is_written(tmp_path: Path, repository: Path) -> None:
    """What is printed piece by piece is what the server stored."""
    with AntiphonProcess(tmp_path, "serve", env={"OLLAMA_BASE_URL": NO_OLLAMA}) as server:
        async with Client.sign_up(server.url, "Ann", "ann@example.com", PASSWORD, delays=QUICK) as ann:
            await ann.live()
            ask = repository / "examples" / "ask_model.py"
            status, printed = await run(ask, server.url, "ann@example.com", "I", "am", "sad")
            assert status == 0, printed
            (entry,) = await ann.rest.chats.list()
            chat = ann.chat(entry.id)
            await chat.open()
            assert [turn.content for turn in chat.turns()] == ["I am sad", printed.removesuffix("\n")]


async def _a_while_or(condition):  # type: ignore[no-untyped-def]  # as `until`, but not coming about is no failure
    try:
        await until(condition, seconds=0.3)
    except AssertionError:
        return
