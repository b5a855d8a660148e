"""Processes that are killed outright with messages on their way: each arrives, once, in its order."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from tests.processes import AntiphonProcess, inherited_environment
from tests.server.serving import PASSWORD

from antiphon import Client
from antiphon.client.outbox.ledger import unsent_in

SENDER = """
import asyncio, sys
from antiphon import Client
from antiphon.client.clock import Delays

async def main(url, token, channel, first, count, pause):
    delays = Delays(retry_first=0.05, retry_most=0.2, lease=2, storage_watch=0.2)
    async with Client(url, token=token, delays=delays) as client:
        for number in range(first, first + count):
            sending = client.channel(channel).send(f"message {number:03}", temp_id=f"t{number:03}")
            while sending.state != "confirmed" and all(
                one.temp_id != sending.temp_id for one in client.unsent_messages.value
            ):
                await asyncio.sleep(0)
            print("written", number, flush=True)
            await asyncio.sleep(pause)
        while client.unsent:
            await asyncio.sleep(0.01)
        print("all sent", flush=True)

url, token, channel, first, count, pause = sys.argv[1:]
asyncio.run(main(url, token, channel, int(first), int(count), float(pause)))
"""


class Sender:
    """A process of its own that writes messages into a channel until it is killed."""

    def __init__(self, url: str, token: str, channel: str, first: int, count: int, pause: float) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SENDER, url, token, channel, str(first), str(count), str(pause)],
            stdout=subprocess.PIPE,
            text=True,
            env=inherited_environment(),
        )

    def read_until(self, line: str) -> None:
        """Wait for a printed line."""
        assert self.process.stdout is not None
        for read in self.process.stdout:
            if read.strip() == line:
                return
        raise AssertionError(f"it ended without {line!r}")

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AntiphonProcess]:
    """A server of its own."""
    with AntiphonProcess(tmp_path / "server", "serve") as process:
        yield process


async def stored(client: Client, channel: str) -> list[str]:
    """Give all texts of a channel, oldest first."""
    texts: list[str] = []
    while page := await client.rest.channels.messages(channel, len(texts), 50):
        texts += [message.content for message in page]
    return [text for text in reversed(texts) if text.startswith("message ")]


async def test_messages_of_a_process_that_is_killed_again_and_again_arrive_once_and_in_order(
    server: AntiphonProcess,
) -> None:
    """Killed while it posts, and while the server is away; the last one sends what is left."""
    async with Client.sign_up(server.url, "Bob", "bob@example.com", PASSWORD, durable=False) as bob:
        await bob.live()
        channel, token = bob.channels.value[0].id, bob.token
        assert token is not None
        first = 0
        for pause in (0.0, 0.01):
            sender = await asyncio.to_thread(Sender, server.url, token, channel, first, 200, pause)
            await asyncio.to_thread(sender.read_until, f"written {first + 12}")
            await asyncio.to_thread(sender.kill)
            first += 20
            sender = await asyncio.to_thread(Sender, server.url, token, channel, first, 0, 0)
            await asyncio.to_thread(sender.read_until, "all sent")
            await asyncio.to_thread(sender.kill)
        texts = await stored(bob, channel)
        assert len(texts) == len(set(texts))
        for start in (0, 20):
            assert set(texts) >= {f"message {number:03}" for number in range(start, start + 13)}
            own = [text for text in texts if f"message {start:03}" <= text < f"message {start + 13:03}"]
            assert own == sorted(own)


async def test_messages_written_while_the_server_is_away_survive_the_kill_of_their_process(
    server: AntiphonProcess,
) -> None:
    """The next process of the person sends all of them."""
    async with Client.sign_up(server.url, "Bob", "bob@example.com", PASSWORD, durable=False) as bob:
        await bob.live()
        channel, token = bob.channels.value[0].id, bob.token
        assert token is not None
        await asyncio.to_thread(server.kill)
        sender = await asyncio.to_thread(Sender, server.url, token, channel, 0, 10, 0)
        await asyncio.to_thread(sender.read_until, "written 9")
        await asyncio.to_thread(sender.kill)
        await asyncio.to_thread(server.start)
        again = await asyncio.to_thread(Sender, server.url, token, channel, 10, 1, 0)
        await asyncio.to_thread(again.read_until, "all sent")
        await asyncio.to_thread(again.kill)
        assert await stored(bob, channel) == [f"message {number:03}" for number in range(11)]


async def test_what_a_killed_page_took_from_a_browser_is_sent_after_its_restart_though_nobody_comes_back(
    server: AntiphonProcess, tmp_path: Path
) -> None:
    """The page said "it waits here"; the browser may be closed by then."""
    data = tmp_path / "page"
    page = AntiphonProcess(data, "page", args=("--server", server.url), ready_path="/auth")
    async with Client.sign_up(server.url, "Bob", "bob@example.com", PASSWORD, durable=False) as bob:
        await bob.live()
        channel = bob.channels.value[0].id
        assert bob.me is not None
        with page:
            async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
                form = {"email": "bob@example.com", "password": PASSWORD}
                async with browser.post(
                    f"{page.url}/page/sign-in", data=form, allow_redirects=False
                ) as answer:
                    assert answer.status == 303, await answer.text()
                await asyncio.to_thread(server.kill)
                async with asyncio.timeout(20):
                    for number in range(3):
                        fields = {
                            "id": channel,
                            "temp_id": str(uuid.uuid4()),
                            "content": f"message {number:03}",
                        }
                        asking = asyncio.create_task(browser.post(f"{page.url}/page/send", json=fields))
                        while await unsent_in(data / "clients", server.url, bob.me.id) <= number:
                            assert not asking.done() or asking.result().status == 202, asking.result()
                        asking.cancel()
            await asyncio.to_thread(page.kill)
            await asyncio.to_thread(server.start)
            await asyncio.to_thread(page.start)
            async with asyncio.timeout(20):
                while await stored(bob, channel) != [f"message {number:03}" for number in range(3)]:
                    await asyncio.to_thread(threading.Event().wait, 0.05)
            await asyncio.to_thread(page.kill)
