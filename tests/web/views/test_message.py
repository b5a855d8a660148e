"""Rows of a channel."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone

import pytest

from antiphon.web import views

from .page import ADA, ROOT, Node, SampleRow, message, reaction, read


def drawn(row: SampleRow, previous: SampleRow | None = None, *, me: object = ADA, **options: object) -> Node:
    """A row as its article."""
    return read(views.message_row(row, me=me, previous=previous, zone=UTC, **options)).one("article")


def test_a_row_carries_what_the_page_finds_it_by() -> None:
    """Key, id, time and author stand on the article; the time is told in full on demand."""
    article = drawn(SampleRow(message("m1"), temp_id="t1"))
    assert article.attributes["id"] == "m-t1"
    assert article.attributes["data-id"] == "m1"
    assert article.attributes["data-author"] == "u2"
    assert article.attributes["data-at"] == str(message("m1").created_at)
    assert article.attributes["aria-label"] == "Grace Hopper, 12:00"
    time = article.one("p", classed="meta").one("time")
    assert time.text == "12:00"
    assert time.attributes["title"] == "Monday, 23 November 2026, 12:00:00"


@pytest.mark.parametrize(
    ("by", "at", "grouped"), [("u2", 299, True), ("u2", 300, False), ("u1", 10, False), ("u2", -1, False)]
)
def test_messages_of_one_author_within_five_minutes_share_a_head(by: str, at: float, grouped: bool) -> None:
    """The name is still there for a screen reader."""
    article = drawn(SampleRow(message("m2", by=by, at=at)), SampleRow(message("m1")))
    assert ("grouped" in article.attributes["class"].split()) is grouped
    assert bool(article.all(classed="avatar")) is not grouped
    assert article.one("strong" if not grouped else "span", classed="author" if not grouped else "sr").text


def test_a_new_day_is_said_once_in_the_zone_of_the_reader() -> None:
    """The same two messages are one day in UTC and two days further east."""
    late, later = SampleRow(message("m1", at=11.9 * 3600)), SampleRow(message("m2", at=11.95 * 3600))
    assert drawn(later, late).all(classed="day") == []
    east = timezone(timedelta(minutes=4))
    article = read(views.message_row(later, me=ADA, previous=late, zone=east))
    assert article.one("p", classed="day").text == "Tuesday, 24 November 2026"
    assert drawn(late).one("p", classed="day").text == "Monday, 23 November 2026"


def test_an_edited_message_says_so_and_a_growing_answer_does_not() -> None:
    """A model's message is updated while it is written, which is no edit."""
    later = message("m1").updated_at + 1
    assert drawn(SampleRow(message("m1", updated_at=later))).one("p", classed="edited").text == "edited"
    growing = message("m1", updated_at=later, meta={"model_id": "gpt", "model_name": "GPT"})
    article = drawn(SampleRow(growing))
    assert article.all(classed="edited") == []
    assert article.one("strong", classed="author").text == "GPT"


def test_a_reaction_tells_who_and_whether_it_is_mine() -> None:
    """Known names show their picture, unknown ones their name."""
    article = drawn(
        SampleRow(message("m1", reactions=[reaction("thumbsup", "u1", "u3"), reaction("blob_party", "u3")]))
    )
    mine, other = article.all("button", classed="reaction")
    assert (mine.attributes["data-name"], mine.attributes["aria-pressed"], mine.text) == (
        "thumbsup",
        "true",
        "👍 2",
    )
    assert mine.attributes["aria-label"] == "thumbsup, 2: Name of u1, Name of u3"
    assert (other.attributes["aria-pressed"], other.text) == ("false", ":blob_party: 1")


@pytest.mark.parametrize(
    ("by", "me", "labels"),
    [
        ("u1", ADA, ["Add reaction", "Edit", "Delete"]),
        ("u2", ADA, ["Add reaction"]),
        ("u2", ROOT, ["Add reaction", "Delete"]),
    ],
)
def test_only_what_one_may_do_is_offered(by: str, me: object, labels: list[str]) -> None:
    """Authors edit and delete their own messages, administrators delete any."""
    article = drawn(SampleRow(message("m1", by=by)), me=me)
    assert [button.attributes["aria-label"] for button in article.one(role="group").all("button")] == labels


def test_where_one_may_not_write_nothing_is_offered() -> None:
    """A reader of a channel sees reactions and cannot press them."""
    article = drawn(SampleRow(message("m1", by="u1", reactions=[reaction("heart", "u2")])), can_write=False)
    assert article.all(role="group") == []
    assert "disabled" in article.one("button", classed="reaction").attributes


def test_a_pending_message_waits_without_actions() -> None:
    """What the server has not seen cannot be edited or reacted to."""
    article = drawn(SampleRow(message("m1", by="u1"), state="pending", temp_id="t1"))
    assert "pending" in article.attributes["class"].split()
    assert article.one("p", classed="state").text == "Sending…"
    assert article.all("button") == []


def test_a_failed_message_says_why_and_what_to_do() -> None:
    """Retry and Discard, and an alert that a screen reader speaks (W-21)."""
    article = drawn(SampleRow(message("m1", by="u1"), state="failed", error="too long", temp_id="t1"))
    assert "failed" in article.attributes["class"].split()
    assert article.one(role="alert").text == "Not sent: too long Retry Discard"
    assert [button.attributes["data-action"] for button in article.all("button")] == ["retry", "discard"]


def test_a_quote_shows_who_and_what_in_one_line() -> None:
    """Markup of the quoted message is words here; a quote whose message is gone says that."""
    quoted = message("m0", "**Shall** we?\n\n- yes")
    article = drawn(SampleRow(message("m1", by="u1", reply_to_id="m0", reply_to_message=quoted)))
    assert article.one(classed="quote").text == "Grace Hopper Shall we? yes"
    assert "gone" in drawn(SampleRow(message("m1", reply_to_id="m0"))).one(classed="quote").text


def test_a_message_to_me_stands_out() -> None:
    """Only a mention of the reader marks the row."""
    assert "to-me" in drawn(SampleRow(message("m1", "hi <@U:u1|Ada>"))).attributes["class"].split()
    assert "to-me" not in drawn(SampleRow(message("m1", "hi <@U:u2|Grace>"))).attributes["class"].split()


def test_a_message_of_somebody_unknown_is_still_a_message() -> None:
    """A post's own answer comes without a user, and times may be any number."""
    article = drawn(SampleRow(message("m1", user=None).model_copy(update={"created_at": 10**30})))
    assert article.one("strong", classed="author").text == "Someone"


def test_ids_and_names_from_outside_stay_text() -> None:
    """No field of a message can leave its attribute or its element."""
    nasty = '"><script>alert(1)</script>'
    row = SampleRow(
        message(nasty, nasty, by=nasty, is_pinned=True, reactions=[reaction(nasty, nasty)]),
        temp_id=nasty,
        error=nasty,
    )
    for state in ("confirmed", "pending", "failed", nasty):
        assert drawn(SampleRow(row.message, state, nasty, nasty)).all("script") == []


def test_the_editor_holds_the_text_as_it_was_written() -> None:
    """Leading line ends and markup survive."""
    form = read(views.message_editor(SampleRow(message("m1", "**a** <b>")), action="/page/edit")).one("form")
    box = form.one("textarea", name="content")
    assert box.attributes["aria-label"] == "Edit message"
    assert box.text == "**a** <b>"
