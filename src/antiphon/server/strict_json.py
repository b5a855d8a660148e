"""JSON from outside, read so that whatever comes in can be stored, sent on and read again.

Python's own reader lets lone surrogates, NUL characters, NaN and endless numbers through, which no UTF-8
text, no PostgreSQL and no other JSON reader takes, and it gives up on deep nesting with a RecursionError.
What people send is refused with the reason; what a provider says is mended, as nobody could send it again.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from pydantic_core import from_json

MEND = "\N{REPLACEMENT CHARACTER}"

# Only what matches is looked at value by value: an escaped NUL, and a number that may leave a float's range.
_SUSPECT = re.compile(rb"\\u0000|[eE]\+?[0-9]{3}|[0-9]{309}")
_SURROGATE = re.compile("[\ud800-\udfff\0]")


class BadJson(ValueError):
    """What is wrong, in a sentence."""


def read(data: bytes) -> Any:
    """Read what somebody sends. Raises `BadJson`."""
    try:
        value = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise BadJson(f"The body is not valid JSON: {error}.") from None
    if _SUSPECT.search(data):
        _refuse_unusable(value)
    return value


def read_foreign(data: bytes) -> Any:
    """Read what a provider says: a replacement mark for each character that cannot be, null for a number
    without end. Raises `ValueError` for what is no JSON at all.
    """
    try:
        return read(data)
    except BadJson:
        pass
    try:
        return _mended(json.loads(data))
    except RecursionError:
        raise BadJson("The JSON is nested too deeply.") from None


def _refuse_unusable(value: Any) -> None:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str) and "\0" in one:
            raise BadJson("The body holds the character NUL in a text, which cannot be stored.")
        elif isinstance(one, float) and not math.isfinite(one):
            raise BadJson("The body holds a number that is too large.")


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub(MEND, value)
    if isinstance(value, dict):
        return {_mended(key): _mended(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_mended(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
