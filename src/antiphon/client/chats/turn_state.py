"""What is held of a chat's turns, who listens, and the few ways in which it changes. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from antiphon.client.chats.changes import ChatChange, RunningChanged, TurnAdded, TurnChanged
from antiphon.client.chats.tree import ChatTree
from antiphon.client.chats.writing import Answer
from antiphon.client.store import Listeners, Unsubscribe
from antiphon.wire import ChatMessage, History


class TurnState:
    """The messages of a chat, the branch on screen, and which answers are being written."""

    def __init__(self, *, temporary: bool = False) -> None:
        self.temporary = temporary
        self.running_ids: set[str] = set()
        self.unsent: set[str] = set()
        """Answers whose question the server has not taken yet: a document cannot have them."""
        self.refused: set[str] = set()
        """Answers that could not be asked for: a document may have them, if only the refusal is not true."""
        self._tree = ChatTree()
        self._answers: dict[str, Answer] = {}
        self._listeners: Listeners[ChatChange] = Listeners()

    # Reading

    def __contains__(self, id_: object) -> bool:
        return id_ in self._tree

    @property
    def current_id(self) -> str | None:
        """The last message of the branch on screen."""
        return self._tree.current

    def message(self, id_: str) -> ChatMessage:
        """Give a message as it stands."""
        answer = self._answers.get(id_)
        if answer is not None:
            self._tree.put(answer.read())
        return self._tree[id_]

    def branch(self) -> tuple[ChatMessage, ...]:
        """Give the branch that ends with the current message, oldest first."""
        return tuple(self.message(id_) for id_ in self._tree.branch())

    def path(self, id_: str) -> tuple[ChatMessage, ...]:
        """Give the messages from the root to this one."""
        return tuple(self.message(each) for each in self._tree.path(id_))

    def siblings(self, id_: str) -> tuple[str, ...]:
        """Give the ids of the messages that stand in the same place, in their order."""
        return self._tree.siblings(id_)

    def history(self) -> History:
        """Give all messages as a document holds them."""
        return History(
            messages={id_: self.message(id_) for id_ in self._tree.ids()}, current_id=self._tree.current
        )

    def without(self, id_: str) -> History:
        """Give all messages as Open WebUI leaves them when this one is taken away."""
        for held in self._answers:
            self.message(held)
        return self._tree.without(id_)

    @property
    def running(self) -> bool:
        """Whether an answer is being written."""
        return bool(self.running_ids)

    def subscribe(self, callback: Callable[[ChatChange], None]) -> Unsubscribe:
        """Call `callback` with every change from now on."""
        return self._listeners.add(callback)

    @property
    def subscribers(self) -> int:
        """How many listen."""
        return len(self._listeners)

    # Changing

    def add(self, message: ChatMessage) -> None:
        """Add a question or an answer of our own and go on from it."""
        known = message.id in self._tree
        self._answers.pop(message.id, None)
        self._put(message)
        self._tree.current = message.id
        self._tell(TurnChanged(message.id, self) if known else TurnAdded(message))

    def start(self, id_: str) -> None:
        """An answer begins."""
        if id_ not in self.running_ids:
            self.running_ids.add(id_)
            if len(self.running_ids) == 1:
                self._tell(RunningChanged(True))

    def stop(self, id_: str) -> None:
        """An answer has ended."""
        if id_ in self.running_ids:
            self.running_ids.discard(id_)
            if not self.running_ids:
                self._tell(RunningChanged(False))

    def stop_all(self) -> None:
        """No answer is being written any more: the chat is gone."""
        for id_ in tuple(self.running_ids):
            self.stop(id_)

    def end(self, id_: str, **update: Any) -> None:
        """An answer is complete, for good or ill."""
        self._change(id_, done=True, **update)
        self._answers.pop(id_, None)
        self.stop(id_)

    def _put(self, message: ChatMessage) -> None:
        self._tree.put(message)
        self._tree.adopt(message)
        answer = self._answers.get(message.parent_id or "")
        if answer is not None:
            children = self._tree[answer.message.id].children_ids
            answer.message = answer.message.model_copy(update={"children_ids": children})

    def _answer(self, id_: str) -> Answer:
        answer = self._answers.get(id_)
        if answer is None:
            answer = self._answers[id_] = Answer(self._tree[id_])
        return answer

    def _grown(self, id_: str, answer: Answer) -> None:
        """Something was written: it is put together when somebody reads it."""
        answer.stale = True
        self._tell(TurnChanged(id_, self))

    def _change(self, id_: str, *, tell: bool = True, **update: Any) -> None:
        message = self.message(id_).model_copy(update=update)
        self._tree.put(message)
        if (answer := self._answers.get(id_)) is not None:
            answer.message = message
        if tell:
            self._tell(TurnChanged(id_, self))

    def _tell(self, change: ChatChange) -> None:
        self._listeners.tell(change)
