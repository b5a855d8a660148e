"""Server-sent events, whatever the network's boundaries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.server.providers import sse
from antiphon.server.providers.sse import DataLines, LineTooLong

LINES = st.lists(
    st.sampled_from([b'data: {"a": "\xc3\xa4"}', b"data:[DONE]", b": comment", b"event: x", b"", b"data: b"])
)


@given(LINES, st.sampled_from([b"\n", b"\r\n"]), st.lists(st.integers(0, 200), max_size=10))
def test_no_boundary_loses_a_line(lines: list[bytes], end: bytes, cuts: list[int]) -> None:
    """W-42: a stream cut anywhere gives the payloads that it gives in one piece."""
    stream = b"".join(line + end for line in lines)
    reader, payloads, last = DataLines(), [], 0
    for cut in [*sorted(min(cut, len(stream)) for cut in cuts), len(stream)]:
        payloads += reader.feed(stream[last:cut])
        last = cut
    assert payloads == [line[5:].strip() for line in lines if line.startswith(b"data:")]
    assert reader.rest == b""


def test_a_line_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing grows without a bound."""
    monkeypatch.setattr(sse, "MAX_LINE", 10)
    reader = DataLines()
    reader.feed(b"data: 1")
    with pytest.raises(LineTooLong):
        reader.feed(b"234567")
