"""Ask a model and print its answer while it is written: `python ask_model.py "Why is the sky blue?"`."""

import asyncio
import os
import sys

from antiphon import Client


async def main(question: str) -> None:
    """Sign in, ask the first model there is, and print what comes."""
    server, email, password = (os.environ[f"BOT_{name}"] for name in ("SERVER", "EMAIL", "PASSWORD"))
    async with Client.sign_in(server, email, password) as bot:
        await bot.live()
        models = await bot.models()
        if not models:
            sys.exit("the server has no model for this account")
        chat = await bot.new_chat(question, model=models[0].id)
        shown = 0
        async for turn in chat.stream():
            sys.stdout.write(turn.content[shown:])
            sys.stdout.flush()
            shown = len(turn.content)
        sys.stdout.write("\n")


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:])))
