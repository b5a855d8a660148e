"""The law of coalescing, and what becomes of a provider's chunks."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from antiphon.server.runs.answer import Answer, Raw, with_both_names
from antiphon.server.runs.dialects import Release012, Release06

PIECES = st.lists(
    st.tuples(
        st.sampled_from(["content", "reasoning_content", "call"]),
        st.text(min_size=1, max_size=8),
        st.booleans(),
    ),
    max_size=40,
)


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One chunk of a provider."""
    return {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def feed(answer: Answer, kind: str, text: str) -> None:
    """Give the answer one delta."""
    if kind == "call":
        answer.take(
            chunk({"tool_calls": [{"index": 0, "id": "x", "function": {"name": "f", "arguments": text}}]})
        )
    else:
        answer.take(chunk({kind: text}))


@given(PIECES)
def test_frames_cut_anywhere_make_up_the_answer(pieces: list[tuple[str, str, bool]]) -> None:
    """Any deltas, any frame boundaries: offsets fit, and deltas join to the text of one big frame."""
    answer, unframed = Answer(), Answer()
    told: list[Any] = []
    for kind, text, frame in pieces:
        feed(answer, kind, text)
        feed(unframed, kind, text)
        if frame:
            told += answer.drain()
    for one in (answer, unframed):
        one.end()
    told += answer.drain()
    texts: dict[int, str] = {}
    for payload in told:
        if "offset" in payload:
            index = payload["output_index"]
            assert payload["offset"] == len(texts.get(index, ""))
            texts[index] = texts.get(index, "") + payload["delta"]
    items = answer.output("incomplete")
    assert texts == {index: _text(item) for index, item in enumerate(items) if _text(item)}
    assert [_text(item) for item in items] == [_text(item) for item in unframed.output("incomplete")]
    assert answer.drain() == []
    added = [
        payload["output_index"] for payload in told if payload.get("type") == "response.output_item.added"
    ]
    assert added == [index for index, item in enumerate(items) if item["type"] != "message"]


@given(PIECES)
def test_frames_change_nothing_of_what_is_told(pieces: list[tuple[str, str, bool]]) -> None:
    """Joining neighbours is all that a longer frame does."""
    answer, unframed = Answer(), Answer()
    told, whole = [], []
    for kind, text, frame in pieces:
        feed(answer, kind, text)
        feed(unframed, kind, text)
        told += answer.drain() if frame else []
    told += answer.drain()
    whole += unframed.drain()

    def joined(payloads: list[Any]) -> list[tuple[Any, ...]]:
        out: list[tuple[Any, ...]] = []
        for payload in payloads:
            kind, index = payload["type"], payload["output_index"]
            if "delta" not in payload:
                out.append((kind, index))
            elif out and out[-1][:2] == (kind, index):
                out[-1] = (kind, index, out[-1][2] + payload["delta"])
            else:
                out.append((kind, index, payload["delta"]))
        return out

    assert joined(told) == joined(whole)


@given(st.text(max_size=12), st.text(max_size=12), st.lists(st.integers(0, 40), max_size=6))
def test_a_think_tag_is_found_however_it_is_cut(thought: str, said: str, cuts: list[int]) -> None:
    """`<think>…</think>` at the beginning becomes a reasoning item, wherever the pieces end."""
    if "<" in thought or "<" in said:
        return
    text = f"<think>{thought}</think>{said}"
    answer, at_once = Answer(), Answer()
    at_once.take(chunk({"content": text}))
    last = 0
    for cut in [*sorted(min(cut, len(text)) for cut in cuts), len(text)]:
        if text[last:cut]:
            answer.take(chunk({"content": text[last:cut]}))
        last = cut
    for one in (answer, at_once):
        one.end()
    assert answer.text(strip=True) == at_once.text(strip=True) == said.strip()
    thoughts = [content.strip() for kind, content, _closed in answer.parts() if kind == "reasoning"]
    assert thoughts in ([thought.strip()], [])


def test_the_first_chunk_is_passed_on_and_worth_no_frame() -> None:
    """The role alone travels with the first words; later chunks without words are passed over."""
    answer = Answer()
    first = chunk({"role": "assistant", "content": ""})
    answer.take(first)
    assert not answer.untold
    answer.take(chunk({"content": "a"}))
    answer.take(chunk({"content": ""}))
    assert answer.untold
    raw, delta = answer.drain()
    assert isinstance(raw, Raw)
    assert raw.chunk is first
    assert isinstance(delta, dict)
    assert delta["delta"] == "a"


def test_a_last_chunk_with_words_keeps_them_out_of_the_finish() -> None:
    """Words in the finish chunk are said once, as a delta."""
    answer = Answer()
    answer.take(chunk({"content": "all"}, "stop", usage={"prompt_tokens": 1}))
    assert answer.text() == "all"
    assert answer.finish is not None
    assert answer.finish["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "stop"}
    assert answer.usage == {"prompt_tokens": 1, "input_tokens": 1}


def test_content_in_parts_is_read() -> None:
    """Providers that send lists of parts are understood, thinking parts too."""
    answer = Answer()
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "yes"},
    ]
    answer.take(chunk({"content": parts}))
    assert answer.parts() == [("reasoning", "hm", True), ("message", "yes", False)]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "choices",
                        "delta",
                        "content",
                        "tool_calls",
                        "usage",
                        "index",
                        "function",
                        "finish_reason",
                        "thinking",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_chunk_however_odd_breaks_an_answer(odd: Any) -> None:
    """What a chunk lacks or has too much is passed over."""
    answer = Answer()
    if isinstance(odd, dict):
        answer.take(odd)
    answer.take({"choices": [{"delta": odd, "finish_reason": None}]})
    answer.take({"choices": [odd], "usage": odd})
    answer.take_whole({"choices": odd})
    answer.take_whole({"choices": [odd]})
    answer.take_whole({"choices": [{"message": odd}], "usage": odd})
    answer.end()
    answer.drain()
    answer.output("completed")
    Release012().done(answer, None)
    Release06().done(answer, None)


def test_token_counts_have_both_names() -> None:
    """OpenAI's older and newer names, and nothing made up."""
    assert with_both_names({"input_tokens": 1, "x": 2}) == {"input_tokens": 1, "prompt_tokens": 1, "x": 2}
    assert with_both_names("many") == {}


def test_06_shows_reasoning_as_details_and_escapes_it() -> None:
    """The 0.6 text folds what the model thought, and its tags stay text."""
    answer = Answer()
    answer.take(chunk({"reasoning": "a <b>\nc"}))
    assert 'done="false"' in Release06().content(answer, complete=False)
    answer.take(chunk({"content": "said "}))
    content = Release06().content(answer, complete=True)
    assert content.startswith('<details type="reasoning" done="true">')
    assert "> a &lt;b&gt;\n> c" in content
    assert content.endswith("</details>\nsaid")


def _text(item: dict[str, Any]) -> str:
    return str(item["arguments"] if item["type"] == "function_call" else item["content"][0]["text"])
