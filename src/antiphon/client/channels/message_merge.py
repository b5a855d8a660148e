"""Merging two accounts of one channel message into the state of the server.

Content is versioned by `updated_at`. Reactions, pin, reply counters and the quote do not touch `updated_at`;
there the account that arrived later wins. Both rules are idempotent, so duplicates and replays change
nothing.
"""

from __future__ import annotations

from typing import Any

from antiphon.wire import Message, PostedMessage, ReactedMessage

CONTENT = frozenset({"content", "data", "meta", "etag", "updated_at"})
FIXED = frozenset({"id", "user_id", "app_id", "channel_id", "parent_id", "created_at", "reply_to_id"})
MOST_SETS = 64
"""Sets of names that are kept; servers know a handful."""

_FIELDS = Message.model_fields.keys()
_EVENTS_ONLY = (PostedMessage.model_fields.keys() | ReactedMessage.model_fields.keys()) - _FIELDS
_sets: dict[frozenset[str], set[str]] = {}


def plain(message: Message) -> Message:
    """Give the message without what only its event carried (`temp_id`, the `name` of a reaction)."""
    if type(message) is Message:
        return message
    # What `model_construct` does, without its look at every field's default: this is done for each message.
    values = message.__dict__
    copy = Message.__new__(Message)
    object.__setattr__(copy, "__dict__", {name: values[name] for name in _FIELDS})
    object.__setattr__(copy, "__pydantic_fields_set__", _named(message.model_fields_set))
    object.__setattr__(copy, "__pydantic_extra__", message.model_extra)
    object.__setattr__(copy, "__pydantic_private__", None)
    return copy


def _named(names: set[str]) -> set[str]:
    """Give the names of a message's own fields among `names`, as one set for all messages that have the same:
    it is larger than what a message says.
    """
    key = frozenset(names)
    known = _sets.get(key)
    if known is None:
        known = names - _EVENTS_ONLY
        if len(_sets) < MOST_SETS:
            _sets[key] = known
    return known


def merged(held: Message, other: Message, *, later: bool, fill: bool = True) -> Message:
    """Give `held` brought up to date by `other`; the very same object when nothing changes.

    `later`: whether `other` reached us after what we hold. Keys that `other` does not have (the answer of a
    post lacks user, reactions and counters) are left alone; those that `held` does not have are taken from
    an earlier account too, unless `fill` says that it is to have no more than it has.
    """
    newer = other.updated_at > held.updated_at or (other.updated_at == held.updated_at and later)
    update: dict[str, Any] = {}
    for name in other.model_fields_set:
        if name in FIXED or (name in CONTENT and not newer):
            continue
        if name == "user" and _knows_more(other, held):
            update[name] = other.user
            continue
        if name not in CONTENT and not later and (name in held.model_fields_set or not fill):
            continue
        if name == "user" and (other.user is None or _knows_more(held, other)):
            continue
        value = getattr(other, name)
        if name == "data" and isinstance(value, bool) and _says_no_more(value, held, other):
            continue
        if value != getattr(held, name, None):
            update[name] = value
    return held.model_copy(update=update) if update else held


def _knows_more(one: Message, other: Message) -> bool:
    """Tell whether only `one` says the author's role: a row of ours has none until the session is known."""
    known = one.user is not None and one.user.role is not None
    return known and other.user is not None and other.user.role is None


def _says_no_more(there_is_data: bool, held: Message, other: Message) -> bool:
    """Tell whether a boolean in the place of `data` (0.12.4: lists, pin events) adds nothing to what is held
    (W-79).
    """
    if not there_is_data:
        return not held.data
    return bool(held.data) and other.updated_at == held.updated_at


def completed(answer: Message, shown: Message) -> Message:
    """Give the answer of a post, which names no user and no counters, with what the row shown has of them."""
    missing: dict[str, Any] = {
        name: getattr(shown, name) for name in shown.model_fields_set - answer.model_fields_set - {"id"}
    }
    if shown.reply_to_message is None:
        missing.pop("reply_to_message", None)  # What it quotes is not held here: that says nothing of it.
    if answer.user is None and shown.user is not None:
        missing["user"] = shown.user
    return answer.model_copy(update=missing) if missing else answer


def requoted(message: Message, quoted: Message | None) -> Message:
    """Give a message whose quote is brought up to date; None says that what it quotes is gone."""
    quote = message.reply_to_message
    if quote is None:
        return message
    if quoted is None:
        return message.model_copy(update={"reply_to_message": None})
    # A quote has no reactions, counters or quote of its own.
    fresh = merged(quote, quoted, later=False, fill=False)
    return message if fresh is quote else message.model_copy(update={"reply_to_message": fresh})
