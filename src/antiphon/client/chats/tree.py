"""The tree of a chat's messages: branches, siblings, and what follows what. No I/O, nothing told.

A message may be held by a document before its parent is, and two documents may disagree about children: the
`parentId` of a message decides, the order of a parent's `childrenIds` counts among those that name it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from antiphon.wire import ChatMessage, History


class ChatTree:
    """The messages by id, and the last one of the branch on screen."""

    def __init__(self) -> None:
        self._messages: dict[str, ChatMessage] = {}
        self._current: str | None = None
        self._branch: tuple[str, ...] | None = None

    # Reading

    def __contains__(self, id_: object) -> bool:
        return id_ in self._messages

    def __getitem__(self, id_: str) -> ChatMessage:
        return self._messages[id_]

    def get(self, id_: str | None) -> ChatMessage | None:
        """Give a message, if it is there."""
        return self._messages.get(id_) if id_ is not None else None

    def ids(self) -> tuple[str, ...]:
        """Give all ids."""
        return tuple(self._messages)

    @property
    def current(self) -> str | None:
        """The last message of the branch on screen."""
        return self._current

    @current.setter
    def current(self, id_: str | None) -> None:
        self._current, self._branch = id_, None

    def branch(self) -> tuple[str, ...]:
        """Give the ids of the branch on screen, oldest first."""
        if self._branch is None:
            self._branch = self.path(self._current)
        return self._branch

    def path(self, id_: str | None) -> tuple[str, ...]:
        """Give the ids from the root to a message."""
        ids: list[str] = []
        seen: set[str] = set()
        while id_ is not None and id_ in self._messages and id_ not in seen:
            seen.add(id_)
            ids.append(id_)
            id_ = self._messages[id_].parent_id
        return tuple(reversed(ids))

    def children(self, id_: str | None) -> tuple[str, ...]:
        """Give what follows a message directly, in its order; None gives the beginnings of the chat."""
        named = [m.id for m in self._messages.values() if self._parent(m) == id_]
        parent = self.get(id_)
        if parent is None:
            return tuple(named)
        order = {child: place for place, child in enumerate(parent.children_ids)}
        return tuple(sorted(named, key=lambda child: order.get(child, len(order))))

    def siblings(self, id_: str) -> tuple[str, ...]:
        """Give the messages that stand in the same place, the one asked for among them, in their order."""
        return self.children(self._parent(self._messages[id_]))

    def leaf(self, id_: str) -> str:
        """Give the end of the newest branch through a message."""
        seen = {id_}
        while children := [child for child in self.children(id_) if child not in seen]:
            id_ = children[-1]
            seen.add(id_)
        return id_

    def _parent(self, message: ChatMessage) -> str | None:
        return message.parent_id if message.parent_id in self._messages else None

    # Changing

    def load(self, messages: Mapping[str, ChatMessage]) -> None:
        """Take these messages in place of all others."""
        self._messages, self._branch = dict(messages), None

    def put(self, message: ChatMessage) -> None:
        """Add a message, or put it in the place of its former state."""
        old = self._messages.get(message.id)
        self._messages[message.id] = message
        if old is None or old.parent_id != message.parent_id:
            self._branch = None
            self.adopt(message)

    def adopt(self, message: ChatMessage) -> None:
        """Let a message's parent know of it."""
        parent = self.get(message.parent_id)
        if parent is not None and message.id not in parent.children_ids:
            children = [*parent.children_ids, message.id]
            self._messages[parent.id] = parent.model_copy(update={"children_ids": children})

    def without(self, id_: str) -> History:
        """Give the tree as Open WebUI leaves it when a message is taken away: with its direct children; what
        followed those follows the message before it.
        """
        gone = {id_, *self.children(id_)}
        parent_id = self._parent(self._messages[id_])
        moved = [grand for child in self.children(id_) for grand in self.children(child)]
        left = {key: m for key, m in self._messages.items() if key not in gone}
        for grand in moved:
            left[grand] = left[grand].model_copy(update={"parent_id": parent_id})
        if parent_id is not None:
            children = [child for child in self.children(parent_id) if child not in gone] + moved
            left[parent_id] = left[parent_id].model_copy(update={"children_ids": children})
        rest = ChatTree()
        rest.load(left)
        current = self._current
        if current not in left:
            beginnings = rest.children(parent_id)
            current = rest.leaf(beginnings[-1]) if beginnings else parent_id
        return History(messages=left, current_id=current)


def newest(messages: Mapping[str, ChatMessage], wanted: str | None) -> str | None:
    """Give the wanted message, or the newest one where there is none of that id."""
    if wanted is not None and wanted in messages:
        return wanted
    last = max(messages.values(), key=lambda message: message.timestamp or 0, default=None)
    return last.id if last else None


def united(ours: ChatMessage, theirs: ChatMessage, **update: Any) -> ChatMessage:
    """Give their state of a message, with the children that either knows of."""
    children = [*theirs.children_ids, *_others(ours.children_ids, theirs.children_ids)]
    return theirs.model_copy(update={"children_ids": children, **update})


def _others(ids: Iterable[str], known: Iterable[str]) -> list[str]:
    there = set(known)
    return [id_ for id_ in ids if id_ not in there]
