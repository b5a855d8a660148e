"""What each event does to a chat's turns. No I/O.

Two dialects write an answer: 0.6.41 sends the whole text again and again (`chat:completion`), 0.12.4 and ours
send pieces (`response:completion`) and the whole at the end.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from antiphon import wire
from antiphon.client.chats.places import Places, key_of
from antiphon.client.chats.responses import AnswerOutput, Applied
from antiphon.client.chats.turn_state import TurnState
from antiphon.wire import ChatMessage, ResponseStreamEvent

WRITING = (wire.ResponseDelta, wire.Completion, wire.ContentAppended, wire.ContentReplaced)
"""Events that write an answer: one for a message that is not held means that a turn was missed."""

MOST_PLACES = 64
"""Answers whose pieces are counted at a time."""


class TurnEvents(TurnState):
    """The reducer of a chat's turns."""

    def __init__(self, *, temporary: bool = False) -> None:
        super().__init__(temporary=temporary)
        self._places: OrderedDict[str, Places] = OrderedDict()
        self._again = False  # events are being applied again to a document that may have them

    def apply(self, event: wire.ChatEvent) -> Applied:
        """Take an event about one of the messages; GAP asks for the document."""
        id_ = event.message_id
        if id_ in self.refused and isinstance(event, (*WRITING, wire.ChatActive)):
            self._taken_after_all(id_)
            self.apply(event)
            return Applied.GAP
        if isinstance(event, wire.ChatActive):
            if event.payload.active and id_ is not None:
                self._activated(id_)
            return Applied.UNCHANGED
        if id_ is None or id_ not in self._tree:
            return self._of_a_stranger(event)
        match event:
            case wire.ResponseDelta():
                return self._response(id_, event.payload)
            case wire.Completion():
                return self._completion(id_, event.payload)
            case wire.ContentAppended():
                return self._append(id_, event.payload.content)
            case wire.ContentReplaced():
                return self._rewrite(id_, event.payload.content, None)
            case wire.TasksCancelled():
                self._cancelled(id_, event.payload.output if event.payload else None)
            case wire.TurnFailed():
                error = event.payload.error
                plain = error.dump() if isinstance(error, wire.WireModel) else {"content": error}
                self._change(id_, error=plain, tell=False)
                self.end(id_)
            case wire.FollowUps():
                self._change(id_, follow_ups=list(event.payload.follow_ups))
            case wire.Status():
                self._status(id_, event.payload.dump())
            case wire.FilesReplaced():
                self._files(id_, list(event.payload.files), whole=event.type == "chat:message:files")
            case wire.EmbedsReplaced():
                whole = event.type == "chat:message:embeds" or bool(event.payload.replace)
                self._embeds(id_, list(event.payload.embeds), whole=whole)
            case wire.SourceAdded():
                self._source(id_, event.payload)
            case wire.Favorite():
                self._change(id_, favorite=event.payload.favorite)
            case wire.Voice():
                self._change(id_, meta={**(self.message(id_).meta or {}), "voice": event.payload.voice})
            case _:
                return Applied.UNCHANGED
        return Applied.CHANGED

    def _taken_after_all(self, id_: str) -> None:
        """What was said to be refused is being answered: the server's answer got lost."""
        self.refused.discard(id_)
        if id_ in self._tree:
            self._change(id_, error=None, done=None, tell=False)
            self.start(id_)

    def begins(self, id_: str) -> None:
        """An answer begins now, so that all of its pieces will be heard."""
        self._places[id_] = Places(begun=True)
        self._places.move_to_end(id_)
        while len(self._places) > MOST_PLACES:
            self._places.popitem(last=False)

    def _activated(self, id_: str) -> None:
        """The server says that an answer begins: an empty one from its first piece on."""
        message = self._tree.get(id_)
        if message is not None:
            self.start(id_)
        if id_ not in self._places and (message is None or not (message.content or message.output)):
            self.begins(id_)

    def missed(self) -> None:
        """Something was missed: no piece's place is known from here on, unless it says so itself."""
        for places in self._places.values():
            places.missed()

    def replay(self, events: Sequence[wire.ChatEvent]) -> Applied:
        """Take events that came while a document was under way, which may have some of them already; and lay
        what was held back over the document.
        """
        self._again, result = True, Applied.UNCHANGED
        try:
            for event in events:
                # A piece without a place was counted when it came.
                if not _unplaced(event) and self.apply(event) is Applied.GAP:
                    result = Applied.GAP
        finally:
            self._again = False
        for id_, places in tuple(self._places.items()):
            message = self._tree.get(id_)
            if message is not None and message.done:
                del self._places[id_]
            elif message is not None and self._lay(id_, places) is Applied.GAP:
                result = Applied.GAP
        return result

    def outlet(self, event: wire.Outlet) -> None:
        """Take what outlet filters made of finished messages."""
        for changed in event.payload.messages:
            self.filtered(changed.dump())

    def filtered(self, message: Mapping[str, Any]) -> None:
        """Take one message as the outlet filters left it; what was written before is kept beside it."""
        id_, content = message.get("id"), message.get("content")
        if not isinstance(id_, str) or id_ not in self._tree or not isinstance(content, str):
            return
        held = self.message(id_)
        if held.content != content:
            others = {key: value for key, value in message.items() if key in {"sources", "usage", "info"}}
            changed = {**held.dump(), **others, "content": content, "originalContent": held.content}
            try:
                merged = ChatMessage.load(changed)
            except ValidationError:  # A filter may leave anything; its text at least is a text.
                merged = held.model_copy(update={"content": content, "original_content": held.content})
            self._answers.pop(id_, None)
            self._tree.put(merged)
            self._change(id_)

    # Answers in pieces

    def _of_a_stranger(self, event: wire.ChatEvent) -> Applied:
        if not isinstance(event, WRITING):
            return Applied.UNCHANGED
        if isinstance(event, wire.ResponseDelta) and event.message_id is not None and not self._again:
            piece = event.payload
            if isinstance(piece, wire.StreamDelta) and piece.offset is None:
                self._places_of(event.message_id).hear(piece)
            elif isinstance(piece, wire.ItemAdded):
                self._places_of(event.message_id).item_told(piece.item)
        return Applied.GAP

    def _response(self, id_: str, event: ResponseStreamEvent) -> Applied:
        if isinstance(event, wire.CompletionChunk):
            return self._chunk(id_, event)
        if self._tree[id_].done:
            return Applied.UNCHANGED  # A late repeat: the end has said it all.
        self.start(id_)
        answer = self._answer(id_)
        if isinstance(event, wire.StreamDelta):
            if not answer.output:
                answer.go_on_as_items()
            if event.offset is None:
                heard = self._places_of(id_)
                return self._write(id_, heard, heard.hear(event))
        result = answer.output.apply(event)
        if not self._again and (places := self._places.get(id_)) is not None:
            match event:
                case wire.ItemAdded() | wire.ItemDone():
                    places.item_told(event.item)
                case wire.StreamDone():
                    self._text_told(places, event, answer.output)
        if result is Applied.CHANGED:
            self._grown(id_, answer)
        return result

    def _text_told(self, places: Places, event: wire.StreamDone, output: AnswerOutput) -> None:
        where = wire.StreamDelta(
            type=event.type,
            item_id=event.item_id,
            output_index=event.output_index,
            content_index=event.content_index,
            summary_index=event.summary_index,
            delta="",
        )
        places.text_told(key_of(where), len(output.text_at(where)))

    def _places_of(self, id_: str) -> Places:
        if id_ not in self._places:
            self.begins(id_)
            self._places[id_] = Places()
        return self._places[id_]

    def _write(self, id_: str, places: Places, key: tuple[str, str, int]) -> Applied:
        """Write what was held back of one text, if its place is known."""
        piece = places.ready(key)
        if piece is None:
            return Applied.GAP if places.waiting else Applied.UNCHANGED
        answer = self._answer(id_)
        result = answer.output.apply(piece)
        if result is Applied.CHANGED:
            self._grown(id_, answer)
        return result

    def _lay(self, id_: str, places: Places) -> Applied:
        """Find the place of what is held back in the document that has come."""
        result = Applied.UNCHANGED
        for key, latest in tuple(places.held()):
            answer = self._answer(id_)
            if not answer.output:
                answer.go_on_as_items()
            places.lay(key, answer.output.text_at(latest))
            if self._write(id_, places, key) is Applied.GAP:
                result = Applied.GAP
        return result

    # Answers as a whole

    def _completion(self, id_: str, update: wire.CompletionUpdate) -> Applied:
        if update.error is not None:
            self._change(id_, error={"content": update.error}, tell=False)
            self.end(id_)
            return Applied.CHANGED
        if update.sources is not None and not self.message(id_).sources:
            self._change(id_, sources=update.sources)
        if update.choices:
            self._chunk(id_, update)
        if update.output is not None or update.content:
            if not update.done and self._is_older(id_, update):
                return Applied.UNCHANGED
            self._rewrite(id_, update.content, update.output)
        if update.selected_model_id is not None:
            self._change(id_, selected_model_id=update.selected_model_id, arena=True)
        if update.usage is not None:
            self._change(id_, usage=update.usage)
        if update.done:
            if self.message(id_).error == BROKEN_OFF:
                self._change(id_, error=None, tell=False)
            self.end(id_)
            self._places.pop(id_, None)
        elif not self._tree[id_].done and (update.choices or update.content or update.output):
            self.start(id_)
        return Applied.CHANGED

    def _is_older(self, id_: str, update: wire.CompletionUpdate) -> bool:
        """Whether a text that is told on the way is one that a document has overtaken."""
        if update.output is not None or not update.content:
            return False
        held = self.message(id_).content
        return len(update.content) < len(held) and held.startswith(update.content)

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
        if self._again and piece and answer.text().endswith(piece):
            return Applied.UNCHANGED  # The document had it.
        if answer.output:
            # The text of structured items was written so far: go on behind it, as plain text.
            answer.pieces = [answer.text()]
            answer.output = AnswerOutput()
            answer.message = answer.message.model_copy(update={"output": None})
        answer.pieces.append(piece)
        self._grown(id_, answer)
        return Applied.CHANGED

    def _rewrite(self, id_: str, content: str | None, output: list[wire.OutputItem] | None) -> Applied:
        """Take the whole text. Output items outrank the content that comes with them."""
        answer = self._answer(id_)
        if output is not None:
            answer.output = AnswerOutput(output)
            answer.pieces = []
            if not self._again and (places := self._places.get(id_)) is not None:
                places.told(output)
        elif content is not None:
            answer.output = AnswerOutput()
            answer.pieces = [content]
            if answer.message.output is not None:  # It would say something else than the text.
                answer.message = answer.message.model_copy(update={"output": None})
        self._grown(id_, answer)
        return Applied.CHANGED

    def _cancelled(self, id_: str, output: list[wire.OutputItem] | None) -> None:
        if output is not None:
            self._rewrite(id_, None, output)
        # The server stores this end as the state; the event alone tells of it (W-48: its own).
        self._change(id_, meta={**(self.message(id_).meta or {}), "state": "stopped"}, tell=False)
        self.end(id_)
        self._places.pop(id_, None)

    # What stands beside the text

    def _status(self, id_: str, step: dict[str, Any]) -> None:
        steps = self.message(id_).status_history or []
        if not self._again or step not in steps:
            self._change(id_, status_history=[*steps, step])

    def _files(self, id_: str, files: list[Any], *, whole: bool) -> None:
        held: list[Any] = list(self.message(id_).files or [])
        self._change(id_, files=self._listed(files, held, whole=whole))

    def _embeds(self, id_: str, embeds: list[Any], *, whole: bool) -> None:
        held = list(self.message(id_).embeds or [])
        self._change(id_, embeds=self._listed(embeds, held, whole=whole))

    def _listed(self, new: list[Any], held: list[Any], *, whole: bool) -> list[Any]:
        """Give the list as the server stores it: new ones stand before the old ones (W-49)."""
        if whole or (self._again and held[: len(new)] == new):
            return new if whole else held
        return [*held, *new] if self.temporary else [*new, *held]

    def _source(self, id_: str, item: wire.SourceItem) -> None:
        message = self.message(id_)
        if item.type == "code_execution":
            runs = list(message.code_executions or [])
            place = next((i for i, run in enumerate(runs) if run.get("id") == item.id), len(runs))
            runs[place : place + 1] = [item.dump()]
            self._change(id_, code_executions=runs)
        elif not self._again or item.dump() not in (message.sources or []):
            self._change(id_, sources=[*(message.sources or []), item.dump()])


BROKEN_OFF = {"content": "The connection broke while this answer was written. Ask again."}
"""What an answer of a temporary chat says whose end was missed: no document has it."""


def _unplaced(event: wire.ChatEvent) -> bool:
    return (
        isinstance(event, wire.ResponseDelta)
        and isinstance(event.payload, wire.StreamDelta)
        and event.payload.offset is None
    )
