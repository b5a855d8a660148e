"""The marks that say which release brought a field, held to what the releases sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel
from tests.wire.recordings import Line, server_events

from antiphon import wire


def marked(value: Any) -> Iterator[tuple[str, wire.Since | wire.Until]]:
    """List the marked fields that are set anywhere in a model."""
    if isinstance(value, BaseModel):
        for name in value.model_fields_set & type(value).model_fields.keys():
            for mark in type(value).model_fields[name].metadata:
                if isinstance(mark, wire.Since | wire.Until):
                    yield f"{type(value).__name__}.{name}", mark
            yield from marked(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from marked(item)
    elif isinstance(value, list):
        for item in value:
            yield from marked(item)


def of_release(release: str) -> list[Line]:
    """Give one release's recorded events."""
    return [line for line in server_events() if line.release == release]


@pytest.mark.parametrize(
    ("release", "foreign"),
    [("0.6.41", {wire.L, wire.OURS}), ("0.12.4", {wire.UNTIL_S, wire.OURS})],
)
def test_a_release_sends_no_field_that_is_marked_as_another_one_s(
    release: str, foreign: set[wire.Since | wire.Until]
) -> None:
    """0.6.41 sends nothing that 0.12.4 brought, 0.12.4 nothing that ended before; neither sends ours."""
    for line in of_release(release):
        event = wire.parse_event(line.kind[0], line.entry["data"])
        found = {name for name, mark in marked(event) if mark in foreign}
        assert not found, f"{line}: {found}"


@pytest.mark.parametrize(("release", "mark"), [("0.6.41", wire.UNTIL_S), ("0.12.4", wire.L)])
def test_a_release_sends_fields_that_carry_its_mark(release: str, mark: wire.Since | wire.Until) -> None:
    """The test above looks at something: the marks do occur."""
    events = (wire.parse_event(line.kind[0], line.entry["data"]) for line in of_release(release))
    assert any(found == mark for event in events for _, found in marked(event))


def test_an_event_kind_is_recorded_only_from_the_release_that_brought_it() -> None:
    """No class marked as 0.12.4's was recorded from 0.6.41, and none of ours from either."""
    early = {line.kind for line in of_release("0.6.41")}
    known = wire.types_known()
    assert not [kind for kind in early if known[kind].SINCE != wire.S]
    assert not [line.kind for line in of_release("0.12.4") if known[line.kind].SINCE == wire.OURS]
