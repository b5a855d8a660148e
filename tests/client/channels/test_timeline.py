"""Single cases of the timeline that have a name of their own; the law is in test_timeline_law."""

from __future__ import annotations

import sys
from typing import Any

from antiphon.client.channels.timeline import Inserted, Removed, Replaced, Reset, Row, Timeline
from antiphon.wire import Message, PostedMessage, Reaction, UserName

ME = UserName(id="me", name="Me", role="user")


def message(number: int, text: str = "", **more: Any) -> Message:
    """Build a message; its number is its time too."""
    values: dict[str, Any] = {
        "id": f"m{number:05}", "user_id": "ann", "channel_id": "c", "parent_id": None, "reply_to_id": None,
        "content": text or f"text {number}", "created_at": number, "updated_at": number, "data": {},
        "reactions": [],
    }  # fmt: skip
    return Message(**values | more)


def posted(number: int, temp_id: str | None = None, **more: Any) -> PostedMessage:
    """Build a message as its event brings it."""
    return PostedMessage(**dict(message(number, **more)), temp_id=temp_id)


def contents(timeline: Timeline) -> list[str]:
    """Give the texts from the oldest on."""
    return [row.message.content for row in timeline.rows()]


def loaded(*numbers: int, complete: bool = True) -> Timeline:
    """Build a timeline that has fetched its newest page."""
    timeline = Timeline()
    timeline.merge_page([message(n) for n in numbers], asked_at=1, newest=True, complete=complete)
    return timeline


def test_a_message_without_temp_id_leaves_earlier_rows_alone() -> None:
    """W-14: null and missing temp ids match nothing, not even each other."""
    timeline = loaded()
    for number in range(1, 6):
        timeline.created(posted(number), stamp=number + 1)
    timeline.add_pending("t", message(9, "mine", user_id="me"))
    timeline.created(posted(6), stamp=10, temp_id=None)
    assert contents(timeline) == [f"text {n}" for n in range(1, 7)] + ["mine"]


def test_a_row_keeps_its_key_from_sending_to_the_end() -> None:
    """The event confirms first, the answer comes after it: one row, one key, in place."""
    timeline, changes = loaded(1), list[Any]()
    timeline.subscribe(changes.append)
    timeline.add_pending("t", message(50, "mine", id="t", user_id="me", user=ME))
    timeline.created(posted(2, "t", content="mine", user_id="me"), stamp=5, temp_id="t")
    timeline.confirm("t", message(2, "mine", user_id="me"), stamp=6, asked_at=4)
    assert [type(change) for change in changes] == [Inserted, Replaced]
    row = timeline.row("m00002")
    assert row is not None
    assert (row.key, row.temp_id, row.state) == ("t", "t", "confirmed")


def test_an_answer_that_comes_first_lacks_the_user_and_gets_it_from_the_row() -> None:
    """W-23: the answer alone confirms; the event adds what it knows more."""
    timeline = loaded()
    timeline.add_pending("t", message(50, "mine", id="t", user_id="me", user=ME))
    answer = Message(
        id="m00002", user_id="me", channel_id="c", content="mine", created_at=2, updated_at=2, data={}
    )
    timeline.confirm("t", answer, stamp=3, asked_at=2)
    row = timeline.rows()[0]
    assert row.message.user == ME
    assert row.state == "confirmed"


def test_a_failed_row_stays_last_when_others_are_confirmed() -> None:
    """The confirmed one moves up to its place, which is told as a removal and an insertion."""
    timeline = loaded(1)
    timeline.add_pending("a", message(50, "first", id="a"))
    timeline.add_pending("b", message(51, "second", id="b"))
    timeline.set_pending("a", "failed", "too long")
    changes: list[Any] = []
    timeline.subscribe(changes.append)
    timeline.confirm("b", message(2, "second"), stamp=5)
    assert contents(timeline) == ["text 1", "second", "first"]
    assert changes == [Removed("b"), Inserted(timeline.rows()[1], "a")]
    assert timeline.rows()[2].error == "too long"


def test_a_message_seen_live_and_in_a_page_stands_once() -> None:
    """W-17: merging is by id."""
    timeline = Timeline()
    timeline.created(posted(3), stamp=5)
    timeline.merge_page([message(n) for n in (3, 2, 1)], asked_at=4, newest=True, complete=True)
    assert contents(timeline) == ["text 1", "text 2", "text 3"]


def test_events_during_the_first_load_are_kept() -> None:
    """W-16: an edit and a deletion overtake the page that has the old state."""
    timeline = Timeline()
    timeline.page_requested(4, newest=True)
    timeline.changed(message(1, "edited", updated_at=9), stamp=5)
    timeline.deleted("m00002")
    timeline.merge_page([message(2), message(1)], asked_at=4, newest=True, complete=True)
    timeline.page_answered()
    assert contents(timeline) == ["edited"]


def test_an_older_event_does_not_overwrite_a_newer_state() -> None:
    """W-32: content goes by updated_at, whatever the order of arrival."""
    timeline = loaded(1)
    timeline.changed(message(1, "second edit", updated_at=30), stamp=5)
    timeline.changed(message(1, "first edit", updated_at=20), stamp=6)
    assert contents(timeline) == ["second edit"]


def test_a_page_is_older_than_an_event_received_after_its_request_began() -> None:
    """Reactions have no version: the event that came while the page was under way wins."""
    timeline = loaded(1)
    thumb = [Reaction(name="+1", users=[], count=1)]
    timeline.changed(message(1, reactions=thumb), stamp=8)
    timeline.merge_page([message(1)], asked_at=7, newest=True, complete=True)
    assert timeline.rows()[0].message.reactions == thumb
    timeline.merge_page([message(1)], asked_at=9, newest=True, complete=True)
    assert timeline.rows()[0].message.reactions == []


def test_a_pin_event_whose_data_is_a_boolean_loses_no_attachment() -> None:
    """W-79: 0.12.4 says there that data exists, without giving it."""
    timeline = loaded()
    files = {"files": [{"id": "f"}]}
    timeline.created(posted(1, data=files), stamp=2)
    timeline.changed(message(1, data=True, is_pinned=True), stamp=3)
    assert timeline.rows()[0].message.data == files
    assert timeline.rows()[0].message.is_pinned


def test_a_page_that_does_not_touch_what_is_held_is_refused() -> None:
    """W-18: between the two there may be a hole."""
    timeline = loaded(10, 11, 12, complete=False)
    assert not timeline.merge_page([message(3), message(4)], asked_at=5, newest=False, complete=False)
    assert contents(timeline) == ["text 10", "text 11", "text 12"]
    assert timeline.merge_page([message(9), message(10)], asked_at=6, newest=False, complete=True)
    assert not timeline.has_earlier


def test_a_newest_page_beyond_what_is_held_drops_the_rows_before_the_hole() -> None:
    """More was missed than a page holds: what is older can be fetched again, a hole could not be seen."""
    timeline = loaded(1, 2, 3)
    timeline.merge_page([message(n) for n in (8, 9)], asked_at=5, newest=True, complete=False)
    assert contents(timeline) == ["text 8", "text 9"]
    assert timeline.has_earlier


def test_a_quote_follows_its_message() -> None:
    """Editing changes the quote, deleting takes it away."""
    timeline = loaded(1)
    quote = message(1)
    timeline.created(posted(2, reply_to_id="m00001", reply_to_message=quote), stamp=3)
    timeline.changed(message(1, "edited", updated_at=9), stamp=4)
    shown = timeline.rows()[1].message.reply_to_message
    assert shown is not None
    assert shown.content == "edited"
    timeline.deleted("m00001")
    assert timeline.rows()[0].message.reply_to_message is None


def test_forgetting_keeps_what_is_being_sent() -> None:
    """Stale rows go, one's own words stay."""
    timeline = loaded(1, 2)
    timeline.add_pending("t", message(9, "mine", id="t"))
    changes: list[Any] = []
    timeline.subscribe(changes.append)
    timeline.forget()
    assert changes == [Reset()]
    assert contents(timeline) == ["mine"]
    assert not timeline.loaded


def test_the_cost_of_an_event_does_not_grow_with_the_history() -> None:
    """W-62: the number of calls made for an event is the same for fifty rows and for five thousand."""
    assert _calls_for_events(50) == _calls_for_events(5000)


def _calls_for_events(rows: int) -> int:
    timeline = loaded(*range(1, rows + 1))
    changes: list[Row | None] = []
    timeline.subscribe(lambda change: changes.append(getattr(change, "row", None)))
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    events = [posted(rows + 5), message(7, "edited", updated_at=10**6), message(rows - 3, is_pinned=True)]
    sys.setprofile(count)
    try:
        timeline.created(events[0], stamp=10)
        timeline.changed(events[1], stamp=11)
        timeline.changed(events[2], stamp=12)
        timeline.deleted("m00009")
    finally:
        sys.setprofile(None)
    assert len(changes) == 4
    return calls


def test_a_page_whose_rows_are_all_deleted_meanwhile_leaves_earlier_ones_to_fetch() -> None:
    """A full page that is empty when it comes says nothing of what is before it."""
    timeline = Timeline()
    page = [message(n, f"text {n}") for n in range(4, 8)]
    timeline.page_requested(1, newest=True)
    for row in page:
        timeline.deleted(row.id)
    timeline.merge_page(page, asked_at=1, newest=True, complete=False)
    timeline.page_answered()
    assert timeline.rows() == ()
    assert timeline.has_earlier
