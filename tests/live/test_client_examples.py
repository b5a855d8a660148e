"""The examples do what they say, as programs of their own, against a real server."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.client.peer import until
from tests.processes import NO_OLLAMA, AntiphonProcess, inherited_environment

from antiphon import Client
from antiphon.client import LinkState
from antiphon.client.clock import Delays
from antiphon.client.logins import Login, Logins
from antiphon.wire import ChannelForm, MessageForm

QUICK = replace(Delays(), refetch=0.02, retry_first=0.05, retry_most=0.2)
PASSWORD = "a-good-password"


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[AntiphonProcess, Client]]:
    """Run a server with Ann, who talks, and Bot, as whom programs are signed in."""
    with AntiphonProcess(folder / "server", "serve", env={"OLLAMA_BASE_URL": NO_OLLAMA}) as server:
        async with Client.sign_up(server.url, "Ann", "ann@example.com", PASSWORD, delays=QUICK) as ann:
            async with Client.sign_up(server.url, "Bot", "bot@example.com", PASSWORD, delays=QUICK) as bot:
                login = Login(server.url, bot.token or "", name="Bot")
                await asyncio.to_thread(Logins(folder / "config").keep, login)
            await ann.live()
            yield server, ann


def environment(folder: Path) -> dict[str, str]:
    """The settings that a program sees."""
    own = {"ANTIPHON_CONFIG_DIR": str(folder / "config"), "ANTIPHON_CLIENT_DIR": str(folder / "client")}
    return inherited_environment() | own


async def run(folder: Path, example: Path, *words: str) -> tuple[int | None, str]:
    """Run an example to its end; give its exit status and what it printed."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, str(example), *words,
        env=environment(folder), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    printed, _ = await program.communicate()
    return program.returncode, printed.decode()


@asynccontextmanager
async def running(folder: Path, example: Path, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run an example beside the test; its end by SIGTERM must be a good one."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, str(example), *words, env=environment(folder), stderr=asyncio.subprocess.PIPE
    )
    try:
        yield program
        program.send_signal(signal.SIGTERM)
        _, complaints = await asyncio.wait_for(program.communicate(), 15)
        assert program.returncode == 0, complaints.decode()
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()


async def a_while_or(condition) -> None:  # type: ignore[no-untyped-def]  # as `until`, but no failure
    """Wait a little for something that need not come about."""
    try:
        await until(condition, seconds=0.3)
    except AssertionError:
        return


async def test_the_echo_bot_answers_what_was_said_while_the_server_was_away_once_and_in_order(
    tmp_path: Path, repository: Path
) -> None:
    """The server is killed and comes back with five messages that the bot has not heard: five answers."""
    async with serving(tmp_path) as (server, ann):
        channel = await ann.find_channel("general")
        await channel.open()

        async def answers() -> list[str]:
            found = []
            for message in reversed(await ann.rest.channels.messages(channel.id)):
                replies = await ann.rest.channels.thread(channel.id, message.id)
                found += [one for one in replies if one.parent_id]
            return [one.content for one in sorted(found, key=lambda one: one.created_at)]

        async def answered(text: str) -> None:
            for _ in range(100):
                if text in (found := await answers()):
                    return
                await a_while_or(lambda: False)
            pytest.fail(f"no answer to {text!r}, only {found}")

        async with running(tmp_path, repository / "examples" / "echo_bot.py"):
            asked = []
            while not await answers():  # The bot hears only what is said after it has come.
                asked.append((await channel.send(f"are you there {len(asked)}")).content)
                assert len(asked) < 60
                await a_while_or(lambda: channel.timeline.rows()[-1].message.reply_count)
            heard = await answers()
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            for n in range(5):
                await ann.rest.channels.post(channel.id, MessageForm(content=f"missed {n}"))
            await until(lambda: ann.link.value.state is LinkState.LIVE, 20)
            await answered("missed 4")
            await channel.send("last")
            await answered("last")
            said = [one for one in await answers() if one not in heard]
            assert [one for one in said if not one.startswith("are you")] == [
                *(f"missed {n}" for n in range(5)),
                "last",
            ]


async def test_the_bridge_carries_both_ways_and_nothing_back(tmp_path: Path, repository: Path) -> None:
    """What Ann says on one side stands on the other under her name, once, and comes back from neither."""
    async with serving(tmp_path) as (server, ann):
        here = await ann.find_channel("general")
        there = ann.channel((await ann.rest.channels.create(ChannelForm(name="there"))).id)
        await here.open()
        await there.open()

        def texts(channel: object) -> list[str]:
            return [row.message.content for row in channel.timeline.rows()]  # type: ignore[attr-defined]

        bridge = repository / "examples" / "bridge.py"
        async with running(tmp_path, bridge, server.url, "general", server.url, "there"):
            tries = 0
            while not any(text.startswith("Ann: hello") for text in texts(there)):
                tries += 1
                assert tries < 60
                await here.send(f"hello {tries}")
                await a_while_or(lambda: texts(there))
            await there.send("and back")
            await until(lambda: "Ann: and back" in texts(here), 20)
            await here.send("done")
            await until(lambda: "Ann: done" in texts(there), 20)
        assert not [text for text in texts(here) + texts(there) if text.startswith(("Bot:", "Ann: Ann:"))]
        assert texts(here).count("Ann: and back") == texts(there).count("Ann: done") == 1


async def test_an_alert_is_in_the_channel_when_its_program_ends(tmp_path: Path, repository: Path) -> None:
    """It says by its exit status whether the message is stored, and names a channel that is not there."""
    async with serving(tmp_path) as (_, ann):
        alert = repository / "examples" / "alert.py"
        assert await run(tmp_path, alert, "general", "the disk is full") == (0, "")
        channel = await ann.find_channel("general")
        await channel.open()
        assert channel.timeline.rows()[-1].message.content == "the disk is full"
        status, printed = await run(tmp_path, alert, "nowhere", "hello")
        assert status == 1
        assert "no channel 'nowhere'" in printed


async def test_an_alert_that_is_begun_while_the_server_is_away_waits_for_it(
    tmp_path: Path, repository: Path
) -> None:
    """However long that takes: it is stored once when the program ends."""
    async with serving(tmp_path) as (server, ann):
        await asyncio.to_thread(server.kill)
        alert = repository / "examples" / "alert.py"
        begun = asyncio.create_task(run(tmp_path, alert, "general", "the cat is away"))
        await until((tmp_path / "client" / "accounts").exists, 20)  # it runs, and has nobody to talk to
        await asyncio.to_thread(server.start)
        assert await begun == (0, "")
        await until(lambda: ann.link.value.state is LinkState.LIVE, 20)
        channel = await ann.find_channel("general")
        said = [message.content for message in await ann.rest.channels.messages(channel.id)]
        assert said.count("the cat is away") == 1


async def test_an_example_says_in_one_line_that_nobody_is_signed_in(tmp_path: Path, repository: Path) -> None:
    """And what to do about it."""
    for name in ("alert.py", "ask_model.py"):
        status, printed = await run(tmp_path, repository / "examples" / name, "general", "hello")
        assert (status, printed.count("\n")) == (1, 1), printed
        assert "antiphon login" in printed


async def test_an_answer_is_printed_whole_while_it_is_written(tmp_path: Path, repository: Path) -> None:
    """What is printed piece by piece is what the server stored."""
    async with serving(tmp_path) as (server, _):
        ask = repository / "examples" / "ask_model.py"
        status, printed = await run(tmp_path, ask, "I", "am", "sad")
        assert status == 0, printed
        login = await asyncio.to_thread(Logins(tmp_path / "config").find, server.url)
        async with Client(server.url, token=login.token, delays=QUICK) as bot:
            (entry,) = await bot.rest.chats.list()
            chat = bot.chat(entry.id)
            await chat.open()
            assert [turn.content for turn in chat.turns()] == ["I am sad", printed.removesuffix("\n")]


@pytest.mark.parametrize("example", ["echo_bot.py", "bridge.py", "alert.py"])
def test_an_example_is_ten_lines(example: str, repository: Path) -> None:
    """Of its own: without imports, docstrings, blank lines, and what only starts it."""
    text = (repository / "examples" / example).read_text("utf-8")
    begun = text.partition("if __name__")[0]
    lines = [line.strip() for line in begun.splitlines()]
    own = [line for line in lines if line and not line.startswith(('"""', "import", "from", "#"))]
    assert len(own) <= 10, own


def test_examples_say_where_the_person_comes_from(repository: Path) -> None:
    """No example holds an address or a password."""
    for file in (repository / "examples").glob("*.py"):
        text = file.read_text("utf-8")
        assert "http://" not in text
        assert "password" not in text.lower()
