"""What a bot's handlers are given: a message or a reaction, with what one does about it."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.client.bots import missed
from antiphon.client.bots.heard import Origin
from antiphon.client.channels import mentions
from antiphon.client.channels.channel import Channel
from antiphon.client.client import Client
from antiphon.client.outbox.outbox import Sending
from antiphon.wire import Message, UserName


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message that somebody else wrote.

    `origin` tells how it came: "live", "missed" (written while the link was down) or "history" (written
    before the bot began). `message` is all that travelled.
    """

    client: Client
    message: Message
    origin: Origin
    channel_name: str

    @property
    def id(self) -> str:
        """The message's id."""
        return self.message.id

    @property
    def text(self) -> str:
        """What was written, mentions as `@name`; `message.content` has them as they travel."""
        return mentions.readable(self.message.content)

    @property
    def author(self) -> UserName:
        """Who wrote it; a server that does not say their name leaves it empty."""
        return self.message.user or UserName(id=self.message.user_id, name="", role=None)

    @property
    def channel(self) -> Channel:
        """The channel it stands in."""
        return self.client.channel(self.message.channel_id)

    @property
    def thread_id(self) -> str | None:
        """The message under which it stands in a thread, if it does."""
        return self.message.parent_id

    def reply(self, text: str) -> Sending:
        """Answer in the same place, quoting the message. Await it for the stored message."""
        return self.channel.send(text, reply_to_id=self.id, parent_id=self.thread_id)

    def reply_in_thread(self, text: str) -> Sending:
        """Answer in the thread under the message, or in the one it stands in. Await it for the stored
        message.
        """
        return self.channel.send(text, parent_id=self.thread_id or self.id)

    async def react(self, name: str) -> None:
        """React with an emoji's short code, such as `thumbsup`. Raises `RequestFailed` or `Unreachable`."""
        await self.channel.react(self.id, name)

    def typing(self, active: bool = True) -> None:
        """Show that the bot is writing, or has stopped; it ends by itself after five seconds."""
        self.channel.typing(active, thread_id=self.thread_id)

    async def history(self, count: int) -> list[Message]:
        """Fetch the messages before this one in the same place, oldest first, own ones too."""
        return await missed.before(self.client.rest.channels, self.message, count)


@dataclass(frozen=True, slots=True)
class IncomingReaction:
    """A reaction that somebody else added: its short code, who, and to which message."""

    name: str
    author: UserName
    message: IncomingMessage

    @property
    def channel(self) -> Channel:
        """The channel the message stands in."""
        return self.message.channel
