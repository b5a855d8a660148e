"""The answer that a stream of pieces writes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from antiphon.client.chats.responses import AnswerOutput, Applied
from antiphon.wire import OutputItem, ResponseDelta, parse_event


def stream(type_: str, **values: Any) -> Any:
    """Build a stream event."""
    event = parse_event(
        "events",
        {
            "chat_id": "c",
            "message_id": "m",
            "data": {"type": "response:completion", "data": {"type": type_, **values}},
        },
    )
    assert isinstance(event, ResponseDelta)
    return event.payload


def text(delta: str, offset: int | None = None, item: str = "i", index: int = 0) -> Any:
    """Build a piece of text."""
    more = {} if offset is None else {"offset": offset}
    return stream(
        "response.output_text.delta", item_id=item, output_index=index, content_index=0, delta=delta, **more
    )


@given(
    pieces=st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=12),
    repeats=st.lists(st.integers(0, 11), max_size=8),
)
def test_repeats_of_pieces_with_offsets_change_nothing(pieces: list[str], repeats: list[int]) -> None:
    """Any piece may come again at any later time: the text is the same."""
    answer, offset, sent = AnswerOutput(), 0, list[Any]()
    for piece in pieces:
        event = text(piece, offset)
        offset += len(piece)
        sent.append(event)
        assert answer.apply(event) is Applied.CHANGED
        for place in repeats:
            if place < len(sent):
                assert answer.apply(sent[place]) is Applied.UNCHANGED
    assert answer.text() == "".join(pieces)


@given(pieces=st.lists(st.text(min_size=1, max_size=6), min_size=2, max_size=12), lost=st.integers(0, 10))
def test_a_lost_piece_is_noticed_at_the_next_one(pieces: list[str], lost: int) -> None:
    """W-45: a gap is not written over."""
    lost %= len(pieces) - 1
    answer, offset = AnswerOutput(), 0
    for place, piece in enumerate(pieces):
        result = answer.apply(text(piece, offset)) if place != lost else None
        offset += len(piece)
        if place == lost + 1:
            assert result is Applied.GAP
            break
    assert answer.text() == "".join(pieces[:lost])


def test_a_piece_that_overlaps_adds_only_what_is_new() -> None:
    """A snapshot that ended in the middle of a piece is gone on from."""
    answer = AnswerOutput([OutputItem(type="message", id="i", role="assistant", content=[])])
    answer.apply(text("hello wo", 0))
    assert answer.apply(text("world", 6)) is Applied.CHANGED
    assert answer.text() == "hello world"


def test_a_piece_that_contradicts_what_is_held_is_a_gap() -> None:
    """Same place, other text: something is wrong, so the document is asked for."""
    answer = AnswerOutput()
    answer.apply(text("hello", 0))
    assert answer.apply(text("jelly", 0)) is Applied.GAP


def test_pieces_without_offsets_are_appended() -> None:
    """Open WebUI numbers nothing."""
    answer = AnswerOutput()
    for piece in ("a", "b", "b"):
        answer.apply(text(piece))
    assert answer.text() == "abb"


def test_missing_slots_are_filled_and_an_item_that_comes_later_takes_its_place() -> None:
    """An index beyond the end fills up with empty items; what the server says of them later replaces them."""
    answer = AnswerOutput()
    answer.apply(text("second", item="b", index=1))
    assert [item.type for item in answer.items()] == ["message", "message"]
    item = {"type": "reasoning", "id": "a", "status": "completed", "summary": []}
    answer.apply(stream("response.output_item.done", output_index=0, item=item))
    assert [item.id for item in answer.items()] == ["a", "b"]
    assert answer.text() == "second"


def test_an_absurd_index_is_ignored() -> None:
    """A broken event must not make a million items."""
    answer = AnswerOutput()
    assert answer.apply(text("x", item="z", index=10**9)) is Applied.UNCHANGED
    assert (
        answer.apply(
            stream("response.output_text.delta", item_id="z", output_index=0, content_index=10**9, delta="x")
        )
        is Applied.UNCHANGED
    )
    assert len(answer.items()) <= 1


def test_the_whole_at_the_end_of_a_part_outranks_the_pieces() -> None:
    """done events are authoritative for text and arguments."""
    answer = AnswerOutput()
    answer.apply(text("helo"))
    answer.apply(
        stream("response.output_text.done", item_id="i", output_index=0, content_index=0, text="hello")
    )
    call = {
        "type": "function_call",
        "id": "f",
        "call_id": "f",
        "name": "now",
        "arguments": "",
        "status": "in_progress",
    }
    answer.apply(stream("response.output_item.added", output_index=1, item=call))
    answer.apply(stream("response.function_call_arguments.delta", item_id="f", output_index=1, delta='{"a"'))
    assert answer.items()[1].arguments == '{"a"'
    answer.apply(
        stream("response.function_call_arguments.done", item_id="f", output_index=1, arguments='{"a":1}')
    )
    assert answer.items()[1].arguments == '{"a":1}'
    assert answer.text() == "hello"


def test_a_completed_round_is_merged_by_id_and_earlier_rounds_stay() -> None:
    """Each provider round completes its own items."""
    answer = AnswerOutput([OutputItem(type="message", id="first", role="assistant", content=[])])
    answer.apply(text("draft", item="second", index=1))
    final = {
        "type": "message", "id": "second", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": "final"}],
    }  # fmt: skip
    answer.apply(stream("response.completed", response={"id": "r", "output": [final]}))
    assert [item.id for item in answer.items()] == ["first", "second"]
    assert answer.items()[1].status == "completed"
    assert answer.text() == "\nfinal"


def test_reasoning_is_kept_apart_from_the_answer() -> None:
    """Summary and reasoning texts do not show in the plain text."""
    answer = AnswerOutput()
    answer.apply(
        stream(
            "response.reasoning_summary_text.delta", item_id="r", output_index=0, summary_index=0, delta="hm"
        )
    )
    answer.apply(text("yes", item="m", index=1))
    assert answer.text() == "yes"
    assert answer.items()[0].summary is not None
    assert answer.items()[0].summary[0].text == "hm"
