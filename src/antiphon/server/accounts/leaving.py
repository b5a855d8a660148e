"""Deleting an account: what goes with it, and what stays."""

from __future__ import annotations

import asyncio

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.server.errors import Problem
from antiphon.server.state import ServerState
from antiphon.server.storage.tables.accounts import users
from antiphon.server.storage.tables.channels import access_grants, channel_members, channels
from antiphon.server.storage.tables.chats import chat_messages, chat_tags, chats, runs
from antiphon.server.storage.tables.files import file_shares, files


async def delete_account(state: ServerState, user_id: str) -> None:
    """Delete an account for good; 404 without one, 400 for the last administrator.

    With it go its chats, its API key, its memberships and grants, and the files that it shared with nobody.
    What it wrote and shared in channels stays, without a name; so do channels that it made, which
    administrators can then change. Its answers that are being written end, and its sockets are closed.
    """
    await state.runs.stop(state.runs.open_runs(user_id=user_id))
    async with state.database.write() as connection:
        await _refuse_the_last_administrator(connection, user_id)
        unshared = await _delete_all_of(connection, user_id)
        await connection.execute(delete(users).where(users.c.id == user_id))
    state.principals.forget(user_id)
    state.principals.keys.forget_all()
    state.channels.forget_all()
    await state.live.refresh(user_id)
    # Something may have been asked while the lock was waited for; nobody is left to read the answer.
    await state.runs.stop(state.runs.open_runs(user_id=user_id))
    for file_id in unshared:
        await asyncio.to_thread(state.files.remove, file_id)


async def _refuse_the_last_administrator(connection: AsyncConnection, user_id: str) -> None:
    role = (await connection.execute(select(users.c.role).where(users.c.id == user_id))).scalar()
    if role is None:
        raise Problem.not_found()
    counted = select(func.count()).select_from(users).where(users.c.role == "admin")
    if role == "admin" and (await connection.execute(counted)).scalar_one() == 1:
        raise Problem(400, "This is the last administrator; make somebody else one first.")


async def _delete_all_of(connection: AsyncConnection, user_id: str) -> list[str]:
    """Delete what belongs to a person alone; gives the ids of the files whose bytes can go."""
    own_chats = select(chats.c.id).where(chats.c.user_id == user_id)
    for table in (runs, chat_tags, chat_messages):
        await connection.execute(delete(table).where(table.c.chat_id.in_(own_chats)))
    await connection.execute(delete(chats).where(chats.c.user_id == user_id))
    # A direct conversation stays one of those who were in it: with one member fewer it would be another's.
    direct = select(channels.c.id).where(channels.c.type == "dm")
    await connection.execute(
        delete(channel_members).where(
            channel_members.c.user_id == user_id, channel_members.c.channel_id.not_in(direct)
        )
    )
    await connection.execute(
        delete(access_grants).where(
            access_grants.c.principal_type == "user", access_grants.c.principal_id == user_id
        )
    )
    shared = select(file_shares.c.file_id)
    found = await connection.execute(
        select(files.c.id).where(files.c.user_id == user_id, files.c.id.not_in(shared))
    )
    unshared = list(found.scalars())
    await connection.execute(delete(files).where(files.c.user_id == user_id, files.c.id.not_in(shared)))
    return unshared
