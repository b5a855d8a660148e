"""REST: a person's chats, under the paths and in the shapes of the original. Times are Unix seconds."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Body, Depends

from antiphon.server.chats import rows as stored
from antiphon.server.chats.documents import (
    BadDocument,
    Incoming,
    MessageRow,
    merge,
    newest_leaf,
)
from antiphon.server.chats.shapes import entry, incoming_of, kept, record_of, whole
from antiphon.server.chats.titles import UNTITLED
from antiphon.server.errors import Problem
from antiphon.server.routing import Page, Router
from antiphon.server.runs import states
from antiphon.server.runs.registry import Runs
from antiphon.server.runs.rest import runs_of
from antiphon.server.runs.run import envelope
from antiphon.server.security.principals import Principal, User
from antiphon.server.state import ServerState, State
from antiphon.wire.chats import ChatMessageEdit

router = Router(prefix="/api/v1/chats")

AllRuns = Annotated[Runs, Depends(runs_of)]
Form = Annotated[dict[str, Any], Body()]
MAX_TAGS = 100


@router.get("/")
@router.get("/list", include_in_schema=False)
async def chat_list(
    user: User,
    state: State,
    runs: AllRuns,
    page: Page | None = None,
    include_pinned: bool = False,
) -> list[dict[str, Any]]:
    """Return chats, newest first, without the pinned: 60 a page (an empty one is the end), else all."""
    async with state.database.read() as connection:
        rows = await stored.chat_list(
            connection, user.id, page=page, pinned=None if include_pinned else False
        )
    return [entry(row, runs) for row in rows]


@router.get("/pinned")
async def pinned(user: User, state: State, runs: AllRuns) -> list[dict[str, Any]]:
    """Return the pinned chats."""
    async with state.database.read() as connection:
        rows = await stored.chat_list(connection, user.id, pinned=True)
    return [entry(row, runs) for row in rows]


@router.get("/all/tags")
async def all_tags(user: User, state: State) -> list[dict[str, Any]]:
    """Return the tags of all chats, each once."""
    async with state.database.read() as connection:
        return [_tag(row) for row in await stored.tags_of_user(connection, user.id)]


@router.post("/tags")
async def chats_of_tag(user: User, state: State, runs: AllRuns, form: Form) -> list[dict[str, Any]]:
    """Return the chats that have the tag `name`."""
    name = form.get("name")
    if not isinstance(name, str):
        raise Problem(422, "name takes the name of a tag.")
    async with state.database.read() as connection:
        ids = await stored.chats_with_tag(connection, user.id, stored.tag_id(name))
        rows = await stored.chat_list(connection, user.id)
    return [entry(row, runs) for row in rows if row.id in ids]


@router.post("/new")
async def new_chat(user: User, state: State, runs: AllRuns, form: Form) -> dict[str, Any]:
    """Make a chat from `{chat: document}`."""
    incoming = incoming_of(form)
    folder_id = form.get("folder_id")
    chat_id = str(uuid4())
    async with state.database.write() as connection:
        merged = _merged({}, incoming, {})
        await stored.add_chat(
            connection,
            chat_id,
            user.id,
            incoming.title or UNTITLED,
            kept(incoming),
            current_id=newest_leaf(merged, incoming.current_id),
            folder_id=folder_id if isinstance(folder_id, str) else None,
        )
        await stored.put_messages(connection, chat_id, merged.values(), ())
        answer = await whole(connection, chat_id, user, runs)
    await _tell_list(state, user, chat_id)
    return answer


@router.get("/{chat_id}")
async def chat(chat_id: str, user: User, state: State, runs: AllRuns) -> dict[str, Any]:
    """Return a chat, an answer that is being written with its text so far."""
    # Told first and read then: what is stored can only be newer than what was told.
    now = await runs.snapshots(chat_id)
    async with state.database.read() as connection:
        return await whole(connection, chat_id, user, runs, now)


@router.post("/{chat_id}")
async def update_chat(chat_id: str, user: User, state: State, runs: AllRuns, form: Form) -> dict[str, Any]:
    """Merge `{chat: document or part of it}` into the chat by the rules in `documents`."""
    incoming = incoming_of(form)
    async with state.database.write() as connection:
        record = await record_of(connection, chat_id, user)
        rows = await stored.rows_of(connection, chat_id)
        owners = {run.turn.message_id: run.state for run in runs.open_runs(chat_id=chat_id)}
        merged = _merged(rows, incoming, owners)
        changed = [row for row in merged.values() if rows.get(row.id) != row]
        await stored.put_messages(connection, chat_id, changed, rows)
        await stored.remove_messages(connection, chat_id, set(rows) - set(merged))
        wanted = incoming.current_id or record.current_id
        await stored.change_chat(
            connection,
            chat_id,
            title=record.title if incoming.title is None else incoming.title or UNTITLED,
            document={**record.document, **kept(incoming)},
            current_id=newest_leaf(merged, wanted),
        )
        answer = await whole(connection, chat_id, user, runs)
    if answer["title"] != record.title:
        await _tell(state, user, chat_id, "chat:title", answer["title"])
    await _tell_list(state, user, chat_id)
    return answer


@router.delete("/{chat_id}")
async def delete_chat(chat_id: str, user: User, state: State, runs: AllRuns) -> bool:
    """Take a chat away; an answer that is being written is stopped."""
    async with state.database.read() as connection:
        await record_of(connection, chat_id, user)
    await runs.stop(runs.open_runs(chat_id=chat_id))
    async with state.database.write() as connection:
        await stored.delete_chat(connection, chat_id)
    # A question may have been stored while the lock was waited for; nobody could read its answer.
    await runs.stop(runs.open_runs(chat_id=chat_id))
    await _tell_list(state, user, chat_id)
    return True


@router.post("/{chat_id}/messages/{message_id}")
async def edit_message(
    chat_id: str, message_id: str, form: ChatMessageEdit, user: User, state: State, runs: AllRuns
) -> dict[str, Any]:
    """Give one message another text and tell it to the person's windows (`chat:message`)."""
    if any(run.turn.message_id == message_id for run in runs.open_runs(chat_id=chat_id)):
        raise Problem(409, "This answer is still being written. Stop it, or wait for its end.")
    edit = Incoming(None, None, {}, {message_id: {"content": form.content, "done": True}})
    async with state.database.write() as connection:
        await record_of(connection, chat_id, user)
        rows = await stored.rows_of(connection, chat_id)
        if message_id not in rows:
            raise Problem.not_found()
        edited = _merged(rows, edit, {})[message_id]
        # The text is what counts from now on: a page would show the old output items instead.
        body = {key: value for key, value in rows[message_id].body.items() if key != "output"}
        edited = replace(edited, body=body)
        await stored.put_messages(connection, chat_id, [edited], rows)
        await stored.change_chat(connection, chat_id)
        answer = await whole(connection, chat_id, user, runs)
    payload = envelope(chat_id, message_id, "chat:message", {"content": form.content})
    await state.live.emit("events", payload, f"user:{user.id}")
    return answer


@router.delete("/{chat_id}/messages/{message_id}")
async def delete_message(
    chat_id: str, message_id: str, user: User, state: State, runs: AllRuns
) -> dict[str, Any]:
    """Take one message away; what follows it then follows the message before it."""
    await runs.stop([run for run in runs.open_runs(chat_id=chat_id) if run.turn.message_id == message_id])
    gone = Incoming(None, None, {}, {message_id: None})
    async with state.database.write() as connection:
        record = await record_of(connection, chat_id, user)
        rows = await stored.rows_of(connection, chat_id)
        if message_id not in rows:
            raise Problem.not_found()
        merged = _merged(rows, gone, {})
        changed = [row for row in merged.values() if rows.get(row.id) != row]
        await stored.put_messages(connection, chat_id, changed, rows)
        await stored.remove_messages(connection, chat_id, [message_id])
        wanted = record.current_id if record.current_id != message_id else rows[message_id].parent_id
        await stored.change_chat(connection, chat_id, current_id=newest_leaf(merged, wanted))
        answer = await whole(connection, chat_id, user, runs)
    await _tell_list(state, user, chat_id)
    return answer


@router.get("/{chat_id}/pinned")
async def is_pinned(chat_id: str, user: User, state: State) -> bool:
    """Return whether a chat is pinned."""
    async with state.database.read() as connection:
        return bool((await record_of(connection, chat_id, user)).pinned)


@router.post("/{chat_id}/pin")
async def pin(chat_id: str, user: User, state: State, runs: AllRuns) -> dict[str, Any]:
    """Pin a chat, or let a pinned one go."""
    return await _toggle(chat_id, "pinned", user, state, runs)


@router.post("/{chat_id}/archive")
async def archive(chat_id: str, user: User, state: State, runs: AllRuns) -> dict[str, Any]:
    """Put a chat out of the list, or back into it."""
    return await _toggle(chat_id, "archived", user, state, runs)


@router.get("/{chat_id}/tags")
async def tags(chat_id: str, user: User, state: State) -> list[dict[str, Any]]:
    """Return the tags of a chat."""
    async with state.database.read() as connection:
        await record_of(connection, chat_id, user)
        return [_tag(row) for row in await stored.tags_of(connection, chat_id)]


@router.post("/{chat_id}/tags")
async def add_tag(chat_id: str, user: User, state: State, form: Form) -> list[dict[str, Any]]:
    """Give a chat the tag `name`."""
    name = _tag_name(form)
    return await _change_tags(chat_id, user, state, lambda names: [*names, name])


@router.delete("/{chat_id}/tags")
async def remove_tag(chat_id: str, user: User, state: State, form: Form) -> list[dict[str, Any]]:
    """Take the tag `name` from a chat."""
    gone = stored.tag_id(_tag_name(form))
    return await _change_tags(
        chat_id, user, state, lambda names: [n for n in names if stored.tag_id(n) != gone]
    )


async def _change_tags(
    chat_id: str, user: Principal, state: ServerState, change: Any
) -> list[dict[str, Any]]:
    async with state.database.write() as connection:
        record = await record_of(connection, chat_id, user)
        names = [row.name for row in await stored.tags_of(connection, chat_id)]
        wanted = change(names)
        if len(wanted) > MAX_TAGS:
            raise Problem(400, f"A chat has at most {MAX_TAGS} tags.")
        await stored.set_tags(connection, record, wanted)
        answer = [_tag(row) for row in await stored.tags_of(connection, chat_id)]
    await _tell(state, user, chat_id, "chat:tags", [tag["name"] for tag in answer])
    return answer


async def _toggle(
    chat_id: str, column: str, user: Principal, state: ServerState, runs: Runs
) -> dict[str, Any]:
    async with state.database.write() as connection:
        record = await record_of(connection, chat_id, user)
        now = not getattr(record, column)
        await stored.change_chat(connection, chat_id, updated_at=record.updated_at, **{column: now})
        answer = await whole(connection, chat_id, user, runs)
    await _tell_list(state, user, chat_id)
    return answer


def _merged(rows: dict[str, MessageRow], incoming: Incoming, owners: dict[str, str]) -> dict[str, MessageRow]:
    def takes(message_id: str, done: bool) -> bool:
        meta = rows[message_id].body.get("meta")
        state = meta.get("state") if isinstance(meta, dict) else None
        return message_id not in owners and (state not in states.ENDS or done)

    try:
        return merge(rows, incoming, takes).rows
    except BadDocument as error:
        raise Problem(400, str(error)) from None


def _tag(row: stored.ChatRecord) -> dict[str, Any]:
    return {"id": row.id, "name": row.name, "user_id": row.user_id, "meta": None}


def _tag_name(form: dict[str, Any]) -> str:
    name = form.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) > 100:
        raise Problem(422, "name takes the name of a tag, of 1 to 100 characters.")
    return name


async def _tell(state: ServerState, user: Principal, chat_id: str, kind: str, data: Any) -> None:
    await state.live.emit("events", envelope(chat_id, None, kind, data), f"user:{user.id}")


async def _tell_list(state: ServerState, user: Principal, chat_id: str) -> None:
    if state.settings.dialect == "0.12":
        await _tell(state, user, chat_id, "chat:list", {"chat_id": chat_id, "folder_id": None})
