"""Fetching what was said in one channel since a moment, its threads included. Live events do the rest.

The server pages by count, newest first, and counts shift while messages come and go (W-18): each page
overlaps the one before it, and a walk whose pages do not touch begins again.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from antiphon.client.rest.channels import PAGE, Channels
from antiphon.wire import Message

log = logging.getLogger(__name__)

OVERLAP = 2
"""Rows by which a page overlaps the one before it."""
MOST_PAGES = 40
"""Pages that one walk fetches; what lies further back is given up, and that is said."""
WALKS = 4
"""Times that a walk begins again because its pages did not touch."""

FetchPage = Callable[[int, int], Awaitable[list[Message]]]


@dataclass(slots=True)
class Found:
    """What a walk brought: messages in no order, and whether it reached the moment it was to go back to."""

    messages: dict[str, Message] = field(default_factory=dict)
    complete: bool = True


async def newest(channels: Channels, channel_id: str, count: int) -> list[Message]:
    """Fetch the newest messages of a channel, at least one page of them, newest first."""
    found = await _walk(
        lambda skip, limit: channels.messages(channel_id, skip, limit), lambda _, held: held >= count
    )
    return sorted(found.messages.values(), key=lambda message: message.created_at, reverse=True)


async def since(channels: Channels, channel_id: str, moment: int, roots: Iterable[str]) -> Found:
    """Fetch what was said after a moment (ns): in the channel, and in those of its threads that the fetched
    pages show to have gone on or that `roots` names.

    A reply under a message that is older than the pages and not among `roots` is not found.
    """
    rows = await _walk(
        lambda skip, limit: channels.messages(channel_id, skip, limit),
        lambda page, _: page[-1].created_at <= moment,
    )
    found = Found(
        {id_: one for id_, one in rows.messages.items() if one.created_at > moment}, complete=rows.complete
    )
    went_on = [one.id for one in rows.messages.values() if (one.latest_reply_at or 0) > moment]
    elsewhere = [id_ for id_ in roots if id_ not in rows.messages]
    for root in (*went_on, *elsewhere):
        thread = await _walk(
            _thread(channels, channel_id, root), lambda page, _: page[-1].created_at <= moment
        )
        replies = (one for one in thread.messages.values() if one.parent_id == root)  # not the root itself
        found.messages |= {one.id: one for one in replies if one.created_at > moment}
        found.complete = found.complete and thread.complete
    return found


async def before(channels: Channels, message: Message, count: int) -> list[Message]:
    """Fetch the messages that stand before one in its place, oldest first, at most `count`."""
    place, parent, moment = message.channel_id, message.parent_id, message.created_at
    older: set[str] = set()

    def enough(page: list[Message], _: int) -> bool:
        older.update(one.id for one in page if one.created_at < moment)
        return len(older) >= count

    if parent is None:
        found = await _walk(lambda skip, limit: channels.messages(place, skip, limit), enough)
    else:
        found = await _walk(_thread(channels, place, parent), enough)
    kept = [one for one in found.messages.values() if one.created_at < moment and one.id != parent]
    return sorted(kept, key=lambda one: one.created_at)[-count:] if count else []


def _thread(channels: Channels, channel_id: str, root: str) -> FetchPage:
    return lambda skip, limit: channels.thread(channel_id, root, skip, limit)


async def _walk(fetch: FetchPage, enough: Callable[[list[Message], int], bool]) -> Found:
    """Go back page by page until `enough(page, messages held)`."""
    for _ in range(WALKS):
        found = Found()
        for _ in range(MOST_PAGES):
            skip = max(len(found.messages) - OVERLAP, 0)
            page = sorted(await fetch(skip, PAGE), key=lambda one: one.created_at, reverse=True)
            if found.messages and page and not any(one.id in found.messages for one in page):
                break  # Messages went away meanwhile, and the pages no longer touch.
            found.messages |= {one.id: one for one in page}
            if len(page) < PAGE or enough(page, len(found.messages)):
                return found
        else:
            found.complete = False
            return found
    log.warning("a channel's pages did not touch in %d walks; something may be missing", WALKS)
    found.complete = False
    return found
