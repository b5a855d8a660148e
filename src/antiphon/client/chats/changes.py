"""The changes that a chat tells of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from antiphon.wire import ChatMessage


class HasMessages(Protocol):
    """Where a change reads its message from."""

    def message(self, id_: str) -> ChatMessage:
        """Give a message as it stands."""
        ...


@dataclass(frozen=True, slots=True)
class TurnAdded:
    """A question or answer appeared at the end of the branch on screen."""

    message: ChatMessage


class TurnChanged:
    """A question or answer has new content. `message` is built when it is read, and is then the newest."""

    __match_args__ = ("message",)
    __slots__ = ("_turns", "id")

    def __init__(self, id_: str, turns: HasMessages) -> None:
        self.id = id_
        self._turns = turns

    @property
    def message(self) -> ChatMessage:
        """The message as it stands now."""
        return self._turns.message(self.id)

    def __repr__(self) -> str:
        return f"TurnChanged(id={self.id!r})"


@dataclass(frozen=True, slots=True)
class TurnRemoved:
    """A question or answer is gone."""

    id: str


@dataclass(frozen=True, slots=True)
class ChatReset:
    """Everything may be different: read `turns()` again."""


@dataclass(frozen=True, slots=True)
class RunningChanged:
    """An answer began, or the last one that was being written ended."""

    running: bool


ChatChange = TurnAdded | TurnChanged | TurnRemoved | ChatReset | RunningChanged
