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

# Searched for as fixed bytes: for megabytes that takes milliseconds, and an expression hundreds of them.
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_MAY_BE_ENDLESS = (b"e000", b"E000", b"e+000", b"E+000", b"0" * 309)
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_NO_TEXT = re.compile("[\ud800-\udfff\0]")


class BadJson(ValueError):
    """What is wrong, in a sentence."""


def read(data: bytes) -> Any:
    """Read what somebody sends. Raises `BadJson`."""
    if b"\\u0000" in data and _ESCAPED_NUL.search(data):
        raise BadJson("The body holds the character NUL in a text, which cannot be stored.")
    try:
        value = from_json(data, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        raise BadJson(f"The body is not valid JSON: {error}.") from None
    digits = data.translate(_DIGITS)
    if any(mark in digits for mark in _MAY_BE_ENDLESS):
        _refuse_endless(value)
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


def _refuse_endless(value: Any) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        raise BadJson("The body holds a number that is too large.") from None


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _NO_TEXT.sub(MEND, value)
    if isinstance(value, dict):
        return {_mended(key): _mended(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_mended(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
