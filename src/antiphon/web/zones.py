"""The zone that a person's clock shows: told by their browser, in a cookie that the page's script keeps."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

COOKIE: Final = "zone"
"""Holds an IANA name such as ``Europe/Berlin``."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(?:/[A-Za-z0-9_+-]{1,31}){0,2}")


_known: Final[dict[str, tzinfo | None]] = {}
_MOST: Final = 1024
"""Names that are remembered: more than there are zones."""


async def zone_told(cookies: Mapping[str, str]) -> tzinfo | None:
    """Return the zone that a request's cookies name; None if they name none that this machine knows."""
    name = cookies.get(COOKIE, "")
    if not _NAME.fullmatch(name):
        return None
    if name in _known:
        return _known[name]
    zone = await asyncio.to_thread(_zone, name)  # the tables are files
    if len(_known) >= _MOST:
        _known.clear()
    _known[name] = zone
    return zone


def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: "America" is a folder of zones
        return None
