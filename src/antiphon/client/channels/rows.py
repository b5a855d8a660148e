"""The rows of a timeline and the changes it tells of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from antiphon.wire import Message

RowState = Literal["confirmed", "pending", "failed"]


@dataclass(frozen=True, slots=True)
class Row:
    """A message as shown.

    `key` is stable for the row's life: the `temp_id` if it was sent here, else the message's id. `changing`:
    the message is shown with a change of this person's own that the server has not settled yet.
    """

    key: str
    message: Message
    state: RowState = "confirmed"
    error: str | None = None
    temp_id: str | None = None
    changing: bool = False


@dataclass(frozen=True, slots=True)
class Inserted:
    """A row appeared before the row with the key `before`; None means at the end."""

    row: Row
    before: str | None


@dataclass(frozen=True, slots=True)
class Replaced:
    """A row has new content in the same place."""

    key: str
    row: Row


@dataclass(frozen=True, slots=True)
class Removed:
    """A row is gone."""

    key: str


@dataclass(frozen=True, slots=True)
class Reset:
    """Everything may be different: read `rows()` again."""


Change = Inserted | Replaced | Removed | Reset


def alike(before: Row | None, after: Row | None) -> bool:
    """Tell whether two rows of a message look the same; only with own changes are there equal copies."""
    if before is None or after is None:
        return before is after
    same = before.message is after.message or (after.changing and before.message == after.message)
    return same and before.changing == after.changing
