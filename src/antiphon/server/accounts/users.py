"""`/api/v1/users`: people for pickers, one's settings, everyone's permissions, roles."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json
from sqlalchemy import Row, func, select

from antiphon.server.accounts.auths import ROLES, refuse_weak
from antiphon.server.accounts.leaving import delete_account
from antiphon.server.accounts.people import (
    change_account,
    normal_email,
    normal_image,
    normal_name,
    now_in_ms,
    page_of_people,
)
from antiphon.server.errors import Problem
from antiphon.server.permissions import KEY
from antiphon.server.routing import Page, Router, Search
from antiphon.server.security.principals import Admin, User
from antiphon.server.state import ServerState, State
from antiphon.server.storage.tables.accounts import users
from antiphon.wire.accounts import UserActive, UserEntry, UserList, UserSettings
from antiphon.wire.base import WireModel

router = Router(prefix="/api/v1/users", tags=["users"])

_MAX_SETTINGS = 256 * 1024


class RoleForm(WireModel):
    """Body of POST /api/v1/users/update/role."""

    id: str
    role: str


class AccountForm(WireModel):
    """Body of POST /api/v1/users/{id}/update; what is missing stays."""

    role: str | None = None
    name: str | None = None
    email: str | None = None
    profile_image_url: str | None = None
    password: str | None = None


@router.get("/", response_model=UserList, response_model_exclude_unset=True)
async def everyone(state: State, _admin: Admin, query: Search = "", page: Page = 1) -> dict[str, Any]:
    """A page of 30 accounts for the administrator, pending ones too."""
    return await _people(state, query, page, pending=True)


@router.get("/all", response_model=UserList, response_model_exclude_unset=True)
async def everyone_at_once(state: State, _admin: Admin) -> dict[str, Any]:
    """All accounts for the administrator."""
    return await _people(state, "", None, pending=True)


@router.get("/search", response_model=UserList, response_model_exclude_unset=True)
async def search(state: State, _user: User, query: Search = "", page: Page = 1) -> dict[str, Any]:
    """A page of 30 people whose name or e-mail address holds the query, for pickers."""
    return await _people(state, query, page, pending=False)


@router.get("/user/settings", response_model=UserSettings | None, response_model_exclude_unset=True)
async def settings(state: State, user: User) -> dict[str, Any] | None:
    """One's own settings, or null."""
    async with state.database.read() as connection:
        found = await connection.execute(select(users.c.settings).where(users.c.id == user.id))
    stored: dict[str, Any] | None = found.scalar_one()
    return stored


@router.post("/user/settings/update", response_model=UserSettings, response_model_exclude_unset=True)
async def update_settings(form: UserSettings, state: State, user: User) -> dict[str, Any]:
    """Store one's settings: the keys of the body replace those that are stored."""
    async with state.database.write() as connection:
        found = await connection.execute(select(users.c.settings).where(users.c.id == user.id))
        merged = (found.scalar_one() or {}) | form.dump()
        if len(to_json(merged)) > _MAX_SETTINGS:
            raise Problem(413, f"The settings are too large: at most {_MAX_SETTINGS // 1024} KiB are kept.")
        await change_account(connection, user.id, settings=merged)
    return merged


@router.get("/default/permissions")
async def default_permissions(state: State, _admin: Admin) -> dict[str, Any]:
    """What everyone who is no administrator may do."""
    permissions: dict[str, Any] = state.config[KEY]
    return permissions


@router.post("/default/permissions")
async def update_default_permissions(
    permissions: dict[str, Any],
    state: State,
    _admin: Admin,
) -> dict[str, Any]:
    """Change what everyone may do; a missing switch stays as it is."""
    stored: dict[str, Any] = state.config[KEY]
    merged = dict(stored)
    for area, switches in permissions.items():
        if not isinstance(switches, dict):
            raise Problem(400, f"{area} must be an object of switches.")
        merged[area] = {**stored.get(area, {}), **switches}
    await state.config.set({KEY: merged})
    async with state.database.read() as connection:
        ids = [row.id for row in await connection.execute(select(users.c.id).where(users.c.role == "user"))]
    for user_id in ids:
        await state.live.refresh(user_id)
    return merged


@router.post("/update/role", response_model=UserEntry, response_model_exclude_unset=True)
async def update_role(form: RoleForm, state: State, admin: Admin) -> dict[str, Any]:
    """Give somebody another role."""
    return await update_account(form.id, AccountForm(role=form.role), state, admin)


@router.post("/{user_id}/update", response_model=UserEntry, response_model_exclude_unset=True)
async def update_account(
    user_id: str,
    form: AccountForm,
    state: State,
    _admin: Admin,
) -> dict[str, Any]:
    """Change somebody's account; their sockets follow at once."""
    values: dict[str, Any] = {}
    if form.role is not None:
        if form.role not in ROLES:
            raise Problem(400, "The role must be admin, user or pending.")
        values["role"] = form.role
    if form.name is not None:
        values["name"] = normal_name(form.name)
    if form.email is not None:
        values["email"] = normal_email(form.email)
    if form.profile_image_url is not None:
        values["profile_image_url"] = normal_image(form.profile_image_url)
    if form.password:
        refuse_weak(form.password)
        values |= {
            "password_hash": await state.passwords.hash(form.password),
            "tokens_from": now_in_ms(),
            "kept_token": None,
        }
    async with state.database.write() as connection:
        row = (await connection.execute(select(users).where(users.c.id == user_id))).first()
        if row is None:
            raise Problem.not_found()
        if row.role == "admin" and values.get("role", "admin") != "admin":
            counted = select(func.count()).select_from(users).where(users.c.role == "admin")
            if (await connection.execute(counted)).scalar_one() == 1:
                raise Problem(400, "This is the last administrator; make somebody else one first.")
        if values.get("email", row.email) != row.email:
            taken = await connection.execute(select(users.c.id).where(users.c.email == values["email"]))
            if taken.first() is not None:
                raise Problem(400, "This e-mail address is taken: there is an account with it already.")
        if values:
            await change_account(connection, user_id, **values)
        row = (await connection.execute(select(users).where(users.c.id == user_id))).one()
    state.principals.forget(user_id)
    await state.live.refresh(user_id)
    return entry(state, row)


@router.get("/{user_id}/active", response_model=UserActive, response_model_exclude_unset=True)
async def active(user_id: str, state: State, _user: User) -> dict[str, Any]:
    """Whether somebody is there."""
    async with state.database.read() as connection:
        found = await connection.execute(select(users.c.last_active_at).where(users.c.id == user_id))
    row = found.first()
    if row is None:
        raise Problem.not_found()
    return {"active": state.presence.is_active(user_id, row.last_active_at)}


@router.get("/{user_id}", response_model=UserEntry, response_model_exclude_unset=True)
async def one(user_id: str, state: State, _user: User) -> dict[str, Any]:
    """Somebody's card."""
    async with state.database.read() as connection:
        row = (await connection.execute(select(users).where(users.c.id == user_id))).first()
    if row is None:
        raise Problem.not_found()
    return entry(state, row)


@router.delete("/{user_id}", response_model=bool)
async def delete(user_id: str, state: State, _admin: Admin) -> bool:
    """Delete an account for good: its chats go, what it wrote in channels stays."""
    await delete_account(state, user_id)
    return True


def entry(state: ServerState, row: Row[Any]) -> dict[str, Any]:
    """A person as a list shows them."""
    return {
        "id": row.id,
        "email": row.email,
        "name": row.name,
        "role": row.role,
        "profile_image_url": row.profile_image_url,
        "presence_state": None,
        "status_emoji": None,
        "status_message": None,
        "status_expires_at": None,
        "is_active": state.presence.is_active(row.id, row.last_active_at),
    }


async def _people(state: ServerState, query: str, page: int | None, *, pending: bool) -> dict[str, Any]:
    rows, total = await page_of_people(state.database, query=query, page=page, pending=pending)
    return {"users": [entry(state, row) for row in rows], "total": total}
