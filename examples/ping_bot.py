"""A bot that answers "pong" to "ping", in every channel it is in, for as long as it runs."""

import asyncio
import os

from antiphon import Client
from antiphon.wire import MessageCreated


async def main() -> None:
    """Sign in and answer; the client keeps the link, and sends nothing twice."""
    server, email, password = (os.environ[f"BOT_{name}"] for name in ("SERVER", "EMAIL", "PASSWORD"))
    async with Client.sign_in(server, email, password) as bot:
        async for event in bot.events(MessageCreated):
            if event.payload.content == "ping":
                bot.channel(event.channel_id).send("pong", reply_to_id=event.payload.id)


if __name__ == "__main__":
    asyncio.run(main())
