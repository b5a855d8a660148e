"""The rows of a timeline that the server has not confirmed: being sent, or failed. They stand last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from antiphon.client.channels.message_merge import requoted
from antiphon.client.channels.rows import Row
from antiphon.wire import Message


class Unconfirmed:
    """Rows by their `temp_id`, in the order in which they were sent."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def __contains__(self, temp_id: object) -> bool:
        return temp_id in self._rows

    @property
    def first(self) -> str | None:
        """The key of the first row."""
        return next(iter(self._rows), None)

    def get(self, temp_id: str) -> Row | None:
        """Give a row."""
        return self._rows.get(temp_id)

    def add(self, temp_id: str, message: Message) -> Row:
        """Add a row that is being sent."""
        row = self._rows[temp_id] = Row(temp_id, message, "pending", None, temp_id)
        return row

    def mark(self, temp_id: str, state: Literal["pending", "failed"], error: str | None) -> Row | None:
        """Give the row in another state; None when there is none, or it is in that state already."""
        row = self._rows.get(temp_id)
        if row is None or (row.state, row.error) == (state, error):
            return None
        self._rows[temp_id] = row = replace(row, state=state, error=error)
        return row

    def drop(self, temp_id: str) -> Row | None:
        """Take a row out."""
        return self._rows.pop(temp_id, None)

    def requote(self, quoted_id: str, quoted: Message | None) -> tuple[Row, ...]:
        """Bring the quotes of a message up to date; give the rows that are others than before."""
        changed: list[Row] = []
        for key, row in self._rows.items():
            message = requoted(row.message, quoted) if row.message.reply_to_id == quoted_id else row.message
            if message is not row.message:
                self._rows[key] = replace(row, message=message)
                changed.append(self._rows[key])
        return tuple(changed)
