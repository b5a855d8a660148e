"""Mistakes that a type checker must find in a program of a user's: each line that is wrong says so."""

from __future__ import annotations

from antiphon import Bot, Client, IncomingMessage, IncomingReaction, MessageCreated

bot = Bot()


@bot.on_message  # wrong
async def reaction(given: IncomingReaction) -> None:
    """Take what is never given to it."""


@bot.on_message
async def message(given: IncomingMessage) -> None:
    """Ask for what is not there."""
    given.reply(1)  # wrong
    repr(given.txt)  # wrong


async def events(client: Client) -> None:
    """Misread an event."""
    async for event in client.events(MessageCreated):
        repr(event.payload.contents)  # wrong
    client.on(MessageCreated, lambda event: event.nothing)  # wrong
