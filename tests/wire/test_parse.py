"""What arrives is typed, unknown or malformed; reading it never raises, and nothing of it is lost."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.wire.recordings import difference, server_events

from antiphon import wire

MESSAGE = {
    "id": "m1",
    "user_id": "u1",
    "channel_id": "c1",
    "content": "hello",
    "created_at": 1,
    "updated_at": 1,
}
POSTED = {"channel_id": "c1", "message_id": "m1", "data": {"type": "message", "data": MESSAGE}}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Give POSTED with one value put in another's place."""
    payload: dict[str, Any] = copy.deepcopy(POSTED)
    place = payload
    *steps, last = path.split(".")
    for step in steps:
        place = place[step]
    place[last] = value
    return payload


def test_a_message_is_typed_with_its_envelope() -> None:
    """The event is the envelope: type and payload are its inner half."""
    event = wire.parse_event("events:channel", POSTED)
    assert isinstance(event, wire.MessageCreated)
    assert event.type == "message"
    assert event.channel_id == "c1"
    assert event.payload.content == "hello"
    assert event.payload.temp_id is None


def test_unknown_keys_are_kept_at_every_depth() -> None:
    """A later release may add keys anywhere; they can be read and are written back."""
    payload = changed("data.data.mood", {"level": 3}) | {"trace": [1, None]}
    event = wire.parse_event("events:channel", payload)
    assert isinstance(event, wire.MessageCreated)
    assert event.payload.model_extra == {"mood": {"level": 3}}
    assert event.dump() == payload


@pytest.mark.parametrize(
    ("name", "payload", "kind"),
    [
        (
            "events:channel",
            {"channel_id": "c1", "data": {"type": "message:sing", "data": None}},
            "message:sing",
        ),
        ("events", {"data": {"type": "chat:dance"}}, "chat:dance"),
        ("events:weather", {"data": {"type": "rain"}}, "rain"),
        ("events:weather", [1, 2], ""),
        ("user-count", {"count": 3}, ""),
    ],
)
def test_an_event_of_an_unknown_name_or_type_is_unknown(name: str, payload: Any, kind: str) -> None:
    """What a later release invents is kept whole and told apart from what is broken (W-82)."""
    event = wire.parse_event(name, payload)
    assert event == wire.Unknown(name, kind, payload)
    assert event.dump() == payload


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (None, "the payload should be an object, not null"),
        ("hello", "the payload should be an object, not text"),
        ([POSTED], "the payload should be an object, not a list"),
        (True, "the payload should be an object, not a boolean"),
        ({}, "data is missing"),
        ({"data": 3}, "data should be an object, not a number"),
        ({"data": {"data": MESSAGE}}, "data.type is missing"),
        ({"data": {"type": 7}}, "data.type should be text, not a number"),
        ({"channel_id": "c1", "data": {"type": "message"}}, "data.data is missing"),
        (changed("data.data", None), "data.data should be an object, not null"),
        (changed("channel_id", 5), "channel_id should be text, not a number"),
        (changed("data.data.id", 5), "data.data.id should be text, not a number"),
        (changed("data.data.content", None), "data.data.content should be text, not null"),
        (changed("data.data.created_at", "now"), "data.data.created_at should be a whole number, not text"),
        (changed("data.data.created_at", 1.5), "data.data.created_at should be a whole number, not a number"),
        (changed("data.data.is_pinned", 1), "data.data.is_pinned should be a boolean, not a number"),
        (changed("data.data.reactions", {}), "data.data.reactions should be a list, not an object"),
        (changed("user", {"id": "u1"}), "user.name is missing"),
    ],
)
def test_a_malformed_event_says_in_words_what_is_wrong(payload: Any, reason: str) -> None:
    """A payload that breaks the protocol becomes a value with a reason, not an exception (W-82)."""
    event = wire.parse_event("events:channel", payload)
    assert isinstance(event, wire.Malformed)
    assert event.reason == reason
    assert event.dump() == payload


def test_a_malformed_event_keeps_its_type_when_it_has_one() -> None:
    """The counts can then say which kind of event is broken."""
    event = wire.parse_event("events:channel", changed("data.data.id", None))
    assert isinstance(event, wire.Malformed)
    assert event.type == "message"


def test_many_faults_are_told_in_one_short_line() -> None:
    """At most three places are named."""
    event = wire.parse_event("events:channel", {"channel_id": "c1", "data": {"type": "message", "data": {}}})
    assert isinstance(event, wire.Malformed)
    assert event.reason == (
        "data.data.id is missing; data.data.user_id is missing; data.data.channel_id is missing; and 3 more"
    )


@pytest.mark.parametrize("data", [True, False, None, {}, {"files": []}])
def test_the_data_of_a_message_may_be_a_boolean(data: object) -> None:
    """A pin of 0.12.4 carries a boolean where the attachments were (W-79)."""
    event = wire.parse_event("events:channel", changed("data.data.data", data))
    assert isinstance(event, wire.MessageCreated)
    assert event.payload.data is data or event.payload.data == data
    assert event.dump() == changed("data.data.data", data)


@pytest.mark.parametrize("data", [1, "yes", []])
def test_the_data_of_a_message_is_nothing_else(data: object) -> None:
    """Numbers, text and lists are faults there."""
    assert isinstance(wire.parse_event("events:channel", changed("data.data.data", data)), wire.Malformed)


def test_an_absent_value_is_not_written_as_null() -> None:
    """null and absent mean different things to a receiver; temp_id has both."""
    without = wire.parse_event("events:channel", POSTED).dump()
    with_null = wire.parse_event("events:channel", changed("data.data.temp_id", None)).dump()
    assert "temp_id" not in without["data"]["data"]
    assert with_null["data"]["data"]["temp_id"] is None


def test_a_key_spelled_like_our_own_name_stays_what_it_is() -> None:
    """Only wire names are read: `parent_id` beside `parentId` is a stranger's key; both are written back."""
    turn = {"id": "t1", "role": "assistant", "content": "", "parentId": "q1", "parent_id": "x"}
    payload = {"data": {"type": "chat:messages", "data": {"messages": {"t1": turn}, "current_id": "y"}}}
    event = wire.parse_event("events", payload)
    assert isinstance(event, wire.SharedMessages)
    assert event.payload.messages["t1"].parent_id == "q1"
    assert event.payload.current_id is None
    assert event.dump() == payload


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ({"type": "response.output_text.delta", "delta": "a", "offset": 4}, wire.StreamDelta),
        ({"type": "response.function_call_arguments.delta", "delta": "{"}, wire.StreamDelta),
        ({"type": "response.output_text.done", "text": "ab"}, wire.StreamDone),
        ({"type": "response.output_item.added", "item": {"type": "message"}}, wire.ItemAdded),
        ({"type": "response.output_item.done", "item": {"type": "message"}}, wire.ItemDone),
        ({"type": "response.content_part.added", "part": {"type": "output_text"}}, wire.PartAdded),
        ({"type": "response.reasoning_summary_part.added", "part": {"type": "summary_text"}}, wire.PartAdded),
        ({"type": "response.completed", "response": {"output": []}}, wire.StreamCompleted),
        ({"type": "response.in_progress"}, wire.StreamEvent),
        ({"choices": [{"delta": {"content": "a"}}]}, wire.CompletionChunk),
    ],
)
def test_a_step_of_a_streamed_answer_has_its_own_class(payload: dict[str, Any], kind: type) -> None:
    """The class goes by the stream event's type; a provider's chunk has none."""
    event = wire.parse_event("events", {"data": {"type": "response:completion", "data": payload}})
    assert isinstance(event, wire.ResponseDelta), event
    assert type(event.payload) is kind


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"type": "response.output_text.delta"}, "delta is missing"),
        ({"type": "response.output_text.delta", "delta": 3}, "delta should be text, not a number"),
        (
            {"type": "response.output_text.delta", "delta": "a", "offset": "0"},
            "offset should be a whole number, not text",
        ),
        ({"type": 3}, "type should be text, not a number"),
        ("word", "should be an object, not text"),
    ],
)
def test_a_broken_step_of_a_streamed_answer_is_malformed(payload: Any, reason: str) -> None:
    """A piece without its text is a fault, not an empty piece."""
    event = wire.parse_event("events", {"data": {"type": "response:completion", "data": payload}})
    assert isinstance(event, wire.Malformed)
    assert reason in event.reason


def test_events_are_counted_by_what_became_of_them() -> None:
    """A client keeps one set of counts; unknown and malformed ones by name and type."""
    counts = wire.Counts()
    counts.take(wire.parse_event("events:channel", POSTED))
    counts.take(wire.parse_event("events", {"data": {"type": "chat:dance"}}))
    counts.take(wire.parse_event("events", {"data": {"type": "chat:dance"}}))
    counts.take(wire.parse_event("events:weather", {}))
    counts.take(wire.parse_event("events", {"data": {"type": "status", "data": 1}}))
    counts.take(wire.parse_event("events", None))
    assert counts.typed == 1
    assert counts.unknown == {"events chat:dance": 2, "events:weather": 1}
    assert counts.malformed == {"events status": 1, "events": 1}


def test_the_counts_do_not_grow_without_end() -> None:
    """A server that invents names for ever fills one last counter."""
    counts = wire.Counts()
    for number in range(wire.Counts.MOST_KINDS + 10):
        counts.take(wire.parse_event(f"invented {number}", {}))
    assert counts.unknown[wire.Counts.OTHERS] == 10
    assert len(counts.unknown) == wire.Counts.MOST_KINDS + 1


def test_what_a_client_sends_is_read_the_same_way() -> None:
    """A server reads emits as typed, unknown or malformed too."""
    typing = {"channel_id": "c1", "message_id": None, "data": {"type": "typing", "data": {"typing": True}}}
    event = wire.parse_emit("events:channel", typing)
    assert isinstance(event, wire.ChannelEmit)
    assert event.data.typing.typing is True
    assert event.dump() == typing
    assert isinstance(wire.parse_emit("encryption:ping", {"channel": "c1"}), wire.EncryptionEmit)
    assert isinstance(wire.parse_emit("sing", {}), wire.Unknown)
    fault = wire.parse_emit("user-join", [])
    assert isinstance(fault, wire.Malformed)
    assert fault.reason == "the payload should be an object, not a list"


NAMES = sorted({name for name, _ in wire.types_known()})
TYPES = sorted({kind for _, kind in wire.types_known()})
EMITS = sorted(wire.emits_known())
KEYS = sorted(
    {"data", "type", *MESSAGE, "channel_id", "message_id", "user", "channel", "messages", "output", "item"}
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=5)
    ),
    max_leaves=20,
)
envelopes = st.builds(
    lambda extra, kind, payload: {**extra, "data": {"type": kind, "data": payload}},
    st.dictionaries(st.sampled_from(KEYS) | st.text(), json_values, max_size=4),
    st.sampled_from(TYPES) | st.text(),
    json_values,
)
names = st.sampled_from(NAMES) | st.text()
RECORDED = server_events()


@given(name=names, payload=json_values | envelopes)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_reading_never_raises_and_writing_back_gives_the_input(name: str, payload: Any) -> None:
    """Any JSON value under any name becomes one of the three, and is written back as it came."""
    event = wire.parse_event(name, payload)
    assert isinstance(event, wire.Event | wire.Unknown | wire.Malformed)
    assert difference(payload, event.dump()) is None
    wire.Counts().take(event)


@given(name=st.sampled_from(EMITS) | st.text(), payload=json_values | envelopes)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_reading_what_a_client_sent_never_raises_either(name: str, payload: Any) -> None:
    """The same law for a server."""
    event = wire.parse_emit(name, payload)
    assert difference(payload, event.dump()) is None


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List every place in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


@given(data=st.data(), line=st.sampled_from(RECORDED), new=json_values)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_recorded_event_with_any_one_value_replaced_is_read_or_refused(
    data: st.DataObject, line: Any, new: Any
) -> None:
    """Real events broken in one place never raise, and what is accepted is written back as it came."""
    payload = copy.deepcopy(line.entry["data"])
    *steps, last = data.draw(st.sampled_from(places(payload)[1:]))
    place = payload
    for step in steps:
        place = place[step]
    place[last] = new
    event = wire.parse_event(line.kind[0], payload)
    assert difference(payload, event.dump()) is None


@pytest.mark.parametrize("name", NAMES)
def test_lone_surrogates_do_not_raise(name: str) -> None:
    """JSON can carry half a character; it is refused or kept, never thrown."""
    half = "\ud83d"
    for payload in (
        half,
        {half: half},
        {"data": {"type": half, half: 1}},
        changed("data.data.content", half),
    ):
        event = wire.parse_event(name, payload)
        assert isinstance(event, wire.Event | wire.Unknown | wire.Malformed)
        assert event.dump() == payload


def test_quotes_nested_deeper_than_any_server_sends_are_refused() -> None:
    """A chain of ten thousand quotes is malformed, not a crash."""
    message: dict[str, Any] = dict(MESSAGE)
    for _ in range(10_000):
        message = {**MESSAGE, "reply_to_message": message}
    event = wire.parse_event(
        "events:channel", {"channel_id": "c1", "data": {"type": "message", "data": message}}
    )
    assert isinstance(event, wire.Malformed)
