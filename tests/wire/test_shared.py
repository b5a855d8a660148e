"""What rides on every event is read once: the same object for an equal value, and only for that."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from antiphon.wire import Malformed, MessageCreated, parse_event


@cache
def lines() -> list[str]:
    """The recorded events."""
    recorded = Path(__file__).parent.parent / "fixtures" / "open-webui-0.12.4" / "events.jsonl"
    return recorded.read_text(encoding="utf-8").splitlines()


def event() -> dict[str, Any]:
    """A recorded message."""
    for line in lines():
        recorded = json.loads(line)
        if recorded["event"] == "events:channel" and recorded["data"]["data"]["type"] == "message":
            return dict(recorded["data"])
    raise LookupError


def read(payload: dict[str, Any]) -> MessageCreated:
    """Read an event that is a message."""
    found = parse_event("events:channel", payload)
    assert isinstance(found, MessageCreated)
    return found


def test_equal_channels_and_people_of_several_events_are_one_object() -> None:
    """A message that is held brings no copy of its own."""
    one, other = read(event()), read(event())
    assert one.channel is other.channel
    assert one.user is other.user is other.payload.user
    assert other.dump() == event()


def test_a_channel_that_has_changed_is_read_anew_and_the_earlier_event_keeps_its_own() -> None:
    """A name, a grant, a key that nobody knows."""
    before = read(event())
    for change in ({"name": "renamed"}, {"access_grants": []}, {"theirs": {"a": [1]}}):
        payload = event()
        payload["channel"] |= change
        assert read(payload).dump() == payload
    assert before.dump() == event()


@pytest.mark.parametrize("number", [1.0, True])
def test_a_number_of_another_kind_is_another_value(number: object) -> None:
    """Python calls 1, 1.0 and true equal; what is written back must be what came."""
    payload = event()
    payload["channel"]["meta"] = {"level": [{"is": 1}]}
    read(payload)
    payload["channel"]["meta"] = {"level": [{"is": number}]}
    assert json.dumps(read(payload).dump(), sort_keys=True) == json.dumps(payload, sort_keys=True)
    payload["channel"]["created_at"] = number
    assert isinstance(parse_event("events:channel", payload), Malformed)


def test_what_the_caller_does_to_its_own_payload_afterwards_does_not_count() -> None:
    """The value that is remembered is a copy."""
    payload = event()
    read(payload)
    payload["channel"]["access_grants"][0]["permission"] = "admin"
    again = read(payload)
    assert again.dump() == payload
    assert read(event()).dump() == event()


def test_a_channel_that_is_none_is_told_with_its_place() -> None:
    """The short cut does not change what is wrong, nor the words for it."""
    payload = event()
    del payload["channel"]["name"]
    payload["user"] = {"id": "someone", "name": 5}
    kept = deepcopy(payload)
    found = parse_event("events:channel", payload)
    assert isinstance(found, Malformed)
    assert found.payload == kept
    assert "channel.name is missing" in found.reason
    assert "user.name should be text" in found.reason
