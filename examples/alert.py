"""Post a line into a channel, and end when it is stored: `python alert.py general "the disk is full"`."""

import asyncio
import sys

from antiphon import AntiphonError, Client


async def main(name: str, text: str) -> None:
    """Find the channel, and wait until the message is stored, however long the server is away."""
    async with Client.from_login() as client:
        await client.live()
        await (await client.find_channel(name)).send(text)


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1], " ".join(sys.argv[2:])))
    except AntiphonError as error:
        sys.exit(str(error))
