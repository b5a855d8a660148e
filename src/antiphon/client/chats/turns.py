"""The questions and answers of one chat: whole documents, other viewers' turns, our own questions. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from antiphon.client.chats.changes import (
    ChatChange,
    ChatReset,
    RunningChanged,
    TurnAdded,
    TurnChanged,
    TurnRemoved,
)
from antiphon.client.chats.tree import newest, united
from antiphon.client.chats.turn_events import BROKEN_OFF, TurnEvents
from antiphon.wire import ChatMessage, History

__all__ = ["ChatChange", "ChatReset", "RunningChanged", "TurnAdded", "TurnChanged", "TurnRemoved", "Turns"]


class Turns(TurnEvents):
    """What a chat holds."""

    def __init__(self, *, temporary: bool = False) -> None:
        super().__init__(temporary=temporary)
        self._chosen: str | None = None  # the branch that the person switched to, until the chat goes on

    # Whole documents

    def load(self, history: History, *, running: bool) -> set[str]:
        """Take a fetched document; give the answers that kept what was streamed, because that is more.

        `running`: whether the server says that the chat has a run. Without one the document has the last
        word.
        """
        messages = dict(history.messages)
        known = set(self._tree.ids())
        kept: dict[str, ChatMessage] = {}
        for id_ in self.running_ids | self.unsent | self.refused:
            if id_ not in self._tree:
                continue
            held, stored = self.message(id_), messages.get(id_)
            if stored is None and id_ in self.unsent | self.refused:
                asked = self._tree.get(held.parent_id)
                if asked is not None:
                    messages.setdefault(asked.id, asked)
                kept[id_] = held
            elif (
                running
                and id_ in self.running_ids
                and stored is not None
                and not stored.done
                and (self._heard_whole(id_) or len(stored.content) < len(held.content))
            ):
                kept[id_] = united(stored, held)
        self._tree.load(messages | kept)
        for message in kept.values():
            self._tree.adopt(message)
        self._answers = {id_: answer for id_, answer in self._answers.items() if id_ in kept}
        self.refused &= kept.keys()
        if self.current_id not in (self.unsent | self.refused) & kept.keys():
            self._go_to(history.current_id, messages, known)
        was, self.running_ids = self.running, self._unfinished(running)
        for gone in known - set(self._tree.ids()):
            self._tell(TurnRemoved(gone))
        self._tell(ChatReset())
        if was != self.running:
            self._tell(RunningChanged(self.running))
        return set(kept)

    def _heard_whole(self, id_: str) -> bool:
        places = self._places.get(id_)
        return places is not None and places.whole

    def _go_to(self, current_id: str | None, messages: Mapping[str, ChatMessage], known: set[str]) -> None:
        chosen, self._chosen = self._chosen, None
        if chosen is not None and chosen in messages and (current_id is None or current_id in known):
            self._chosen = chosen
            self._tree.current = self._tree.leaf(chosen)
        else:
            self._tree.current = newest(messages, current_id)

    def _unfinished(self, running: bool) -> set[str]:
        found = {id_ for id_ in self.unsent if id_ in self._tree}
        if not running:
            return found
        # A run of the chat writes the last answer of the branch, unless that is done (W-52: never the
        # reverse).
        leaf = self._tree.get(self.current_id)
        found |= {id_ for id_ in self.running_ids if id_ in self._tree and not self._tree[id_].done}
        if leaf is not None and leaf.role == "assistant" and not leaf.done and not leaf.error:
            found.add(leaf.id)
        return found

    def merge(self, messages: Mapping[str, ChatMessage], current_id: str | None) -> None:
        """Take turns that another window or viewer made (`chat:messages`).

        The branch on screen follows where the other one goes on from it, and nothing is being written here.
        """
        was = self.current_id
        for id_, message in messages.items():
            held = self._tree.get(id_)
            if held is not None and id_ in self.running_ids:
                continue
            self._answers.pop(id_, None)
            self._put(message if held is None else united(held, message))
        if current_id is not None and current_id in self._tree:
            goes_on = was is None or was in self._tree.path(current_id)
            if goes_on and not self.running:
                self._tree.current = current_id
        self._tell(ChatReset())

    # Branches

    def switch(self, id_: str) -> None:
        """Show the newest branch that goes through a message."""
        leaf = self._tree.leaf(id_)
        self._chosen = id_
        if leaf != self.current_id:
            self._tree.current = leaf
            self._tell(ChatReset())

    # Our own

    def restart(self, asked: ChatMessage, turn: ChatMessage) -> None:
        """Add a question of our own, or one that is there already, and the answer that is to come."""
        self._chosen = None
        self.refused.discard(turn.id)
        before = self._tree.branch()
        if self._tree.get(asked.id) != asked:
            self.add(asked)
        self.add(turn)
        if self._tree.branch()[: len(before)] != before:
            self._tell(ChatReset())
        self.begins(turn.id)
        self.start(turn.id)
        self.unsent.add(turn.id)

    def fail(self, id_: str, reason: str) -> None:
        """The answer could not even be asked for."""
        if id_ not in self._tree:
            return
        self.refused.add(id_)
        self._change(id_, error={"content": reason}, tell=False)
        self.end(id_)

    def retext(self, id_: str, text: str) -> None:
        """A message was given another text here."""
        if id_ in self._tree:
            self._rewrite(id_, text, None)

    def noted(self, id_: str, **update: Any) -> None:
        """Something was noted beside a message's text."""
        self._change(id_, **update)

    # Temporary chats

    def break_off(self) -> None:
        """There is no run any more: the ends of the answers of which something was missed are unknown, and no
        document has them.
        """
        for id_ in tuple(self.running_ids - self.unsent):
            if not self._heard_whole(id_):
                self.end(id_, error=BROKEN_OFF)

    def stop_here(self) -> None:
        """The person stopped what the server cannot stop: it is over here."""
        for id_ in tuple(self.running_ids - self.unsent):
            self._cancelled(id_, None)
