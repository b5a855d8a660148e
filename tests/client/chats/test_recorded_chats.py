"""Recorded answers of both releases, replayed: the reducers end where the server's own document ended."""

from __future__ import annotations

from typing import Any

import pytest
from tests.client.peer import recorded

from antiphon.client.chats.responses import Applied
from antiphon.client.chats.turns import Turns
from antiphon.wire import ChatEnvelope, ChatMessage, ChatRow, Completion, History, parse_event


def replay(release: str, file: str, step: str, client: str) -> dict[str, Turns]:
    """Feed what one client received in a step to turns that begin with an empty answer, by message id."""
    turns: dict[str, Turns] = {}
    for line in recorded(release, file):
        if line["step"] != step or line["client"] != client or line["event"] != "events":
            continue
        event = parse_event("events", line["data"])
        assert isinstance(event, ChatEnvelope)
        if event.message_id is None:
            continue
        held = turns.setdefault(event.message_id, beginning(event.message_id))
        assert held.apply(event) is not Applied.GAP  # type: ignore[arg-type]
    return turns


def beginning(id_: str) -> Turns:
    """Build the turns of a chat with one empty answer."""
    turns = Turns()
    turns.load(
        History(messages={id_: ChatMessage(id=id_, role="assistant", content="")}, current_id=id_),
        running=True,
    )
    return turns


def documents(release: str) -> dict[str, dict[str, Any]]:
    """Collect the answers by id as the first recorded document after their end has them."""
    found: dict[str, dict[str, Any]] = {}
    for line in recorded(release, "rest"):
        if (
            "/api/v1/chats/" in line["path"]
            and isinstance(line["response"], dict)
            and "chat" in line["response"]
        ):
            row = ChatRow.model_validate(line["response"])
            for id_, message in (row.chat.history or History()).messages.items():
                if message.role == "assistant" and message.content:
                    found.setdefault(id_, message.dump())
    return found


@pytest.mark.parametrize(
    ("release", "step"),
    [("0.6.41", "AI chat, new"), ("0.6.41", "AI chat, second turn"), ("0.12.4", "AI chat, new")],
)
@pytest.mark.parametrize("client", ["user1", "user1-second-tab"])
def test_a_streamed_answer_ends_in_the_recorded_document(release: str, step: str, client: str) -> None:
    """Full content (0.6.41) and deltas (0.12.4) end in the text, the items and the follow-ups that were
    stored.
    """
    stored = documents(release)
    answers = {id_: t for id_, t in replay(release, "events", step, client).items() if id_ in stored}
    assert answers
    for id_, turns in answers.items():
        message = turns.message(id_)
        assert message.content == stored[id_]["content"]
        assert message.done
        assert not turns.running
        if "followUps" in stored[id_]:
            assert message.follow_ups == stored[id_]["followUps"]
        if "output" in stored[id_]:
            assert [item.dump() for item in message.output or ()] == stored[id_]["output"]


@pytest.mark.parametrize("release", ["0.6.41", "0.12.4"])
def test_whole_streams_show_every_word_on_the_way(release: str) -> None:
    """Each event of the unthinned stream lengthens the text, by whichever dialect."""
    lengths: list[int] = []
    turns: Turns | None = None
    for line in recorded(release, "events"):
        if line["step"] != "AI chat, new" or line["client"] != "user1" or line["event"] != "events":
            continue
        event = parse_event("events", line["data"])
        if not isinstance(event, ChatEnvelope) or event.data.type not in {
            "chat:active",
            "chat:completion",
            "response:completion",
        }:
            continue
        assert event.message_id is not None
        turns = turns or beginning(event.message_id)
        turns.apply(event)  # type: ignore[arg-type]
        if event.data.type == "chat:active":
            continue
        lengths.append(len(turns.message(event.message_id).content))
    assert len(set(lengths)) >= 20
    # The final text is the streamed one without its last blank.
    assert lengths[:-1] == sorted(lengths[:-1])


@pytest.mark.parametrize("release", ["0.6.41", "0.12.4"])
def test_a_stopped_answer_keeps_its_text_and_ends(release: str) -> None:
    """The cancel ends its own message and nothing else."""
    stopped = [t for t in replay(release, "rpc", "stop", "tab A").items() if t[1].message(t[0]).content]
    assert stopped
    for id_, turns in stopped:
        assert turns.message(id_).content.split()[:3] == ["word0", "word1", "word2"]
        assert turns.message(id_).done
        assert not turns.running


def test_a_providers_error_is_shown_and_ends_the_answer() -> None:
    """0.6.41 sends the error alone: no done, no cancel."""
    failed = [
        turns.message(id_)
        for id_, turns in replay("0.6.41", "events", "AI chat, provider error (HTTP)", "user1").items()
    ]
    assert any(message.error and message.done for message in failed)


@pytest.mark.parametrize("step", ["execute:python", "execute:tool"])
def test_items_of_every_kind_end_as_the_last_event_says(step: str) -> None:
    """0.12.4: code and tool items between the texts are taken over whole."""
    final: dict[str, Any] = {}
    for line in recorded("0.12.4", "rpc"):
        event = parse_event("events", line["data"]) if line["event"] == "events" else None
        if (
            line["step"] == step
            and isinstance(event, Completion)
            and event.payload.done
            and event.payload.output
        ):
            final[event.message_id or ""] = [item.dump() for item in event.payload.output]
    assert final
    for id_, items in final.items():
        message = replay("0.12.4", "rpc", step, "tab A")[id_].message(id_)
        assert [item.dump() for item in message.output or ()] == items


def test_events_by_rest_leave_what_the_server_stored() -> None:
    """W-49: text, steps, sources (each as often as told), files and embeds end as the document has them; what
    that release does not store stands beside it.
    """
    stored: dict[str, Any] = {}
    for line in recorded("0.6.41", "rest"):
        if line["step"] == "GET chat after the REST events":
            stored = line["response"]["chat"]["history"]["messages"]
    events = [
        line["data"]
        for line in recorded("0.6.41", "events")
        if line["step"].startswith("REST") and line["client"] == "user1" and line["event"] == "events"
    ]
    id_ = events[0]["message_id"]
    turns = Turns()
    first = ChatMessage(id=id_, role="assistant", content="word0", done=True, follow_ups=["What next?"])
    turns.load(History(messages={id_: first}, current_id=id_), running=False)
    for data in events:
        event = parse_event("events", data)
        assert isinstance(event, ChatEnvelope)
        assert turns.apply(event) is not Applied.GAP  # type: ignore[arg-type]
    message = turns.message(id_).dump()
    for key in ("content", "statusHistory", "sources", "files", "embeds", "done"):
        assert message[key] == stored[id_][key], key
    assert message["followUps"] == ["One?", "Two?"]
    assert [run["id"] for run in message["code_executions"]] == ["e1"]
    assert not turns.running


@pytest.mark.parametrize(
    ("step", "file", "client"),
    [("AI chat, not streamed", "events", "user1"), ("AI chat, temporary (local id)", "events", "user1")],
)
def test_an_answer_in_one_piece_or_of_a_temporary_chat_ends_whole(step: str, file: str, client: str) -> None:
    """0.6.41: the provider's body, then the end; and an id that begins with `local:`."""
    answers = [
        turns.message(id_)
        for id_, turns in replay("0.6.41", file, step, client).items()
        if turns.message(id_).content
    ]
    (message,) = answers
    assert message.content.split() == [f"word{number}" for number in range(20)]
    assert message.done


def test_an_error_in_mid_stream_ends_with_the_text_and_the_error() -> None:
    """0.6.41 sends the error among the pieces, then an ordinary end: both stand."""
    answers = [
        turns.message(id_)
        for id_, turns in replay("0.6.41", "events", "AI chat, provider error in mid-stream", "user1").items()
    ]
    (message,) = [answer for answer in answers if answer.content]
    assert message.content == "word0 word1 word2 word3 word4"
    assert message.error["content"]["code"] == 500
    assert message.done


@pytest.mark.parametrize("release", ["0.6.41", "0.12.4"])
def test_recorded_pieces_never_show_anything_but_a_beginning_of_the_answer(release: str) -> None:
    """W-45: whichever piece is the first one heard, and without any document, nothing wrong is shown."""
    for start in (0, 1, 5, 12):
        turns: Turns | None = None
        shown: list[str] = []
        lines = [
            line["data"]
            for line in recorded(release, "events")
            if line["step"] == "AI chat, new" and line["client"] == "user1" and line["event"] == "events"
        ]
        about = next(data["message_id"] for data in lines if "completion" in data["data"]["type"])
        pieces = [d for d in lines if d["message_id"] == about and "completion" in d["data"]["type"]]
        for data in pieces[start:]:
            event = parse_event("events", data)
            assert isinstance(event, ChatEnvelope)
            turns = turns or beginning(about)
            turns.apply(event)  # type: ignore[arg-type]
            shown.append(turns.message(about).content)
        whole = "".join(f"word{number} " for number in range(20))
        assert all(whole.startswith(text) for text in shown)
        assert shown[-1].strip() == whole.strip()
