"""The tree of questions and answers of one chat, and what each event does to it. No I/O.

Two dialects write an answer: 0.6.41 sends the whole text again and again (`chat:completion`), 0.12.4 and ours
send pieces (`response:completion`) and the whole at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from antiphon import wire
from antiphon.wire import ChatMessage, History, ResponseStreamEvent

from .chat_changes import ChatChange, ChatReset, RunningChanged, TurnAdded, TurnChanged, TurnRemoved
from .responses import AnswerOutput, Applied
from .store import Listeners, Unsubscribe
from .writing import Answer, overlap, piece_of

__all__ = ["ChatChange", "ChatReset", "RunningChanged", "TurnAdded", "TurnChanged", "TurnRemoved", "Turns"]


class Turns:
    """The messages of a chat by id, the branch on screen, and which answers are being written."""

    def __init__(self) -> None:
        self.current_id: str | None = None
        self.running_ids: set[str] = set()
        self.unsent: set[str] = set()
        """Answers whose question the server has not taken yet: a document cannot have them."""
        self.refused: set[str] = set()
        """Answers that could not be asked for: a document may have them, if only the refusal is not true."""
        self._messages: dict[str, ChatMessage] = {}
        self._answers: dict[str, Answer] = {}
        self._branch: tuple[str, ...] | None = None
        self._listeners: Listeners[ChatChange] = Listeners()

    # Reading

    def __contains__(self, id_: object) -> bool:
        return id_ in self._messages

    def message(self, id_: str) -> ChatMessage:
        """Give a message as it stands."""
        answer = self._answers.get(id_)
        if answer is not None:
            self._messages[id_] = answer.read()
        return self._messages[id_]

    def branch(self) -> tuple[ChatMessage, ...]:
        """Give the branch that ends with the current message, oldest first."""
        return tuple(self.message(id_) for id_ in self._branch_ids())

    def history(self) -> History:
        """Give all messages as a document holds them."""
        return History(
            messages={id_: self.message(id_) for id_ in self._messages}, current_id=self.current_id
        )

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

    # Whole documents

    def load(self, history: History, *, running: bool) -> set[str]:
        """Take a fetched document; give the answers that kept what was streamed, because the document has
        less of it.

        `running`: whether the server says that the chat has a run. Without one the document has the last
        word.
        """
        messages = dict(history.messages)
        kept: dict[str, ChatMessage] = {}
        for id_ in self.running_ids | self.unsent | self.refused:
            if id_ not in self._messages:
                continue
            held, stored = self.message(id_), messages.get(id_)
            if stored is None and id_ in self.unsent | self.refused:
                asked = self._messages.get(held.parent_id or "")
                if asked is not None:
                    messages.setdefault(asked.id, asked)
                kept[id_] = held
            elif (
                running
                and id_ in self.running_ids
                and stored is not None
                and not stored.done
                and len(stored.content) < len(held.content)
            ):
                kept[id_] = held
        self._messages = messages | kept
        self._answers = {id_: answer for id_, answer in self._answers.items() if id_ in kept}
        self._branch = None
        self.refused &= kept.keys()
        if self.current_id not in (self.unsent | self.refused) & kept.keys():
            self.current_id = _leaf(self._messages, history.current_id)
        was, self.running_ids = self.running, self._unfinished(running)
        self._tell(ChatReset())
        if was != self.running:
            self._tell(RunningChanged(self.running))
        return set(kept)

    def _unfinished(self, running: bool) -> set[str]:
        found = {id_ for id_ in self.unsent if id_ in self._messages}
        if not running:
            return found
        # A run of the chat writes the last answer of the branch, unless that is done (W-52: never the
        # reverse).
        leaf = self._messages.get(self.current_id or "")
        found |= {id_ for id_ in self.running_ids if id_ in self._messages and not self._messages[id_].done}
        if leaf is not None and leaf.role == "assistant" and not leaf.done and not leaf.error:
            found.add(leaf.id)
        return found

    def merge(self, messages: Mapping[str, ChatMessage], current_id: str | None) -> None:
        """Take turns that another window or viewer made (`chat:messages`)."""
        for id_, message in messages.items():
            if id_ in self.running_ids:
                continue
            self._messages[id_] = message
            self._answers.pop(id_, None)
            self._adopt(message)
        self._branch = None
        if current_id is not None and current_id in self._messages:
            self.current_id = current_id
        self._tell(ChatReset())

    def add(self, message: ChatMessage) -> None:
        """Add a question or an answer of our own and go on from it."""
        known = message.id in self._messages
        self._messages[message.id] = message
        self._answers.pop(message.id, None)
        self._adopt(message)
        self.current_id = message.id
        self._branch = None
        self._tell(TurnChanged(message.id, self) if known else TurnAdded(message))

    def _adopt(self, message: ChatMessage) -> None:
        parent = self._messages.get(message.parent_id or "")
        if parent is not None and message.id not in parent.children_ids:
            self._change(parent.id, children_ids=[*parent.children_ids, message.id], tell=False)

    # Events

    def start(self, id_: str) -> None:
        """An answer begins."""
        if id_ not in self.running_ids:
            self.running_ids.add(id_)
            if len(self.running_ids) == 1:
                self._tell(RunningChanged(True))

    def stop_all(self) -> None:
        """No answer is being written any more: the chat is gone."""
        for id_ in tuple(self.running_ids):
            self.stop(id_)

    def stop(self, id_: str) -> None:
        """An answer has ended."""
        if id_ in self.running_ids:
            self.running_ids.discard(id_)
            if not self.running_ids:
                self._tell(RunningChanged(False))

    def apply(self, event: wire.ChatEvent) -> Applied:
        """Take an event about one of the messages; GAP asks for the document."""
        id_ = event.message_id
        if id_ is None or id_ not in self._messages:
            return Applied.GAP if isinstance(event, WRITING) else Applied.UNCHANGED
        match event:
            case wire.ResponseDelta():
                return self._response(id_, event.payload)
            case wire.Completion():
                return self._completion(id_, event.payload)
            case wire.ContentAppended():
                return self._append(id_, event.payload.content)
            case wire.ContentReplaced():
                self._rewrite(id_, event.payload.content, None)
            case wire.TasksCancelled():
                output = event.payload.output if event.payload else None
                if output is not None:
                    self._rewrite(id_, None, output)
                # The server stores this end as the state; the event alone tells of it (W-48: its own).
                self._change(id_, meta={**(self.message(id_).meta or {}), "state": "stopped"}, tell=False)
                self._end(id_)
            case wire.TurnFailed():
                error = event.payload.error
                plain = error.dump() if isinstance(error, wire.WireModel) else {"content": error}
                self._change(id_, error=plain, tell=False)
                self._end(id_)
            case wire.FollowUps():
                self._change(id_, follow_ups=list(event.payload.follow_ups))
            case wire.Status():
                steps, step = self.message(id_).status_history or [], event.payload.dump()
                if not steps or steps[-1] != step:  # A fetched document may have had it already.
                    self._change(id_, status_history=[*steps, step])
            case wire.FilesReplaced():
                self._change(id_, files=list(event.payload.files))
            case wire.EmbedsReplaced():
                self._change(id_, embeds=list(event.payload.embeds))
            case wire.SourceAdded():
                self._source(id_, event.payload)
            case wire.Favorite():
                self._change(id_, favorite=event.payload.favorite)
            case wire.Voice():
                self._change(id_, meta={**(self.message(id_).meta or {}), "voice": event.payload.voice})
            case _:
                return Applied.UNCHANGED
        return Applied.CHANGED

    def replay(self, events: Sequence[wire.ChatEvent]) -> Applied:
        """Take events that came while a document was under way, which may have some of them already.

        Pieces without offset say nothing about their place. The document was written between two of them: the
        longest run of them with which its text ends is what it has.
        """
        known: dict[str, int] = {}
        result = Applied.UNCHANGED
        for id_ in {event.message_id for event in events if event.message_id in self._messages}:
            pieces = [text for event in events if event.message_id == id_ and (text := piece_of(event))]
            known[id_ or ""] = overlap(self.message(id_ or "").content, pieces)
        for event in events:
            if known.get(event.message_id or "") and piece_of(event):
                known[event.message_id or ""] -= 1
            elif self.apply(event) is Applied.GAP:
                result = Applied.GAP
        return result

    def restart(self, asked: ChatMessage, turn: ChatMessage) -> None:
        """Add a question of our own and the answer that is to come."""
        self.refused.discard(turn.id)
        self.add(asked)
        self.add(turn)
        self.start(turn.id)
        self.unsent.add(turn.id)

    def fail(self, id_: str, reason: str) -> None:
        """The answer could not even be asked for."""
        if id_ not in self._messages:
            return
        self.refused.add(id_)
        self._change(id_, error={"content": reason}, tell=False)
        self._end(id_)

    def outlet(self, event: wire.Outlet) -> None:
        """Take what outlet filters made of finished messages."""
        for changed in event.payload.messages:
            self.filtered(changed.dump())

    def filtered(self, message: Mapping[str, Any]) -> None:
        """Take one message as the outlet filters left it; what was written before is kept beside it."""
        id_, content = message.get("id"), message.get("content")
        if isinstance(id_, str) and id_ in self._messages and isinstance(content, str):
            held = self.message(id_)
            if held.content != content:
                self._change(id_, original_content=held.content, content=content)

    def _response(self, id_: str, event: ResponseStreamEvent) -> Applied:
        if isinstance(event, wire.CompletionChunk):
            return self._chunk(id_, event)
        if self._messages[id_].done:
            return Applied.UNCHANGED  # A late repeat: the end has said it all.
        self.start(id_)
        answer = self._answer(id_)
        if isinstance(event, wire.StreamDelta) and not answer.output:
            answer.go_on_as_items()
        result = answer.output.apply(event)
        if result is Applied.CHANGED:
            answer.stale = True
            self._tell(TurnChanged(id_, self))
        return result

    def _completion(self, id_: str, update: wire.CompletionUpdate) -> Applied:
        if update.error is not None:
            self._change(id_, error={"content": update.error}, tell=False)
            self._end(id_)
            return Applied.CHANGED
        if update.sources is not None and not self.message(id_).sources:
            self._change(id_, sources=update.sources)
        if update.choices:
            self._chunk(id_, update)
        if update.output is not None or update.content:
            self._rewrite(id_, update.content, update.output)
        if update.selected_model_id is not None:
            self._change(id_, selected_model_id=update.selected_model_id)
        if update.usage is not None:
            self._change(id_, usage=update.usage)
        if update.done:
            self._end(id_)
        elif not self._messages[id_].done and (update.choices or update.content or update.output):
            self.start(id_)
        return Applied.CHANGED

    def _chunk(self, id_: str, chunk: wire.CompletionChunk) -> Applied:
        for choice in chunk.choices or ():
            if choice.message is not None and choice.message.content:
                return self._append(id_, choice.message.content)
            piece = choice.delta.content if choice.delta else None
            if piece and not (piece == "\n" and not self._answer(id_).text()):
                return self._append(id_, piece)
        return Applied.UNCHANGED

    def _append(self, id_: str, piece: str) -> Applied:
        answer = self._answer(id_)
        if answer.output:
            # The text of structured items was written so far: go on behind it, as plain text.
            answer.pieces = [answer.text()]
            answer.output = AnswerOutput()
            answer.message = answer.message.model_copy(update={"output": None})
        answer.pieces.append(piece)
        answer.stale = True
        self._tell(TurnChanged(id_, self))
        return Applied.CHANGED

    def _rewrite(self, id_: str, content: str | None, output: list[wire.OutputItem] | None) -> None:
        """Take the whole text. Output items outrank the content that comes with them."""
        answer = self._answer(id_)
        if output is not None:
            answer.output = AnswerOutput(output)
            answer.pieces = []
        elif content is not None:
            answer.output = AnswerOutput()
            answer.pieces = [content]
        answer.stale = True
        self._tell(TurnChanged(id_, self))

    def _source(self, id_: str, item: wire.SourceItem) -> None:
        message = self.message(id_)
        if item.type == "code_execution":
            runs = list(message.code_executions or [])
            place = next((i for i, run in enumerate(runs) if run.get("id") == item.id), len(runs))
            runs[place : place + 1] = [item.dump()]
            self._change(id_, code_executions=runs)
        elif item.dump() not in (message.sources or []):
            self._change(id_, sources=[*(message.sources or []), item.dump()])

    def _end(self, id_: str) -> None:
        self._change(id_, done=True)
        self._answers.pop(id_, None)
        self.stop(id_)

    def _answer(self, id_: str) -> Answer:
        answer = self._answers.get(id_)
        if answer is None:
            answer = self._answers[id_] = Answer(self._messages[id_])
        return answer

    def _change(self, id_: str, *, tell: bool = True, **update: Any) -> None:
        message = self.message(id_).model_copy(update=update)
        self._messages[id_] = message
        if (answer := self._answers.get(id_)) is not None:
            answer.message = message
        if tell:
            self._tell(TurnChanged(id_, self))

    def _branch_ids(self) -> tuple[str, ...]:
        if self._branch is None:
            ids: list[str] = []
            id_, seen = self.current_id, set()
            while id_ is not None and id_ in self._messages and id_ not in seen:
                seen.add(id_)
                ids.append(id_)
                id_ = self._messages[id_].parent_id
            self._branch = tuple(reversed(ids))
        return self._branch

    def _tell(self, change: ChatChange) -> None:
        self._listeners.tell(change)


WRITING = (wire.ResponseDelta, wire.Completion, wire.ContentAppended, wire.ContentReplaced)
"""Events that write an answer: one for a message that is not held means that a turn was missed."""


def _leaf(messages: Mapping[str, ChatMessage], current_id: str | None) -> str | None:
    """Give the current message, or the newest one where the document names none."""
    if current_id is not None and current_id in messages:
        return current_id
    newest = max(messages.values(), key=lambda message: message.timestamp or 0, default=None)
    return newest.id if newest else None
