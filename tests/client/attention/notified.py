"""A process of a person's own that prints its notifications, for the tests that need several.

Arguments: the server, the token, the folder, and "look" for a window that the person looks at. Each line of
its input is a command: "look" looks at the window again, "end" ends it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from antiphon import Client, Delays
from antiphon.client.attention.attention import Notification


def say(**what: object) -> None:
    """Print a line."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def main(url: str, token: str, folder: str, *looks: str) -> None:
    """Live until told to end."""
    # A busy machine may stop the process looked at last for longer than the second it has otherwise.
    delays = Delays(attention=6)
    async with Client(url, token=token, data_dir=Path(folder), delays=delays) as client:
        window = client.open_window()
        client.on(Notification, lambda one: say(id=one.id, sound=one.sound, window=one.window is window))
        await client.live()
        if looks:
            window.focus(True)
        say(ready=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            if line.strip() == "look":
                window.focus(False)
                window.focus(True)
                say(looked=True)
            elif line.strip() == "end":
                break


asyncio.run(main(*sys.argv[1:]))
