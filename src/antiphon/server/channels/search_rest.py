"""`GET /api/v1/channels/search`: messages by their words."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import Field
from starlette.responses import Response

from antiphon.server.channels import messages as read
from antiphon.server.channels import search as words
from antiphon.server.channels.answers import answer, whole_lists
from antiphon.server.channels.gate import readable, require_channels
from antiphon.server.errors import Problem
from antiphon.server.routing import Router, Search
from antiphon.server.security.principals import User
from antiphon.server.state import State
from antiphon.wire.channels import Message

router = Router(prefix="/api/v1/channels/search", tags=["messages"])

Limit = Annotated[int, Query(ge=1, le=100)]


class FoundMessage(Message):
    """A message that was looked for: `snippet` is a piece of its text in one line, `highlights` where in it
    the words stand, `[from, to)` in code points.
    """

    snippet: str
    highlights: list[tuple[int, int]] = Field(default_factory=list)


@router.get("", response_model=list[FoundMessage])
async def search(
    state: State,
    user: User,
    query: Search,
    channel_id: str | None = None,
    before: str | None = None,
    limit: Limit = 20,
) -> Response:
    """Messages that hold all words of `query`, newest first, in threads too, of all channels that one may
    read or of one. `before`: those older than this message.
    """
    require_channels(state, user)
    if channel_id is not None:
        await readable(state, channel_id, user)
    terms = words.terms_in(query)
    async with state.database.read() as connection:
        start = None if before is None else await words.place(connection, user, before)
        if before is not None and start is None:
            raise Problem(404, "The message to read on from is not in a channel of yours.")
        rows = await words.search(connection, user, terms, channel_id=channel_id, before=start, limit=limit)
        found = await read.full(connection, rows, whole=whole_lists(state), quotes_whole=whole_lists(state))
    for message in found:
        message["snippet"], message["highlights"] = words.snippet(message["content"], terms)
    return answer(found)
