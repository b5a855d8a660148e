"""A message on its way, as whoever sent it sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any, Literal

from antiphon.client.errors import SendFailed
from antiphon.wire import Message

State = Literal["pending", "sending", "failed", "confirmed", "discarded"]


class Sending:
    """A message being sent. Awaiting it gives the stored message, or raises `SendFailed`.

    When the client is closed or signed out first, the error says so (`kept`): the message stays in the outbox
    and is sent when a client of this person starts on this machine again.
    """

    def __init__(self, temp_id: str) -> None:
        self.temp_id = temp_id
        self.state: State = "pending"
        self.error: str | None = None
        self.kept = False
        """Nobody works on it any more, and it is kept for the next client of this person."""
        self._message: Message | None = None
        self._ended = asyncio.Event()

    def __await__(self) -> Generator[Any, None, Message]:
        return self._wait().__await__()

    async def _wait(self) -> Message:
        await self._ended.wait()
        if self._message is None:
            raise SendFailed(self.temp_id, self.error or "the message was not sent", kept=self.kept)
        return self._message

    # For the outbox

    def confirm(self, message: Message) -> None:
        """The server has stored it."""
        self.state, self.error, self.kept, self._message = "confirmed", None, False, message
        self._ended.set()

    def end(self, state: Literal["failed", "discarded"], error: str) -> None:
        """It is not sent."""
        self.state, self.error, self.kept = state, error, False
        self._ended.set()

    def keep(self, reason: str) -> None:
        """This client sends it no more; the next one will."""
        if not self._ended.is_set():
            self.state, self.error, self.kept = "pending", reason, True
            self._ended.set()

    def again(self) -> None:
        """It is on its way again."""
        self.state, self.error, self.kept, self._message = "pending", None, False, None
        self._ended.clear()
