"""A message that an event brought is held as a message, and says what it said."""

from __future__ import annotations

from typing import Any

from antiphon.client.channels.message_merge import merged, plain
from antiphon.wire import Message, PostedMessage, ReactedMessage, UserName

VALUES: dict[str, Any] = {
    "id": "m",
    "user_id": "u",
    "channel_id": "c",
    "content": "hello",
    "created_at": 1,
    "updated_at": 1,
    "strange": {"kept": [1]},
}


def test_what_only_the_event_said_is_left_out_and_all_else_is_kept() -> None:
    """Keys that were set, keys that nobody knows, and nothing that was not there."""
    posted = plain(PostedMessage.load({**VALUES, "temp_id": "t"}))
    reacted = plain(ReactedMessage.load({**VALUES, "name": "thumbsup"}))
    for copy in (posted, reacted):
        assert type(copy) is Message
        assert copy == Message.load(VALUES)
        assert copy.dump() == VALUES
        assert copy.model_copy(update={"content": "later"}).dump() == {**VALUES, "content": "later"}


def test_a_message_is_not_copied_again() -> None:
    """What a page brought is held as it is."""
    message = Message.load(VALUES)
    assert plain(message) is message


def test_messages_of_the_same_shape_share_what_says_which_keys_they_have() -> None:
    """It is larger than the message, and is never changed in place."""
    one, other = (plain(PostedMessage.load({**VALUES, "id": id_})) for id_ in ("1", "2"))
    assert one.__pydantic_fields_set__ is other.__pydantic_fields_set__
    pinned = one.model_copy(update={"is_pinned": True})
    assert pinned.dump()["is_pinned"] is True
    assert "is_pinned" not in other.dump()


def test_an_author_without_a_role_does_not_outvote_one_that_has_it() -> None:
    """A row that was shown before the session was known names its author without a role."""
    bare, whole = UserName(id="u", name="U", role=None), UserName(id="u", name="U", role="user")
    ours, theirs = (Message.load({**VALUES, "user": user.dump()}) for user in (bare, whole))
    assert merged(ours, theirs, later=False).user == whole
    assert merged(ours, theirs, later=True).user == whole
    assert merged(theirs, ours, later=True) is theirs
