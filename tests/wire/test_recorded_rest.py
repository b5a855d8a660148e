"""Every body and answer that was recorded for a request fits its model, and is written back as it came."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import TypeAdapter
from tests.wire.recordings import CUT, Line, difference, holds_cut, lines

from antiphon import wire

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|<id>|(?<=tasks/stop/)[^/]+|(?<=tasks/chat/)[^/]+")

CHANNEL = "/api/v1/channels/<id>"
MESSAGE = f"{CHANNEL}/messages/<id>"
CHAT = "/api/v1/chats/<id>"

# (method, path) → (the body's type, the answer's type); None = no body.
REQUESTS: dict[tuple[str, str], tuple[Any, Any]] = {
    ("GET", "/api/config"): (None, wire.ServerConfig),
    ("GET", "/api/version"): (None, wire.Version),
    ("GET", "/api/models"): (None, wire.ModelList),
    ("GET", "/api/usage"): (None, wire.ModelUsage),
    ("GET", "/api/v1/auths/"): (None, wire.SessionUser),
    ("POST", "/api/v1/auths/signin"): (wire.SignInForm, wire.SessionUser),
    ("GET", "/api/v1/users/user/settings"): (None, wire.UserSettings | None),
    ("GET", "/api/v1/users/<id>/active"): (None, wire.UserActive),
    ("GET", "/api/v1/channels/"): (None, list[wire.ChannelEntry]),
    ("POST", "/api/v1/channels/create"): (wire.ChannelForm, wire.ChannelRecord),
    ("GET", "/api/v1/channels/users/<id>"): (None, wire.ChannelRecord),
    ("GET", CHANNEL): (None, wire.ChannelDetail),
    ("POST", f"{CHANNEL}/update"): (wire.ChannelForm, wire.ChannelRecord),
    ("DELETE", f"{CHANNEL}/delete"): (None, bool),
    ("GET", f"{CHANNEL}/members"): (None, wire.MemberPage),
    ("POST", f"{CHANNEL}/members/active"): (wire.MemberActive, bool),
    ("POST", f"{CHANNEL}/members/mute"): (wire.ChannelMute, wire.ChannelMute),
    ("POST", f"{CHANNEL}/update/members/remove"): (wire.MembersForm, int),
    ("GET", f"{CHANNEL}/messages"): (None, list[wire.Message]),
    ("GET", f"{CHANNEL}/messages/pinned"): (None, list[wire.Message]),
    ("POST", f"{CHANNEL}/messages/post"): (wire.MessageForm, wire.Message),
    ("GET", MESSAGE): (None, wire.Message),
    ("GET", f"{MESSAGE}/thread"): (None, list[wire.Message]),
    ("POST", f"{MESSAGE}/update"): (wire.MessageEdit, wire.Message),
    ("POST", f"{MESSAGE}/pin"): (wire.PinForm, wire.Message),
    ("POST", f"{MESSAGE}/reactions/add"): (wire.ReactionForm, bool),
    ("POST", f"{MESSAGE}/reactions/remove"): (wire.ReactionForm, bool),
    ("DELETE", f"{MESSAGE}/delete"): (None, bool),
    ("GET", "/api/v1/chats/"): (None, list[wire.ChatEntry]),
    ("GET", "/api/v1/chats/pinned"): (None, list[wire.ChatEntry]),
    ("GET", "/api/v1/chats/all/tags"): (None, list[wire.ChatTag]),
    ("POST", "/api/v1/chats/new"): (wire.ChatForm, wire.ChatRow),
    ("GET", CHAT): (None, wire.ChatRow),
    ("POST", CHAT): (wire.ChatForm, wire.ChatRow),
    ("GET", f"{CHAT}/tags"): (None, list[wire.ChatTag]),
    ("POST", f"{CHAT}/messages/<id>"): (wire.ChatMessageEdit, wire.ChatRow),
    ("POST", f"{CHAT}/messages/<id>/event"): (wire.ChatEventForm, bool),
    ("POST", "/api/chat/completions"): (wire.CompletionForm, wire.CompletionAccepted),
    ("POST", "/api/chat/completed"): (wire.CompletedForm, wire.CompletedForm),
    ("GET", "/api/tasks/chat/<id>"): (None, wire.TaskIds),
    ("POST", "/api/tasks/stop/<id>"): (None, wire.StopAnswer),
    ("POST", "/api/tasks/chat/<id>/stop"): (None, wire.StopAnswer),
}


def request_of(line: Line) -> tuple[str, str]:
    """Give method and path, with ids made alike and without the query."""
    return line.entry["method"], ID.sub("<id>", line.entry["path"].split("?")[0])


def through(kind: Any, value: Any) -> Any:
    """Read a value as a type and write it back."""
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    read = adapter.validate_python(value, strict=None, by_alias=True, by_name=False)
    return adapter.dump_python(read, by_alias=True, exclude_unset=True)


def refused(line: Line) -> bool:
    """Whether the answer is an error."""
    answer = line.entry["response"]
    return isinstance(answer, dict) and set(answer) == {"detail"}


REST = list(lines("rest"))


def test_every_recorded_request_has_a_model() -> None:
    """The table above leaves out no request, and names none that was not recorded."""
    recorded = {request_of(line) for line in REST}
    stopped = {("POST", "/api/tasks/chat/<id>/stop")}  # recorded among the calls, in rpc.jsonl
    assert recorded | stopped == set(REQUESTS)


@pytest.mark.parametrize(
    "line",
    [line for line in REST if line.entry["body"] is not None and not holds_cut(line.entry["body"])],
    ids=str,
)
def test_a_recorded_body_fits_its_model(line: Line) -> None:
    """What the web client sent is read and written back whole."""
    body, _ = REQUESTS[request_of(line)]
    assert body is not None, line
    assert difference(line.entry["body"], through(body, line.entry["body"])) is None


@pytest.mark.parametrize("line", [line for line in REST if not holds_cut(line.entry["response"])], ids=str)
def test_a_recorded_answer_fits_its_model(line: Line) -> None:
    """What the server answered is read and written back whole; an error is a text in `detail`."""
    answer = line.entry["response"]
    _, kind = REQUESTS[request_of(line)]
    if refused(line):
        kind = wire.ErrorDetail
        assert isinstance(answer["detail"], str)
    elif "choices" in answer if isinstance(answer, dict) else False:
        kind = wire.CompletionBody
    assert difference(answer, through(kind, answer)) is None


STORED = [
    line
    for line in lines("rpc")
    if line.entry["event"] == "GET the stored message" and not holds_cut(line.entry["data"])
]


@pytest.mark.parametrize("line", STORED, ids=str)
def test_a_stored_turn_fits_its_model(line: Line) -> None:
    """An answer as it was stored in the end is read and written back whole."""
    turn = line.entry["data"]["response"]
    assert difference(turn, through(wire.ChatMessage, turn)) is None


POSTED = [line for line in lines("rpc") if line.entry["event"].startswith("POST ") and not line.cut]


@pytest.mark.parametrize("line", POSTED, ids=str)
def test_a_request_recorded_among_the_calls_fits_its_model(line: Line) -> None:
    """Completions and stops of the second run, where a body was recorded."""
    method, path = line.entry["event"].split(" ", 1)
    body, answer = REQUESTS[method, ID.sub("<id>", path)]
    if line.entry["data"]["body"] is not None and body is not None:
        assert difference(line.entry["data"]["body"], through(body, line.entry["data"]["body"])) is None
    kind = wire.ErrorDetail if "detail" in line.entry["data"]["response"] else answer
    assert difference(line.entry["data"]["response"], through(kind, line.entry["data"]["response"])) is None


def test_the_rest_recordings_are_read_whole() -> None:
    """No line drops out by accident."""
    assert [sum(line.release == release for line in REST) for release in ("0.6.41", "0.12.4")] == [113, 37]
    assert len(STORED) == 15
    assert CUT.search("word0 ...(+12)")
    assert not CUT.search("and so on ...")
