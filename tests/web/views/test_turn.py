"""Turns of a chat."""

from __future__ import annotations

from datetime import UTC

import pytest

from antiphon.web import views
from antiphon.wire import ChatMessage, ContentPart, OutputItem, UserName

from .page import ADA, Node, answer, read


def drawn(message: ChatMessage, *, running: bool = False, last: bool = True) -> Node:
    """A turn as its article."""
    return read(views.turn(message, running=running, me=ADA, last=last, zone=UTC)).one("article")


@pytest.mark.parametrize(
    ("message", "running", "state", "words"),
    [
        (answer(), False, "done", None),
        (answer(done=False), True, "running", None),
        (
            answer(done=False),
            False,
            "interrupted",
            "The server was interrupted before this answer was complete.",
        ),
        (answer(meta={"state": "stopped"}), False, "stopped", "You stopped this answer."),
        (answer(error={"content": "Too hot."}), False, "failed", "Too hot."),
        (answer(error={"error": {"message": "No key."}}), False, "failed", "No key."),
        (answer(error=True), False, "failed", "The model could not answer."),
        (answer(error={"content": "Cut."}, meta={"state": "interrupted"}), False, "interrupted", None),
    ],
)
def test_every_answer_ends_visibly(
    message: ChatMessage, running: bool, state: str, words: str | None
) -> None:
    """No answer is left looking as if it were still being written; bad ends can be tried again."""
    article = drawn(message, running=running)
    assert article.attributes["id"] == "t-a1"
    assert article.attributes["data-state"] == state
    if words is not None:
        outcome = article.one("p", classed="outcome")
        assert outcome.text == f"{words} Try again"
        assert outcome.one("button").attributes["data-action"] == "try-again"


def test_only_the_last_answer_can_be_tried_again_or_followed_up() -> None:
    """Further up the conversation went on."""
    assert drawn(answer(error={"content": "x"}), last=False).all("button") == []
    asked = answer(followUps=["Why?"])
    assert drawn(asked).one("button").attributes["data-suggestion"] == "Why?"
    assert drawn(asked, last=False).all("button") == []


def test_an_answer_that_has_not_begun_says_that_it_is_coming() -> None:
    """Something moves at once, and a screen reader hears it."""
    article = drawn(answer("", done=False), running=True)
    assert article.one("p", classed="waiting").text == "Thinking"
    assert article.attributes["aria-busy"] == "true"


def test_blocks_have_lasting_ids_and_the_growing_one_is_marked() -> None:
    """A block's id is its place; only the last one of an unfinished answer grows."""
    nodes = read(views.turn_blocks("a1", "One.\n\nTwo.\n\nThree", finished=False)).all("div", classed="block")
    assert [node.attributes["id"] for node in nodes] == ["b-a1-0", "b-a1-1", "b-a1-2"]
    assert ["growing" in node.attributes["class"] for node in nodes] == [False, False, True]
    assert "growing" not in str(views.turn_blocks("a1", "One.", finished=True)[0])


def test_a_finished_answer_resolves_links_that_are_defined_below() -> None:
    """While it grows they are text, for the block that uses them is finished."""
    text = "See [docs].\n\nMore.\n\n[docs]: https://example.com\n"
    assert read(views.turn_blocks("a1", text, finished=False)).all("a") == []
    assert (
        read(views.turn_blocks("a1", text, finished=True)).one("a").attributes["href"]
        == "https://example.com"
    )


def test_thoughts_are_folded_and_sources_are_named_once() -> None:
    """A source with a web address is a link, any other its name."""
    article = drawn(
        answer(
            output=[
                OutputItem(
                    type="reasoning", duration=3.6, content=[ContentPart(type="reasoning_text", text="Hm.")]
                )
            ],
            sources=[
                {"source": {"name": "Docs", "url": "https://example.com"}},
                {"source": {"name": "Docs", "url": "https://example.com"}},
                {
                    "source": {"name": "evil", "url": "javascript:alert(1)"},
                    "metadata": [{"source": "notes.md"}],
                },
                {"metadata": "nonsense"},
            ],
        )
    )
    thoughts, sources = article.all("details")
    assert thoughts.text == "Thought for 4 s Hm."
    assert sources.text == "2 sources Docs evil"
    assert [link.attributes["href"] for link in sources.all("a")] == ["https://example.com"]


def test_a_question_is_mine_or_another_persons() -> None:
    """In a shared chat the name says who asked."""
    assert drawn(ChatMessage(id="q", role="user", content="Why?")).attributes["aria-label"] == "You"
    other = ChatMessage(id="q", role="user", content="Why?", user=UserName(id="u2", name="Grace Hopper"))
    article = drawn(other)
    assert article.attributes["aria-label"] == "Grace Hopper"
    assert "of-other" in article.attributes["class"].split()


def test_the_newest_step_of_a_plug_in_is_shown() -> None:
    """A hidden step is not."""
    steps = [{"description": "Searching"}, {"description": "Reading"}, {"description": "x", "hidden": True}]
    assert drawn(answer(statusHistory=steps)).one("p", classed="progress").text == "Reading"


def test_line_ends_count_in_questions_and_not_in_answers() -> None:
    """A model wraps its paragraphs as CommonMark allows; a person who makes a new line means one."""
    assert [node.all("br") for node in drawn(answer("one\ntwo")).all("p") if "two" in node.text] == [[]]
    asked = ChatMessage(id="q1", role="user", content="one\ntwo", timestamp=0)
    assert len(drawn(asked).all("br")) == 1
    growing = read(views.turn_blocks("a1", "one\ntwo", finished=False))
    assert growing.all("br") == []
