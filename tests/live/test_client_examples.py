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


async def _a_while_or(condition):  # type: ignore[no-untyped-def]  # as `until`, but not coming about is no failure
    try:
        await until(condition, seconds=0.3)
    except AssertionError:
        return
