"""Join two channels, of one server or of two: `python bridge.py URL general OTHER-URL general`."""

import sys

from antiphon import Bot, IncomingMessage


def carry(source: Bot, name: str, target: Bot, to: str) -> None:
    """Bring what is said in a channel of the one to a channel of the other."""

    @source.on_message(channel=name)
    async def say(message: IncomingMessage) -> None:
        await target.send(to, f"{message.author.name}: {message.text}")


if __name__ == "__main__":
    here, there = Bot(sys.argv[1]), Bot(sys.argv[3])
    carry(here, sys.argv[2], there, sys.argv[4])
    carry(there, sys.argv[4], here, sys.argv[2])
    here.run(there)
