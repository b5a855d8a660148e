"""The recorded traffic in tests/fixtures, read line by line, and an equality that also compares types."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parent.parent / "fixtures"
RELEASES = ("0.6.41", "0.12.4")
CUT = re.compile(r"\.\.\.\(\+\d+( items)?\)$")


@dataclass(frozen=True)
class Line:
    """One line of a recording."""

    release: str
    file: str
    number: int
    entry: dict[str, Any]

    @property
    def cut(self) -> bool:
        """Whether a value anywhere in the line was shortened by the recorder."""
        return holds_cut(self.entry)

    @property
    def is_server_event(self) -> bool:
        """Whether the server sent the line as a Socket.IO event."""
        name, client = self.entry["event"], self.entry["client"]
        return client != "REST" and not name.startswith(("(", "GET ", "POST "))

    @property
    def kind(self) -> tuple[str, str]:
        """Socket.IO name and `data.type`, or ""."""
        data = self.entry["data"]
        inner = data.get("data") if isinstance(data, dict) else None
        return self.entry["event"], inner.get("type", "") if isinstance(inner, dict) else ""

    def __str__(self) -> str:
        return f"{self.release}/{self.file}.jsonl:{self.number}"


def holds_cut(value: Any) -> bool:
    """Tell whether a text anywhere in a JSON value ends as the recorder ends what it cuts."""
    if isinstance(value, str):
        return CUT.search(value) is not None
    if isinstance(value, dict):
        return any(holds_cut(key) or holds_cut(item) for key, item in value.items())
    if isinstance(value, list):
        return any(holds_cut(item) for item in value)
    return False


def lines(*files: str) -> Iterator[Line]:
    """Read the named recordings ("events", "rpc", "rest") of both releases."""
    for release in RELEASES:
        for file in files:
            path = FIXTURES / f"open-webui-{release}" / f"{file}.jsonl"
            for number, text in enumerate(path.read_text("utf-8").splitlines(), 1):
                yield Line(release, file, number, json.loads(text))


def server_events() -> list[Line]:
    """All lines that the server sent as events, without those that hold a cut value."""
    return [line for line in lines("events", "rpc") if line.is_server_event and not line.cut]


def difference(before: Any, after: Any, place: str = "$") -> str | None:
    """Say where two JSON values differ in key, value or type (1, 1.0 and true differ), if they do."""
    if type(before) is not type(after):
        return f"{place}: {before!r} became {after!r}"
    if isinstance(before, dict):
        if before.keys() != after.keys():
            return f"{place}: keys {sorted(before.keys() ^ after.keys())} are not on both sides"
        found = (difference(before[key], after[key], f"{place}.{key}") for key in before)
        return next((text for text in found if text), None)
    if isinstance(before, list):
        if len(before) != len(after):
            return f"{place}: {len(before)} items became {len(after)}"
        found = (
            difference(old, new, f"{place}[{n}]")
            for n, (old, new) in enumerate(zip(before, after, strict=True))
        )
        return next((text for text in found if text), None)
    return None if before == after else f"{place}: {before!r} became {after!r}"
