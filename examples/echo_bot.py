"""Say again, in a thread, whatever the bot is told: `antiphon login URL` once, then `python echo_bot.py`."""

from antiphon import Bot, IncomingMessage

bot = Bot()


@bot.on_message
async def echo(message: IncomingMessage) -> None:
    """Answer below what was said."""
    await message.reply_in_thread(message.text)


if __name__ == "__main__":
    bot.run()
