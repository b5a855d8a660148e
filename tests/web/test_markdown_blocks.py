"""The laws of `markdown.blocks`, held against texts made of what Markdown is made of."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.web import markdown

_PIECES = (
    *(
        "a",
        "b ",
        "word",
        "é",
        "1",
        "2.",
        "1. x",
        "- ",
        "* ",
        "+ ",
        "> ",
        "# ",
        "## h",
        "```",
        "```py",
        "~~~",
        "---",
    ),
    *(
        "***",
        "===",
        "|",
        "a|b",
        "-|-",
        "|-|-|",
        ":-",
        "[a]: /u",
        "[a]",
        "'t",
        "<b>",
        "\\",
        "_",
        "`",
        "&amp;",
        "!",
    ),
    *("-", "=", "#", "\n", "\n", "\n\n", "\n\n", "    ", "  ", "\t", " ", "\r", "\r\n", "\0"),
)
texts = st.lists(st.sampled_from(_PIECES), max_size=14).map("".join) | st.text(max_size=40)


@given(texts)
def test_blocks_lose_nothing(text: str) -> None:
    """Joined, the blocks are the text with its line ends written as line feeds."""
    normal = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    assert "".join(markdown.blocks(text)) == (normal if normal.strip(" \t\n") else "")


@given(texts, texts)
@settings(max_examples=1_500)
def test_all_blocks_but_the_last_are_finished(before: str, more: str) -> None:
    """Whatever is appended to a text, and wherever it is cut, its finished blocks stay what they are."""
    held = markdown.blocks(before)
    assert held[:-1] == markdown.blocks(before + more)[: max(len(held) - 1, 0)]


@given(texts)
@settings(max_examples=800)
def test_blocks_rendered_one_by_one_give_the_whole(text: str) -> None:
    """A block needs nothing of its neighbours; link definitions are the exception and are given."""
    definitions = markdown.references(text)
    drawn = "".join(markdown.render(block, definitions) for block in markdown.blocks(text))
    if not definitions:
        assert drawn == markdown.render(text)


def test_an_answer_that_grows_letter_by_letter_never_changes_a_finished_block() -> None:
    """The case that the page lives on: an answer with every kind of block, one letter at a time."""
    answer = (
        "First.\n\n1. a\n2. b\n\n   c\n\n3. d\n\n## Head\n```py\nx = 1\n\ny = 2\n```\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n"
        "> quoted\nlazily\n\n- a\n\n- b\n---\nSetext\n======\nLast line"
    )
    finished: list[str] = []
    for length in range(len(answer) + 1):
        blocks = markdown.blocks(answer[:length])
        assert blocks[: len(finished)] == finished
        finished = blocks[:-1]
    assert len(finished) >= 8


def test_a_definition_below_serves_a_block_above() -> None:
    """`references` finds the definitions of the whole text for a block rendered alone."""
    text = "See [the docs].\n\nMore.\n\n[the docs]: https://example.com"
    first = markdown.blocks(text)[0]
    assert "<a" not in markdown.render(first)
    assert '<a href="https://example.com"' in markdown.render(first, markdown.references(text))


def test_no_text_has_no_blocks() -> None:
    """Nothing to say, nothing to show."""
    assert markdown.blocks("") == []
    assert markdown.blocks(" \n\n") == []
