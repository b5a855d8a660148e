"""The answer that a stream of `response:completion` events writes (0.12.4, and ours).

Deltas are pieces without numbers; ours carry `offset`, the length of that text part before the piece, so that
a repeat is dropped and a gap is noticed. Pieces are kept apart until somebody reads: a long answer costs no
more per piece than a short one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from antiphon.wire import (
    ContentPart,
    ItemAdded,
    ItemDone,
    OutputItem,
    PartAdded,
    ResponseStreamEvent,
    StreamCompleted,
    StreamDelta,
    StreamDone,
)

MOST_SLOTS = 1024
"""An index beyond this is not one that a model's answer has: the event is ignored rather than filled up to.
"""


class Applied(Enum):
    """What an event did to the answer."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    GAP = "gap"
    """A piece does not fit to what is held: something between was missed."""


@dataclass(slots=True)
class _Text:
    pieces: list[str] = field(default_factory=list)
    length: int = 0

    def read(self) -> str:
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""

    def replace(self, text: str) -> bool:
        if self.length == len(text) and self.read() == text:
            return False
        self.pieces, self.length = [text], len(text)
        return True

    def append(self, piece: str, offset: int | None) -> Applied:
        if offset is not None and offset != self.length:
            if offset > self.length:
                return Applied.GAP
            known = self.length - offset
            # A repeat, whole or in part: what we hold must agree with it.
            if not self.read().startswith(piece[:known], offset):
                return Applied.GAP
            piece = piece[known:]
        if not piece:
            return Applied.UNCHANGED
        self.pieces.append(piece)
        self.length += len(piece)
        return Applied.CHANGED


@dataclass(slots=True)
class _Part:
    part: ContentPart
    text: _Text

    @classmethod
    def of(cls, part: ContentPart) -> _Part:
        text = part.text or ""
        return cls(part, _Text([text] if text else [], len(text)))

    def read(self) -> ContentPart:
        text = self.text.read()
        return self.part if (self.part.text or "") == text else self.part.model_copy(update={"text": text})


@dataclass(slots=True)
class _Slot:
    """An output item whose texts grow."""

    item: OutputItem
    content: list[_Part]
    summary: list[_Part]
    arguments: _Text

    @classmethod
    def of(cls, item: OutputItem) -> _Slot:
        arguments = item.arguments or ""
        return cls(
            item,
            [_Part.of(part) for part in item.content or ()],
            [_Part.of(part) for part in item.summary or ()],
            _Text([arguments] if arguments else [], len(arguments)),
        )

    def read(self) -> OutputItem:
        update: dict[str, Any] = {}
        if self.content:
            update["content"] = [part.read() for part in self.content]
        if self.summary:
            update["summary"] = [part.read() for part in self.summary]
        if self.arguments.pieces:
            update["arguments"] = self.arguments.read()
        return self.item.model_copy(update=update) if update else self.item

    def part(self, index: int | None, kind: str, *, summary: bool) -> _Part:
        parts = self.summary if summary else self.content
        place = len(parts) - 1 if index is None and parts else index or 0
        while len(parts) <= place:
            parts.append(_Part.of(ContentPart(type=kind)))
        return parts[place]


class AnswerOutput:
    """The output items of one answer while it is written."""

    def __init__(self, items: list[OutputItem] | None = None) -> None:
        self._slots = [_Slot.of(item) for item in items or ()]
        self._items: list[OutputItem] | None = None

    def __bool__(self) -> bool:
        return bool(self._slots)

    def items(self) -> list[OutputItem]:
        """Give the items as they stand."""
        if self._items is None:
            self._items = [slot.read() for slot in self._slots]
        return self._items

    def text(self) -> str:
        """Give the plain text: that of each message item, joined by newlines."""
        return "\n".join(
            "".join(part.text.read() for part in slot.content if part.part.type in {"output_text", "text"})
            for slot in self._slots
            if slot.item.type == "message"
        )

    def text_at(self, event: StreamDelta) -> str:
        """Give the text that a piece belongs to, as far as it is there."""
        slot = self._find(event.item_id, event.output_index)
        if slot is None:
            return ""
        if "arguments" in event.type or event.type.startswith("response.custom_tool_call_input"):
            return slot.arguments.read()
        summary = "summary" in event.type
        parts = slot.summary if summary else slot.content
        index = event.summary_index if summary else event.content_index
        place = len(parts) - 1 if index is None else index
        return parts[place].text.read() if 0 <= place < len(parts) else ""

    def apply(self, event: ResponseStreamEvent) -> Applied:
        """Take one stream event. Kinds that say nothing about the text leave everything as it is."""
        match event:
            case StreamDelta():
                result = self._delta(event)
            case StreamDone():
                result = self._done(event)
            case ItemAdded() | ItemDone():
                result = self._item(event.item, event.output_index, insert=isinstance(event, ItemAdded))
            case PartAdded():
                result = self._part_added(event)
            case StreamCompleted() if event.response is not None:
                result = self._completed(event.response.output or [])
            case _:
                return Applied.UNCHANGED
        if result is Applied.CHANGED:
            self._items = None
        return result

    def _find(self, item_id: str | None, index: int | None) -> _Slot | None:
        if item_id is not None:
            for slot in reversed(self._slots):
                if item_id in {slot.item.id, slot.item.call_id}:
                    return slot
        if index is None:
            return self._slots[-1] if self._slots and item_id is None else None
        if 0 <= index < len(self._slots):
            slot = self._slots[index]
            # A slot that carries another id is another item; one without an id was made to fill a hole.
            return slot if item_id is None or slot.item.id is None else None
        return None

    def _slot(self, item_id: str | None, index: int | None, kind: str) -> _Slot | None:
        slot = self._find(item_id, index)
        if slot is not None:
            if item_id is not None and slot.item.id is None and slot.item.call_id is None:
                slot.item = slot.item.model_copy(update={"id": item_id})
            return slot
        place = len(self._slots) if index is None else max(index, 0)
        if place > MOST_SLOTS:
            return None
        while len(self._slots) < place:
            self._slots.append(_Slot.of(_empty(None, "message")))
        self._slots.insert(place, slot := _Slot.of(_empty(item_id, kind)))
        return slot

    def _delta(self, event: StreamDelta) -> Applied:
        if event.offset and self._find(event.item_id, event.output_index) is None:
            return Applied.GAP
        slot = self._slot(event.item_id, event.output_index, _item_kind(event.type))
        text = None if slot is None else _text_of(slot, event)
        return Applied.UNCHANGED if text is None else text.append(event.delta, event.offset)

    def _done(self, event: StreamDone) -> Applied:
        whole = event.arguments if event.arguments is not None else event.text
        if whole is None and event.part is not None:
            whole = event.part.text
        if whole is None:
            return Applied.UNCHANGED
        slot = self._slot(event.item_id, event.output_index, _item_kind(event.type))
        text = None if slot is None else _text_of(slot, event)
        return Applied.CHANGED if text is not None and text.replace(whole) else Applied.UNCHANGED

    def _item(self, item: OutputItem, index: int | None, *, insert: bool) -> Applied:
        if index is not None and index > MOST_SLOTS:
            return Applied.UNCHANGED
        wanted = {id_ for id_ in (item.id, item.call_id) if id_ is not None}
        for place, slot in enumerate(self._slots):
            same_call = slot.item.type == item.type and wanted & {slot.item.id, slot.item.call_id}
            if same_call or (item.id is not None and slot.item.id == item.id):
                if slot.read() == item:
                    return Applied.UNCHANGED
                self._slots[place] = _Slot.of(item)
                return Applied.CHANGED
        if (
            not insert
            and index is not None
            and index < len(self._slots)
            and self._slots[index].item.id is None
        ):
            self._slots[index] = _Slot.of(item)
        else:
            self._slots.insert(len(self._slots) if index is None else index, _Slot.of(item))
        return Applied.CHANGED

    def _part_added(self, event: PartAdded) -> Applied:
        summary = "summary" in event.type
        slot = self._slot(event.item_id, event.output_index, "reasoning" if summary else "message")
        if slot is None:
            return Applied.UNCHANGED
        index = event.summary_index if summary else event.content_index
        parts = slot.summary if summary else slot.content
        if index is not None and index > MOST_SLOTS:
            return Applied.UNCHANGED
        if index is None or index >= len(parts):
            parts.append(_Part.of(event.part))
            return Applied.CHANGED
        return Applied.UNCHANGED

    def _completed(self, items: list[OutputItem]) -> Applied:
        changed = [self._item(item, None, insert=False) for item in items]
        return Applied.CHANGED if Applied.CHANGED in changed else Applied.UNCHANGED


def _empty(item_id: str | None, kind: str) -> OutputItem:
    named = {} if item_id is None else {"id": item_id}
    role = {"role": "assistant"} if kind == "message" else {}
    return OutputItem(type=kind, status="in_progress", **named, **role)  # type: ignore[arg-type]  # both dicts hold text


def _item_kind(event_type: str) -> str:
    if "arguments" in event_type:
        return "function_call"
    return "reasoning" if "reasoning" in event_type else "message"


def _text_of(slot: _Slot, event: StreamDelta | StreamDone) -> _Text | None:
    """Find the text that an event is about."""
    if "arguments" in event.type or event.type.startswith("response.custom_tool_call_input"):
        return slot.arguments
    summary = "summary" in event.type
    index = event.summary_index if summary else event.content_index
    if index is not None and not 0 <= index <= MOST_SLOTS:
        return None
    if summary:
        kind = "summary_text"
    elif "reasoning" in event.type:
        kind = "reasoning_text"
    else:
        kind = "refusal" if "refusal" in event.type else "output_text"
    return slot.part(index, kind, summary=summary).text
