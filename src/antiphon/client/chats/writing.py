"""One answer while it is written."""

from __future__ import annotations

from typing import Any

from antiphon.client.chats.responses import AnswerOutput
from antiphon.wire import ChatMessage, ContentPart, OutputItem


class Answer:
    """An answer while it is written: texts in pieces, the rest in the message."""

    def __init__(self, message: ChatMessage) -> None:
        self.message = message
        self.output = AnswerOutput(message.output)
        self.pieces: list[str] = [] if self.output or not message.content else [message.content]
        self.stale = False

    def text(self) -> str:
        """Give the plain text so far."""
        if self.output:
            return self.output.text()
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""

    def go_on_as_items(self) -> None:
        """Make an output item of the plain text so far: pieces of items go on behind it."""
        if text := self.text():
            part = ContentPart(type="output_text", text=text)
            item = OutputItem(type="message", role="assistant", status="in_progress", content=[part])
            self.output, self.pieces = AnswerOutput([item]), []

    def read(self) -> ChatMessage:
        """Give the message as it stands."""
        if self.stale:
            update: dict[str, Any] = {"content": self.text()}
            if self.output:
                update["output"] = self.output.items()
            self.message = self.message.model_copy(update=update)
            self.stale = False
        return self.message
