"""A question under way and its answer: await it, or read the answer piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any, Self

from antiphon.client.errors import AnswerFailed, AntiphonError
from antiphon.wire import ChatMessage

if TYPE_CHECKING:
    from antiphon.client.chats.chat import Chat


class Delta(str):
    """A piece of an answer's text. It stands at the character `at`, and what was behind that place is void.

    Nearly every piece stands where the text ended, so that printing the pieces prints the answer. Where text
    was replaced under the reader, by a filter or a tool, `at` is earlier: `text = text[:delta.at] + delta`
    is always right.
    """

    __slots__ = ("at",)

    at: int

    def __new__(cls, text: str, at: int) -> Self:
        """Make a piece."""
        delta = super().__new__(cls, text)
        delta.at = at
        return delta


class Answering:
    """A question and its answer.

    `await answering` returns when the server has taken the question, and raises what it says against it.
    `async for delta in answering` asks too, if that was not awaited, and gives the answer's text as it grows
    (`Delta`): after a break of the link it goes on without a hole or a repeat. Blanks at the end of the text
    are held back until more follows, as servers take them away in the end. It ends with the answer; an answer
    that failed raises `AnswerFailed`, one that was stopped ends as any other.
    """

    def __init__(self, chat: Chat, turn_id: str, asking: Coroutine[Any, Any, Any] | None = None) -> None:
        self.chat = chat
        self.turn_id = turn_id
        self._asking = asking
        self._error: BaseException | None = None
        self._one = asyncio.Lock()
        self._given = ""
        self._over = False

    @property
    def turn(self) -> ChatMessage | None:
        """The answer as it stands, with everything beside its text."""
        return self.chat.turn(self.turn_id)

    @property
    def text(self) -> str:
        """The text as it stands."""
        turn = self.turn
        return turn.content if turn is not None else ""

    @property
    def running(self) -> bool:
        """Whether the answer is being written."""
        return self.turn_id in self.chat.running_ids

    def __await__(self) -> Generator[Any, None, Self]:
        return self._taken().__await__()

    async def _taken(self) -> Self:
        async with self._one:
            asking, self._asking = self._asking, None
            if asking is not None:
                try:
                    await asking
                except BaseException as error:  # kept for whoever awaits it again; cancelling counts too
                    self._error = error
                    raise
            elif isinstance(self._error, Exception):
                raise self._error
            elif self._error is not None:
                raise AntiphonError("asking was cancelled") from self._error
        return self

    async def finished(self) -> ChatMessage:
        """Wait for the end of the answer and give it. Raises `AnswerFailed`."""
        async for _ in self:
            pass
        turn = self.turn
        if turn is None:
            raise AnswerFailed(self.turn_id, "the answer was deleted")
        return turn

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delta:
        if self._over:
            raise StopAsyncIteration
        await self._taken()
        changed = asyncio.Event()
        release = self.chat.watch(changed.set)
        try:
            while True:
                changed.clear()
                if (delta := self._next()) is not None:
                    return delta
                self.chat.still_wanted()
                await changed.wait()
        finally:
            for unsubscribe in release:
                unsubscribe()

    def _next(self) -> Delta | None:
        """Give what is new; end the iteration where nothing more can come."""
        turn = self.turn
        if turn is None:
            self._over = True
            raise AnswerFailed(self.turn_id, "the answer was deleted")
        running = self.running
        text = turn.content.rstrip() if running else turn.content
        if text != self._given and not (running and self._given.startswith(text)):
            at = _agreed(self._given, text)
            self._given = text
            return Delta(text[at:], at)
        if running:
            return None
        self._over = True
        if reason := failure(turn):
            raise AnswerFailed(self.turn_id, reason)
        raise StopAsyncIteration


def _agreed(one: str, other: str) -> int:
    """Count the characters, from the first on, in which two texts agree."""
    if other.startswith(one):
        return len(one)
    return next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def failure(turn: ChatMessage) -> str | None:
    """Give the reason, in words, why an answer that has ended failed; None when it did not."""
    error = turn.error
    if error:
        content = error.get("content") if isinstance(error, dict) else error
        if isinstance(content, dict):
            content = content.get("message") or content.get("detail")
        return content if isinstance(content, str) and content else "the answer failed"
    if not turn.done:
        return "the server stopped writing this answer before its end"
    return None
