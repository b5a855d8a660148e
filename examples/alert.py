"""Post a line into a channel, and end when it is stored: `python alert.py general "the disk is full"`."""

import asyncio
import os
import sys

from antiphon import Client


async def main(name: str, text: str) -> None:
    """Sign in, find the channel by its name, and wait until the message is stored."""
    server, email, password = (os.environ[f"BOT_{name}"] for name in ("SERVER", "EMAIL", "PASSWORD"))
    async with Client.sign_in(server, email, password) as bot:
        await bot.live()
        found = next((channel for channel in bot.channels.value if channel.name == name), None)
        if found is None:
            sys.exit(f"there is no channel {name!r} for {email}")
        await bot.channel(found.id).send(text)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], " ".join(sys.argv[2:])))
