"""REST over all of one's chats: searching, the archive, taking them out and bringing them in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final
from uuid import uuid4

from fastapi import Body
from pydantic_core import to_json
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import StreamingResponse

from antiphon.server.chats import rows as stored
from antiphon.server.chats import search as searching
from antiphon.server.chats.documents import MAX_TITLE, BadDocument, merge, newest_leaf
from antiphon.server.chats.shapes import entry, incoming_of, kept, whole
from antiphon.server.chats.titles import UNTITLED
from antiphon.server.errors import Problem
from antiphon.server.routing import Page, Router, Search
from antiphon.server.runs.registry import Runs
from antiphon.server.runs.rest import AllRuns
from antiphon.server.runs.run import envelope
from antiphon.server.security.principals import Principal, User
from antiphon.server.state import ServerState, State
from antiphon.server.storage.tables.chats import chats

router = Router(prefix="/api/v1/chats")

MOST_IMPORTED: Final = 1_000
"""Chats that one request brings in."""
MAX_TAGS: Final = 100
LONGEST_TAG: Final = 100
_LATEST: Final = 1 << 53


@router.get("/search")
async def search(
    user: User, state: State, runs: AllRuns, text: Search, page: Page = 1
) -> list[dict[str, Any]]:
    """Return chats in whose title, or in one of whose messages, all words of `text` stand: 60 a page."""
    looked_for = searching.wanted(text)
    async with state.database.read() as connection:
        found = await searching.search(connection, user.id, looked_for, page)
    return [entry(row, runs) | {"snippet": snippet} for row, snippet in found]


@router.get("/archived")
async def archived(user: User, state: State, runs: AllRuns, page: Page = 1) -> list[dict[str, Any]]:
    """Return the archived chats, newest first, 60 a page."""
    async with state.database.read() as connection:
        rows = await stored.chat_list(connection, user.id, page=page, archived=True)
    return [entry(row, runs) for row in rows]


@router.post("/archive/all")
async def archive_all(user: User, state: State) -> bool:
    """Archive every chat."""
    return await _archive_all(state, user, archived=True)


@router.post("/unarchive/all")
async def unarchive_all(user: User, state: State) -> bool:
    """Put every archived chat back into the list."""
    return await _archive_all(state, user, archived=False)


@router.get("/all")
async def everything(user: User, state: State, runs: AllRuns) -> StreamingResponse:
    """Return all chats with their documents, archived ones too: what an export is."""
    return await _exported(state, user, runs, archived=None)


@router.get("/all/archived")
async def everything_archived(user: User, state: State, runs: AllRuns) -> StreamingResponse:
    """Return all archived chats with their documents."""
    return await _exported(state, user, runs, archived=True)


@router.post("/import")
async def bring_in(user: User, state: State, runs: AllRuns, form: Annotated[Any, Body()]) -> Any:
    """Make chats of what an export holds, all or none: `{chats: [{chat, meta, pinned, …}]}`, that list alone,
    or one of its members, which answers with the one chat. Each gets a new id.
    """
    several = form.get("chats") if isinstance(form, dict) and "chats" in form else form
    forms = several if isinstance(several, list) else [several]
    if not forms:
        raise Problem(400, "There is no chat in this to bring in.")
    if len(forms) > MOST_IMPORTED:
        raise Problem(400, f"At most {MOST_IMPORTED:,} chats are taken at a time. Send them in parts.")
    made = []
    async with state.database.write() as connection:
        for number, one in enumerate(forms, 1):
            try:
                chat_id = await _add(connection, user, one)
            except Problem as problem:
                raise Problem(400, f"Chat {number}: {problem.detail}") from None
            made.append(await whole(connection, chat_id, user, runs))
    for chat in made:
        await _tell_list(state, user, chat["id"])
    return made if isinstance(several, list) else made[0]


async def _add(connection: AsyncConnection, user: Principal, form: Any) -> str:
    if not isinstance(form, dict):
        raise Problem(400, "A chat to bring in is an object with its document in chat.")
    incoming = incoming_of(form)
    for message in incoming.messages.values():
        # Nobody writes it any more, whatever went on where it comes from.
        if message is not None and message.get("done") is False:
            message["done"] = True
    try:
        rows = merge({}, incoming, lambda _id, _done: True).rows
    except BadDocument as error:
        raise Problem(400, str(error)) from None
    title = incoming.title or form.get("title")
    if not isinstance(title, str) or len(title) > MAX_TITLE:
        title = UNTITLED
    meta = form.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    now = stored.now()
    chat_id = str(uuid4())
    await stored.add_chat(
        connection,
        chat_id,
        user.id,
        title or UNTITLED,
        kept(incoming),
        current_id=newest_leaf(rows, incoming.current_id),
        meta={key: value for key, value in meta.items() if key != "tags"},
        pinned=form.get("pinned") is True,
        archived=form.get("archived") is True,
        created_at=_time(form.get("created_at"), now),
        updated_at=_time(form.get("updated_at"), now),
    )
    await stored.put_messages(connection, chat_id, rows.values(), ())
    tags = meta.get("tags")
    names = (
        [tag for tag in tags if isinstance(tag, str) and len(tag) <= LONGEST_TAG]
        if isinstance(tags, list)
        else []
    )
    if names:
        record = await stored.chat_of(connection, chat_id, user.id)
        assert record is not None  # noqa: S101 - stored above in this transaction; tells mypy so
        await stored.set_tags(connection, record, names[:MAX_TAGS])
    return chat_id


async def _exported(
    state: ServerState, user: Principal, runs: Runs, *, archived: bool | None
) -> StreamingResponse:
    async with state.database.read() as connection:
        ids = [row.id for row in await stored.chat_list(connection, user.id, archived=archived)]
    return StreamingResponse(_written(state, user, runs, ids), media_type="application/json")


async def _written(state: ServerState, user: Principal, runs: Runs, ids: list[str]) -> AsyncIterator[bytes]:
    """One chat at a time, so that neither memory nor a connection is held for as long as somebody reads."""
    lead = b"["
    for chat_id in ids:
        async with state.database.read() as connection:
            if await stored.chat_of(connection, chat_id, user.id) is None:
                continue  # deleted since the export began
            chat = await whole(connection, chat_id, user, runs)
        yield lead + to_json(chat)
        lead = b","
    yield b"[]" if lead == b"[" else b"]"


async def _archive_all(state: ServerState, user: Principal, *, archived: bool) -> bool:
    others = (chats.c.user_id == user.id, chats.c.archived.is_(not archived))
    async with state.database.write() as connection:
        ids = (await connection.execute(select(chats.c.id).where(*others))).scalars().all()
        await connection.execute(update(chats).where(*others).values(archived=archived))
    if ids:
        await _tell_list(state, user, ids[0])
    return True


async def _tell_list(state: ServerState, user: Principal, chat_id: str) -> None:
    if state.settings.dialect == "0.12":
        data = {"chat_id": chat_id, "folder_id": None}
        await state.live.emit("events", envelope(chat_id, None, "chat:list", data), f"user:{user.id}")


def _time(value: Any, now: int) -> int:
    """Unix seconds as given; some exports hold milliseconds or nothing."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _LATEST:
        return now
    return int(value if value < 1e11 else value / 1000)
