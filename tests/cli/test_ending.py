"""SIGTERM and Ctrl-C: the process is gone within three seconds, whatever is open, and nothing is lost."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
import socketio
from tests.cli.slow_provider import FIRST_WORDS, SlowProvider
from tests.processes import AntiphonProcess

COUNT = 10
PROMISED = 3.0
"""Seconds within which the process must be gone."""
ACCOUNT = {"name": "Ada", "email": "ada@example.org", "password": "correct horse battery"}


@dataclass
class Open:
    """What a process has open: its chats that are being answered, and what its streams and sockets see."""

    chats: dict[str, str] = field(default_factory=dict)
    streams: list[aiohttp.ClientResponse] = field(default_factory=list)
    sockets: int = 0
    all_closed: asyncio.Event = field(default_factory=asyncio.Event)

    def socket_closed(self, *_: object) -> None:
        """Count one socket less."""
        self.sockets -= 1
        if self.sockets == 0:
            self.all_closed.set()


@asynccontextmanager
async def everything_open(process: AntiphonProcess, provider: SlowProvider) -> AsyncIterator[Open]:
    """Ten pages' streams, ten sockets and ten running answers."""
    opened = Open()
    async with AsyncExitStack() as stack:
        rest = await stack.enter_async_context(aiohttp.ClientSession(process.url))
        token = await sign_up(rest)
        rest.headers["Authorization"] = f"Bearer {token}"
        cookies = aiohttp.CookieJar(unsafe=True)  # takes those of an address without a name
        page = await stack.enter_async_context(aiohttp.ClientSession(process.url, cookie_jar=cookies))
        await sign_in_to_page(page)
        channel = (await get(rest, "/api/v1/channels/"))[0]["id"]
        for _ in range(COUNT):
            opened.streams.append(await stack.enter_async_context(page_stream(page, channel)))
            client = await stack.enter_async_context(socket(process.url, token, opened))
            chat, message = await ask(rest, str(client.get_sid()))
            opened.chats[chat] = message
        await provider.wait_until_answering(COUNT)
        yield opened


async def sign_up(rest: aiohttp.ClientSession) -> str:
    """Make the first account; gives its token."""
    async with rest.post("/api/v1/auths/signup", json=ACCOUNT) as response:
        assert response.status == 200, await response.text()
        token: str = (await response.json())["token"]
        return token


async def sign_in_to_page(page: aiohttp.ClientSession) -> None:
    """Sign in as the page's form does; the session keeps the cookie."""
    credentials = {"email": ACCOUNT["email"], "password": ACCOUNT["password"]}
    async with page.post(
        "/page/sign-in", data=credentials, headers={"Sec-Fetch-Site": "same-origin"}
    ) as response:
        assert response.status == 200, await response.text()
        assert response.url.path != "/auth"


async def get(rest: aiohttp.ClientSession, path: str) -> Any:
    """Read JSON."""
    async with rest.get(path) as response:
        assert response.status == 200, await response.text()
        return await response.json()


@asynccontextmanager
async def page_stream(page: aiohttp.ClientSession, channel: str) -> AsyncIterator[aiohttp.ClientResponse]:
    """One tab's stream, past its first event."""
    query = {"kind": "channel", "id": channel, "focused": "1"}
    async with page.get("/page/stream", params=query, timeout=aiohttp.ClientTimeout(total=60)) as response:
        assert response.status == 200
        assert await response.content.readline()
        yield response


@asynccontextmanager
async def socket(url: str, token: str, opened: Open) -> AsyncIterator[socketio.AsyncClient]:
    """One Socket.IO connection as an Open WebUI client makes it, joined."""
    client = socketio.AsyncClient(reconnection=False)
    client.on("disconnect", opened.socket_closed)
    await client.connect(url, socketio_path="/ws/socket.io", transports=["websocket"], auth={"token": token})
    try:
        await client.call("user-join", {"auth": {"token": token}}, timeout=10)
        opened.sockets += 1
        yield client
    finally:
        await client.shutdown()


async def ask(rest: aiohttp.ClientSession, session_id: str) -> tuple[str, str]:
    """Ask the slow model in a new chat; gives the ids of the chat and of the answer."""
    question, answer = str(uuid4()), str(uuid4())
    form = {
        "model": "slow",
        "stream": True,
        "session_id": session_id,
        "id": answer,
        "parent_id": None,
        "messages": [{"role": "user", "content": "Tell me a story"}],
        "user_message": {"id": question, "parentId": None, "role": "user", "content": "Tell me a story"},
    }
    async with rest.post("/api/chat/completions", json=form) as response:
        assert response.status == 200, await response.text()
        return (await response.json())["chat_id"], answer


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_pages_sockets_and_answers_do_not_hold_up_the_end(how: signal.Signals, tmp_path: Path) -> None:
    """Ten of each are open; all are told, the answers' ends are stored, and the process is gone in time."""
    async with SlowProvider() as provider:
        process = AntiphonProcess(
            tmp_path, env={"OPENAI_API_BASE_URL": provider.url, "OPENAI_API_KEY": "none"}
        )
        try:
            await asyncio.to_thread(process.start)
            async with everything_open(process, provider) as opened:
                process.signal(how)
                code = await asyncio.to_thread(process.wait, within=PROMISED)

                assert code == 0
                assert "Stopping…" in process.output
                assert "antiphon:" not in process.output, process.output
                assert "Traceback" not in process.output
                for stream in opened.streams:
                    assert b"event: restart" in await stream.read()
                await asyncio.wait_for(opened.all_closed.wait(), 5)
            await asyncio.to_thread(process.start)
            await see_that_the_answers_were_interrupted(process.url, opened)
        finally:
            await asyncio.to_thread(process.__exit__)


async def see_that_the_answers_were_interrupted(url: str, opened: Open) -> None:
    """What was said is kept, and nobody waits for the rest."""
    async with aiohttp.ClientSession(url) as rest:
        async with rest.post("/api/v1/auths/signin", json=ACCOUNT) as response:
            rest.headers["Authorization"] = f"Bearer {(await response.json())['token']}"
        for chat, message in opened.chats.items():
            answer = (await get(rest, f"/api/v1/chats/{chat}"))["chat"]["history"]["messages"][message]
            assert answer["content"] == FIRST_WORDS
            assert answer["done"] is True
            assert "stopped before this answer was complete" in answer["error"]["content"]
        assert (await get(rest, "/api/tasks"))["tasks"] == []


HANGING = """
import asyncio, sys, time
from antiphon.cli import process
from antiphon.cli.listening import bind, port_of

class Hanging:
    async def __call__(self, scope, receive, send): pass
    async def start(self): {start}
    async def drain(self): {drain}
    async def stop(self): pass

async def ready(application):
    print("ready", flush=True)
    {ready}

with bind("127.0.0.1", 0) as sock:
    sys.exit(process.run(sock, Hanging, ready))
"""


def hanging(*, start: str = "pass", drain: str = "pass", ready: str = "pass") -> subprocess.Popen[str]:
    """A process of ours whose application hangs in one of its moments."""
    source = HANGING.format(start=start, drain=drain, ready=ready)
    return subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(
    ("drain", "said"),
    [
        ("await asyncio.Event().wait()", "not everything had ended"),
        ("time.sleep(60)", "something hung"),
        ("raise OSError('the disk is gone')", "while ending: the disk is gone"),
    ],
)
def test_an_application_that_does_not_end_is_ended(drain: str, said: str) -> None:
    """A goodbye that waits for ever, blocks the event loop or fails is said, and all the same over."""
    with hanging(drain=drain) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PROMISED)

    assert said in errors
    assert errors.count("\n") == 1


def test_a_second_ctrl_c_ends_at_once() -> None:
    """Whoever presses it twice does not want to wait."""
    with hanging(drain="time.sleep(60)") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "Stopping…\n"

        process.send_signal(signal.SIGINT)

        assert process.wait(1) == 130


SIGNAL_IN_MID_PRINT = """
    import io, os, signal
    class Raw(io.RawIOBase):
        def writable(self): return True
        def write(self, data):
            os.kill(os.getpid(), signal.SIGINT)
            return os.write(1, data)
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(Raw()))
    print("hello", flush=True)
"""


def test_ctrl_c_in_the_middle_of_a_line_ends_it_quietly() -> None:
    """The signal may come while something is being printed; it is told all the same."""
    with hanging(ready=SIGNAL_IN_MID_PRINT) as process:
        output, errors = process.communicate(timeout=10)

    assert (process.returncode, errors) == (0, "")
    assert sorted(output.splitlines()) == ["Stopping…", "hello", "ready"]


def test_ctrl_c_during_the_start_ends_it_quietly() -> None:
    """There is nothing to close yet, and no traceback to read."""
    with hanging(start="print('starting', flush=True); await asyncio.Event().wait()") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "starting\n"

        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=PROMISED)

    assert (process.returncode, output, errors) == (0, "Stopping…\n", "")


def test_what_fails_after_the_start_ends_the_process_with_one_line() -> None:
    """A page that cannot be loaded does not leave half a product running."""
    with hanging(ready="raise OSError('the page is not there')") as process:
        output, errors = process.communicate(timeout=10)

    assert process.returncode == 1
    assert output == "ready\n"
    assert errors == "antiphon: the page is not there\n"
