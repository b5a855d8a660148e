"""A program as a user of the library writes it: read by mypy, strictly, and never run."""

from __future__ import annotations

from typing import assert_type

from antiphon import (
    AntiphonError,
    Bot,
    ChannelTyping,
    Client,
    IncomingMessage,
    IncomingReaction,
    Link,
    LinkState,
    Message,
    MessageCreated,
    ReactionAdded,
    RequestFailed,
    SendFailed,
    Store,
)

bot = Bot("https://chat.example.org", token="token", channels=["general"], history=5)


@bot.on_message
async def answer(message: IncomingMessage) -> None:
    """Look at everything that a message has."""
    assert_type(message.text, str)
    assert_type(message.author.name, str)
    assert_type(await message.reply("hello"), Message)
    message.reply_in_thread("not waited for")
    await message.react("thumbsup")
    assert_type(await message.history(10), list[Message])
    if message.origin == "missed":
        message.typing()


@bot.on_message(channel="general")
def plain(message: IncomingMessage) -> None:
    """Need not be asynchronous."""
    message.reply(message.channel_name)


@bot.on_mention
async def named(message: IncomingMessage) -> None:
    """Send elsewhere."""
    assert_type(await bot.send("general", message.text), Message)


@bot.on_reaction
async def reacted(reaction: IncomingReaction) -> None:
    """Look at everything that a reaction has."""
    assert_type(reaction.name, str)
    assert_type(reaction.message, IncomingMessage)


@bot.on_error
async def failed(error: Exception, given: IncomingMessage | IncomingReaction) -> None:
    """Hear of errors."""


async def events() -> None:
    """Look at what a client tells."""
    async with Client.sign_in("https://chat.example.org", "me@example.org", "password") as client:
        assert_type(client.link, Store[Link])
        assert_type(client.link.value.state, LinkState)
        async for event in client.events(MessageCreated):
            assert_type(event, MessageCreated)
            assert_type(event.payload.content, str)
        async for one in client.events(MessageCreated, ReactionAdded):
            assert_type(one, MessageCreated | ReactionAdded)
        async for anything in client.events():
            assert_type(anything.type, str)
        client.on(ChannelTyping, lambda typing: typing.payload.typing)


async def asking(client: Client) -> None:
    """Read an answer as it grows."""
    chat = await client.new_chat("Why is the sky blue?", model="eliza")
    async for piece in chat.ask("And at night?"):
        repr(piece.upper())


async def errors(client: Client) -> None:
    """Tell errors apart."""
    try:
        channel = await client.find_channel("general")
        await channel.send("hello")
    except SendFailed as error:
        assert_type(error.temp_id, str)
    except RequestFailed as error:
        assert_type(error.status, int)
    except AntiphonError:
        raise
