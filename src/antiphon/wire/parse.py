"""From a Socket.IO event to a typed one, in one look-up and one validation; nothing here raises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import get_args

from pydantic import ValidationError

from . import outbound
from .base import Event, Malformed, Unknown
from .channel_events import ChannelEnvelope, ChannelEvent
from .chat_events import ChatEvent
from .other_events import OtherEvent
from .shared import with_shared

ServerEvent = ChannelEvent | ChatEvent | OtherEvent | Unknown | Malformed
"""What `parse_event` gives."""

ClientEvent = (
    outbound.UserJoin
    | outbound.JoinChannels
    | outbound.Heartbeat
    | outbound.Usage
    | outbound.JoinNote
    | outbound.ChannelEmit
    | outbound.ChatEmit
    | outbound.DocumentJoin
    | outbound.DocumentStateRequest
    | outbound.DocumentEdit
    | outbound.DocumentLeave
    | outbound.DocumentAwareness
)
"""What `parse_emit` gives, beside `Unknown` and `Malformed`."""

_Table = dict[str, dict[str, type[Event]]]

_ENCRYPTION = ("start", "status", "join", "bind", "packet", "leave", "ping")


def _classes(union: object) -> Iterable[type[Event]]:
    return (cls for cls in get_args(union) if issubclass(cls, Event))


def _table(*unions: object) -> _Table:
    table: _Table = {}
    for union in unions:
        for cls in _classes(union):
            types = table.setdefault(cls.NAME, {})
            for kind in cls.TYPES:
                types[kind] = cls
    return table


_EVENTS = _table(ChannelEvent, ChatEvent, OtherEvent)
_EMITS = _table(ClientEvent)
_EMITS.update({f"encryption:{verb}": {"": outbound.EncryptionEmit} for verb in _ENCRYPTION})


def types_known() -> dict[tuple[str, str], type[Event]]:
    """List what a server may send: (Socket.IO name, `data.type` or "") → the class it is read as."""
    return {(name, kind): cls for name, types in _EVENTS.items() for kind, cls in types.items()}


def emits_known() -> dict[str, type[Event]]:
    """List what a client may send: Socket.IO name → the class it is read as."""
    return {name: types[""] for name, types in _EMITS.items()}


def parse_event(name: str, payload: object) -> ServerEvent:
    """Read what a server sent under `name`. Never raises: see `Unknown` and `Malformed`."""
    return _parse(_EVENTS, name, payload)  # type: ignore[return-value]  # the table holds these classes alone


def parse_emit(name: str, payload: object) -> ClientEvent | outbound.EncryptionEmit | Unknown | Malformed:
    """Read what a client sent under `name`. Never raises: see `Unknown` and `Malformed`."""
    return _parse(_EMITS, name, payload)  # type: ignore[return-value]  # the table holds these classes alone


def _parse(table: _Table, name: str, payload: object) -> Event | Unknown | Malformed:
    types = table.get(name)
    if types is None:
        return Unknown(name, _kind(payload), payload)
    if not isinstance(payload, dict):
        return Malformed(name, "", payload, f"the payload should be an object, not {_words(payload)}")
    kind = ""
    cls = types.get("")
    if cls is None:
        data = payload.get("data")
        if not isinstance(data, dict):
            reason = f"should be an object, not {_words(data)}" if "data" in payload else "is missing"
            return Malformed(name, "", payload, f"data {reason}")
        said = data.get("type")
        if not isinstance(said, str):
            reason = f"should be text, not {_words(said)}" if "type" in data else "is missing"
            return Malformed(name, "", payload, f"data.type {reason}")
        kind = said
        cls = types.get(kind)
        if cls is None:
            return Unknown(name, kind, payload)
    try:
        value = with_shared(payload) if issubclass(cls, ChannelEnvelope) else payload
        return cls.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as error:
        return Malformed(name, kind, payload, reason_of(error, payload))


def _kind(payload: object) -> str:
    data = payload.get("data") if isinstance(payload, dict) else None
    kind = data.get("type") if isinstance(data, dict) else None
    return kind if isinstance(kind, str) else ""


_WORDS = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "a boolean",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
}


def _words(value: object) -> str:
    return "null" if value is None else _WORDS.get(type(value), "a " + type(value).__name__)


def reason_of(error: ValidationError, value: object = None, most: int = 3) -> str:
    """Say in one line what is wrong: the place, what should be there and what is; at most `most` places."""
    found = error.errors(include_url=False, include_context=False)
    said = []
    for item in found[:most]:
        place = ".".join(str(step) for step in item["loc"]) or "the body"
        if item["type"] == "missing" or (item["input"] is None and _absent(value, item["loc"])):
            said.append(f"{place} is missing")
        elif item["type"] in _EXPECTED:
            said.append(f"{place} should be {_EXPECTED[item['type']]}, not {_words(item['input'])}")
        else:
            said.append(f"{place}: {item['msg'][:1].lower()}{item['msg'][1:]}")
    if len(found) > most:
        said.append(f"and {len(found) - most} more")
    return "; ".join(said)


def _absent(value: object, place: tuple[int | str, ...]) -> bool:
    for step in place:
        if isinstance(value, dict):
            if step not in value:
                return True
            value = value[step]
        else:
            return False
    return False


class Counts:
    """How many events were typed, unknown and malformed; one per client. Kinds beyond `MOST_KINDS` are one
    kind.
    """

    MOST_KINDS = 256
    OTHERS = "(others)"

    def __init__(self) -> None:
        self.typed = 0
        self.unknown: Counter[str] = Counter()
        self.malformed: Counter[str] = Counter()

    def take(self, event: Event | Unknown | Malformed) -> None:
        """Count one event. Keys are `name` or `name type`, cut at 120 characters."""
        if isinstance(event, Unknown):
            self._add(self.unknown, event)
        elif isinstance(event, Malformed):
            self._add(self.malformed, event)
        else:
            self.typed += 1

    def _add(self, counter: Counter[str], event: Unknown | Malformed) -> None:
        key = (f"{event.name} {event.type}" if event.type else event.name)[:120]
        if key not in counter and len(counter) >= self.MOST_KINDS:
            key = self.OTHERS
        counter[key] += 1

    def __repr__(self) -> str:
        return f"Counts(typed={self.typed}, unknown={dict(self.unknown)}, malformed={dict(self.malformed)})"
