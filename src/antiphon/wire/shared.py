"""One object for what comes again with every event: the channel it happened in, and who did it.

Reading them each time would cost more than reading the message itself, and each message that is held would
hold copies of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from .accounts import UserName
from .base import WireModel
from .channels import ChannelRecord

MOST = 1_024
"""Values that are remembered, of both classes together; the oldest goes first."""

_Path = tuple[str | int, ...]
_Numbers = tuple[tuple[_Path, type], ...]


def with_shared(payload: dict[str, Any]) -> dict[str, Any]:
    """Give an event's payload with models in the place of its channel, its person and its message's author.

    What is wrong with them is left as it is, for the reader of the whole to say.
    """
    given: dict[str, Any] = {}
    for name, cls in (("user", UserName), ("channel", ChannelRecord)):
        value = payload.get(name)
        if type(value) is dict:
            given[name] = _shared(cls, value)
    message = payload["data"].get("data")
    if type(message) is dict and type(author := message.get("user")) is dict:
        given["data"] = {**payload["data"], "data": {**message, "user": _shared(UserName, author)}}
    return {**payload, **given} if given else payload


def _shared(cls: type[WireModel], value: dict[str, Any]) -> WireModel | dict[str, Any]:
    """Give the model of a value that is equal to the latest one of its id.

    Equal means equal as JSON: 1, 1.0 and true are three things.
    """
    id_ = value.get("id")
    if type(id_) is not str:
        return value
    known = _latest.get((cls, id_))
    if known is not None and known[0] == value and _same_numbers(known[1], value):
        return known[2]
    try:
        model = cls.load(value)
    except ValidationError:
        return value
    _latest[cls, id_] = _copy(value), tuple(_numbers(value, ())), model
    if len(_latest) > MOST:
        del _latest[next(iter(_latest))]
    return model


_latest: dict[tuple[type, str], tuple[Any, _Numbers, WireModel]] = {}


def _copy(value: Any) -> Any:
    """Give a copy that stays as it is when the caller goes on working with the value."""
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value


def _numbers(value: Any, path: _Path) -> Iterator[tuple[_Path, type]]:
    """Give where numbers and booleans stand, with their types: Python calls some of them equal."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _numbers(inner, (*path, place))
    elif isinstance(value, int | float):
        yield path, type(value)


def _same_numbers(numbers: _Numbers, value: Any) -> bool:
    for path, kind in numbers:
        found = value
        for step in path:
            found = found[step]
        if type(found) is not kind:
            return False
    return True
