"""The reference client beside ours: socket.io-client in Node, by each way that it knows."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.server.serving import serving

from bench import client_node

CLIENT = Path(__file__).with_name("reference_client.mjs")


class Node:
    """The client as a process; what it tells comes line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        self.process, self.lines = process, process.stdout

    @classmethod
    async def started(cls, *arguments: str) -> Node:
        """Run it."""
        environment = {**os.environ, "CLIENT_MODULES": str(await client_node.modules())}
        command = [sys.executable, "-c", client_node.NODE, str(CLIENT), *arguments]
        return cls(
            await asyncio.create_subprocess_exec(
                *command, stdout=asyncio.subprocess.PIPE, env=environment, cwd=CLIENT.parent
            )
        )

    async def next(self) -> dict[str, Any]:
        """The next thing that happened to it."""
        async with asyncio.timeout(30):
            told: dict[str, Any] = json.loads(await self.lines.readline())
        return told

    async def end(self) -> int:
        """Wait until it is over; killed where that takes too long."""
        try:
            async with asyncio.timeout(10):
                return await self.process.wait()
        except TimeoutError:
            self.process.kill()
            return await self.process.wait()


@pytest.mark.parametrize("transports", ["websocket", "polling", "polling,websocket"])
async def test_the_reference_client_joins_and_hears_what_is_posted(tmp_path: Path, transports: str) -> None:
    """It is in its rooms, gets its acknowledgements, hears each post once and in order, parts at its own
    word, and reads why it is refused a namespace.
    """
    async with serving(tmp_path / "data") as server:
        bob = await server.sign_up("Bob")
        general = await bob.general()
        node = await Node.started(server.url, bob.token, transports)
        try:
            joined = await node.next()
            assert joined == {
                "what": "joined",
                "person": {"id": bob.id, "name": "Bob"},
                "transport": "polling" if transports == "polling" else "websocket",
                "sid": server.state.live.sessions_of(bob.id)[0],
            }
            texts = [*(f"message {number}" for number in range(40)), "goodbye"]
            for text in texts:
                await bob.say(general, text)
            heard = [await node.next() for _ in texts]
            assert heard == [{"what": "heard", "type": "message", "content": text} for text in texts]
            assert await node.next() == {"what": "parted", "reason": "io client disconnect"}
            refused = await node.next()
            assert (refused["what"], "nable to connect" in refused["message"]) == ("refused", True)
        finally:
            code = await node.end()
        assert code == 0
        assert server.state.live.sessions_of(bob.id) == ()
