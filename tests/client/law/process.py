"""The sudden end of a client's process, without a word to anybody: no code of its own runs any more."""

from __future__ import annotations

import asyncio
from typing import cast

from antiphon import Client
from antiphon.client.outbox import file as outbox_file

from .virtual_time import VirtualThread

MOST_TURNS = 200


def end_of_a_process(client: Client, *, seen: bool) -> None:
    """Let nothing of a client reach the disk any more. `seen`: other processes can tell that it is gone."""
    parts = client._parts
    file = parts.storage._file
    if file is not None:
        cast("VirtualThread", file._thread).ended = True
        file._disconnect()
    if seen:
        outbox_file.give_up(parts.outbox._ledger.owner)


async def end_all_tasks() -> None:
    """End what runs beside us, also what still wants to tidy up."""
    me = asyncio.current_task()
    for _ in range(MOST_TURNS):
        left = [task for task in asyncio.all_tasks() if task is not me]
        if not left:
            await asyncio.sleep(0)  # What is done when a task has ended comes a turn after its end.
            return
        for task in left:
            task.cancel()
        await asyncio.sleep(0)
    raise AssertionError(f"tasks go on: {left}")
