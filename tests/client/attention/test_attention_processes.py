"""Notifications of several processes of one person on one machine: each event is told once."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.client.peer import Peer, serving, until


class Listening:
    """A process that prints its notifications."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.told: list[dict[str, Any]] = []
        self.ready = False
        self.looks = 0
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            said = json.loads(line)
            if "ready" in said:
                self.ready = True
            elif "looked" in said:
                self.looks += 1
            else:
                self.told.append(said)

    def say(self, command: str) -> None:
        """Give it a command."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n".encode())

    async def end(self) -> None:
        """End it in its own time and hear it out."""
        if self.process.returncode is None:
            self.say("end")
        await self.process.wait()
        await self._reading


@asynccontextmanager
async def listening(peer: Peer, folder: Path, *looks: str) -> AsyncIterator[Listening]:
    """Run one."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.client.attention.notified",
        peer.url,
        "token-me",
        str(folder),
        *looks,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    one = Listening(process)
    try:
        await until(lambda: one.ready, seconds=30)
        yield one
    finally:
        if process.returncode is None:
            process.kill()
        await one.end()


async def tell(peer: Peer, texts: range) -> list[str]:
    """Let Ann say some things, and give the events' ids."""
    ids = []
    for text in texts:
        message = peer.add_message(str(text))
        ids.append(f"message:c:{message['id']}")
        await peer.tell("message", message, temp_id=None)
    return ids


async def test_two_processes_of_one_person_notify_once(tmp_path: Path) -> None:
    """W-57, W-58, W-59: twenty messages are twenty notifications in all, and hardly a sound at once."""
    async with serving() as peer, listening(peer, tmp_path) as one, listening(peer, tmp_path) as two:
        ids = await tell(peer, range(20))
        await until(lambda: len(one.told) + len(two.told) >= 20)
        await one.end()
        await two.end()
    told = one.told + two.told
    assert Counter(each["id"] for each in told) == Counter(ids)
    assert 1 <= sum(each["sound"] for each in told) <= 3


async def test_the_process_looked_at_last_tells_and_another_takes_over_when_it_is_killed(
    tmp_path: Path,
) -> None:
    """W-57: who goes on looking is told there; a process that dies leaves nothing untold."""
    async with serving() as peer, listening(peer, tmp_path) as one, listening(peer, tmp_path, "look") as two:
        await tell(peer, range(1))  # The first event also says whose window it is.
        await until(lambda: len(one.told) + len(two.told) == 1)
        one.told.clear()
        two.told.clear()
        first = await tell(peer, range(3))
        await until(lambda: len(two.told) == 3)
        one.say("look")
        await until(lambda: one.looks)
        await tell(peer, range(1))
        await until(lambda: len(one.told) + len(two.told) == 4)
        at_one = len(one.told)
        second = await tell(peer, range(3))
        await until(lambda: len(one.told) == at_one + 3)
        one.process.send_signal(signal.SIGKILL)
        await one.process.wait()
        third = await tell(peer, range(3))
        await until(lambda: [each["id"] for each in two.told][-3:] == third)
        assert [each["id"] for each in two.told][:3] == first
        assert [each["id"] for each in one.told][-3:] == second
        assert all(each["window"] for each in one.told + two.told)
