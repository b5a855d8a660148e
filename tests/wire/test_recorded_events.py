"""Every event that the real server sent is typed, and written back as it came."""

from __future__ import annotations

from itertools import groupby

import pytest
from tests.wire.recordings import Line, difference, lines, server_events

from antiphon import wire

EVENTS = sorted(server_events(), key=lambda line: (line.release, line.kind))
GROUPS = {key: list(group) for key, group in groupby(EVENTS, key=lambda line: (line.release, *line.kind))}


@pytest.mark.parametrize("key", GROUPS, ids=" ".join)
def test_a_recorded_event_is_typed(key: tuple[str, str, str]) -> None:
    """Each recorded line of a kind is read as the class that the table names for it."""
    _, name, kind = key
    for line in GROUPS[key]:
        event = wire.parse_event(name, line.entry["data"])
        assert type(event) is wire.types_known()[name, kind], f"{line}: {event}"
        assert isinstance(event, wire.Event)
        assert event.type == kind


@pytest.mark.parametrize("key", GROUPS, ids=" ".join)
def test_a_recorded_event_is_written_back_with_no_key_or_value_lost(key: tuple[str, str, str]) -> None:
    """What was read is dumped with the same keys, values and JSON types; null stays apart from absent."""
    for line in GROUPS[key]:
        payload = line.entry["data"]
        assert difference(payload, wire.parse_event(line.kind[0], payload).dump()) is None, str(line)


def test_the_recordings_are_read_whole() -> None:
    """No line drops out by accident: the counts are the recordings', and only cut lines are left out."""
    every = [line for line in lines("events", "rpc") if line.is_server_event]
    cut = [line for line in every if line.cut]
    counted = {release: sum(line.release == release for line in every) for release in ("0.6.41", "0.12.4")}
    assert counted == {"0.6.41": 616, "0.12.4": 443}
    assert {line.release for line in cut} == {"0.12.4"}
    assert len(cut) == 5
    assert len(EVENTS) == len(every) - len(cut)


@pytest.mark.parametrize(
    "line", [line for line in lines("events") if line.entry["event"] == "(our emit)"], ids=str
)
def test_what_a_client_sent_is_typed(line: Line) -> None:
    """Each recorded emit is read as its class and written back whole."""
    name, payload = line.entry["data"]["event"], line.entry["data"]["payload"]
    event = wire.parse_emit(name, payload)
    assert type(event) is wire.emits_known()[name], str(event)
    assert difference(payload, event.dump()) is None


ACKS = [
    line for line in lines("events") if line.entry["event"] == "(ack of user-join)" and line.entry["data"]
]


@pytest.mark.parametrize("line", ACKS, ids=str)
def test_the_acknowledgement_of_user_join_is_typed(line: Line) -> None:
    """An accepted join is acknowledged with id and name."""
    assert difference(line.entry["data"], wire.UserJoinAck.load(line.entry["data"]).dump()) is None


CALLS = [
    line
    for line in lines("rpc")
    if line.entry["event"] == "(our ack)" and isinstance(line.entry["data"], dict)
]


@pytest.mark.parametrize("line", [line for line in CALLS if "stdout" in line.entry["data"]], ids=str)
def test_the_answer_to_a_python_call_is_typed(line: Line) -> None:
    """stdout, stderr and result travel as they are."""
    assert difference(line.entry["data"], wire.PythonAnswer.load(line.entry["data"]).dump()) is None
