"""Ask a model and print its answer while it is written: `python ask_model.py "Why is the sky blue?"`."""

import asyncio
import sys

from antiphon import AntiphonError, Client


async def main(question: str) -> None:
    """Ask the first model there is, and print what comes."""
    async with Client.from_login() as client:
        await client.live()
        models = await client.models()
        if not models:
            sys.exit("the server has no model for this account")
        chat = await client.new_chat(question, model=models[0].id)
        async for piece in chat.answer():
            sys.stdout.write(piece)
            sys.stdout.flush()
        sys.stdout.write("\n")


if __name__ == "__main__":
    try:
        asyncio.run(main(" ".join(sys.argv[1:])))
    except AntiphonError as error:
        sys.exit(str(error))
