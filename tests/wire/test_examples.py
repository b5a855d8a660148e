"""Kinds of events that no recording holds: each is typed from the shape that the protocol gives it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.wire.recordings import difference, server_events

from antiphon import wire

CHANNEL = {"id": "c1", "user_id": "u1", "name": "plans", "created_at": 1, "updated_at": 2}
TURN = {"id": "t1", "role": "assistant", "content": "hi", "parentId": "q1", "childrenIds": []}


def chat(kind: str, *data: Any) -> tuple[str, str, dict[str, Any]]:
    """Give an `events` envelope; without data, `data.data` is absent."""
    inner = {"type": kind} | ({"data": data[0]} if data else {})
    return "events", kind, {"chat_id": "k1", "message_id": "t1", "data": inner}


def channel(kind: str, data: Any = None, **more: Any) -> tuple[str, str, dict[str, Any]]:
    """Give an `events:channel` envelope."""
    return "events:channel", kind, {"channel_id": "c1", "data": {"type": kind, "data": data}, **more}


EXAMPLES: list[tuple[str, str, dict[str, Any]]] = [
    channel("channel:updated", channel=CHANNEL),
    channel("channel:deleted"),
    channel("channel:read", {"last_read_at": 1795399133881081338}),
    chat("chat:message:files", {"files": [{"type": "image", "url": "/a.png"}]}),
    chat("chat:message:embeds", {"embeds": ["<p>hi</p>"], "replace": True}),
    chat("chat:message:favorite", {"favorite": True}),
    chat("chat:message:voice", {"voice": {"id": "v1"}}),
    chat("chat:message:tasks", {"tasks": [{"content": "look", "status": "done"}]}),
    chat("chat:outlet", {"messages": [{"id": "t1", "content": "hi!"}]}),
    chat(
        "request:user_input",
        {"questions": [{"question": "Which?"}], "allow_other": True, "timeout_ms": 120000},
    ),
    chat(
        "request:elicitation", {"mode": "form", "message": "Who?", "requestedSchema": {}, "server_name": "x"}
    ),
    chat("request:interaction:done", {"interaction_id": "i1"}),
    chat("context_compaction", {"action": "compact", "description": "…", "done": False}),
    chat("chat:reload"),
    chat("chat:messages", {"messages": {"t1": TURN}, "currentId": "t1"}),
    chat("chat:access", {}),
    chat("typing", {"typing": True}),
    chat("terminal:display_file", {"path": "/a.txt", "page": 2}),
    chat("terminal:write_file", {"path": "/a.txt"}),
    chat("terminal:replace_file_content", {"path": "/a.txt"}),
    chat("terminal:run_command", {"path": "/"}),
    chat("request:terminal", {"terminal_id": "x", "path": "/a", "session_id": "s1"}),
    chat("request:terminal:state", {"session_id": "s1"}),
    chat("voice:play_animation", {"name": "nod", "model_id": "eliza"}),
    chat("calendar:alert", {"event_id": "e1", "title": "Tea", "start_at": 1795399133, "minutes_until": 5}),
    ("encryption:event", "", {"kind": "welcome", "sequence": 1, "members": []}),
    ("access:updated", "", {}),
    ("events:note", "", {"id": "n1", "user_id": "u1", "title": "A note", "data": {}, "updated_at": 2}),
    ("note-events", "", {"id": "n1", "user_id": "u1", "title": "A note", "access_control": None}),
    ("events:app", "", {"app_id": "a1", "channel_id": "c1", "reply": {"type": "text", "content": "hi"}}),
    ("error", "", {"message": "No access"}),
    ("ydoc:document:state", "", {"document_id": "note:n1", "state": [1, 2, 255], "sessions": ["s1"]}),
    (
        "ydoc:document:update",
        "",
        {"document_id": "note:n1", "user_id": "u1", "update": [0], "socket_id": "s1"},
    ),
    ("ydoc:awareness:update", "", {"document_id": "note:n1", "user_id": "u1", "update": []}),
    (
        "ydoc:user:joined",
        "",
        {"document_id": "note:n1", "user_id": "u1", "user_name": "Ann", "user_color": "#333"},
    ),
    ("ydoc:user:left", "", {"document_id": "note:n1", "user_id": "u1"}),
    ("automation:result", "", {"id": "a1"}),
]


@pytest.mark.parametrize(("name", "kind", "payload"), EXAMPLES, ids=lambda value: str(value)[:30])
def test_an_event_that_no_recording_holds_is_typed(name: str, kind: str, payload: dict[str, Any]) -> None:
    """It is read as the class of the table and written back whole."""
    event = wire.parse_event(name, payload)
    assert type(event) is wire.types_known()[name, kind], str(event)
    assert difference(payload, event.dump()) is None


def test_every_kind_is_shown_by_a_recording_or_an_example() -> None:
    """No class in the table is without a proof, and no example stands for what was recorded."""
    recorded = {line.kind for line in server_events()}
    shown = {(name, kind) for name, kind, _ in EXAMPLES}
    assert recorded | shown == set(wire.types_known())
    assert not recorded & shown


WITH_PAYLOAD = sorted(
    key
    for key in wire.types_known()
    if key[1]
    and key[1] not in {"channel:created", "channel:updated", "channel:deleted", "chat:reload", "chat:access"}
)


@pytest.mark.parametrize(("name", "kind"), WITH_PAYLOAD)
def test_a_payload_of_a_wrong_kind_is_malformed(name: str, kind: str) -> None:
    """A number where an object, text or list should be is a fault for every type that carries something."""
    event = wire.parse_event(name, {"channel_id": "c1", "data": {"type": kind, "data": 7}})
    assert isinstance(event, wire.Malformed)
    assert "data.data" in event.reason
    assert event.reason.endswith("not a number")


EMITS: list[tuple[str, dict[str, Any]]] = [
    ("join-note", {"note_id": "n1", "auth": {"token": "t"}}),
    ("events:chat", {"chat_id": "k1", "data": {"type": "typing", "data": {"typing": False}}}),
    ("ydoc:document:join", {"document_id": "n1", "user_id": "u1", "user_name": "Ann", "user_color": "#333"}),
    ("ydoc:document:state", {"document_id": "n1"}),
    ("ydoc:document:update", {"document_id": "n1", "user_id": "u1", "update": [1], "data": {"content": {}}}),
    ("ydoc:document:leave", {"document_id": "n1", "user_id": "u1"}),
    ("ydoc:awareness:update", {"document_id": "n1", "user_id": "u1", "update": [1]}),
    *(
        (f"encryption:{verb}", {"channel": "c1"})
        for verb in ("start", "status", "join", "bind", "packet", "leave", "ping")
    ),
]


@pytest.mark.parametrize(("name", "payload"), EMITS, ids=lambda value: str(value)[:30])
def test_what_a_client_may_send_is_typed(name: str, payload: dict[str, Any]) -> None:
    """Emits that the recordings do not hold are read and written back whole."""
    event = wire.parse_emit(name, payload)
    assert type(event) is wire.emits_known()[name], str(event)
    assert difference(payload, event.dump()) is None
