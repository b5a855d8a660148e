"""`/api/v1/auths`: signing up, in and out, the session user, and the administrator's switches."""

from __future__ import annotations

import re
from email.utils import formatdate
from typing import Any

from fastapi import Request, Response
from sqlalchemy import func, select

from antiphon.server.accounts.people import (
    add_account,
    change_account,
    find_by_email,
    normal_email,
    normal_image,
    normal_name,
    now_in_ms,
)
from antiphon.server.channels.first import add_general
from antiphon.server.errors import Problem
from antiphon.server.permissions import permissions_of
from antiphon.server.routing import Router
from antiphon.server.security.passwords import weakness_of
from antiphon.server.security.principals import Admin, Principal, SignedIn, token_of
from antiphon.server.security.tokens import Token
from antiphon.server.state import ServerState, State
from antiphon.server.storage.tables.accounts import users
from antiphon.wire.accounts import AdminConfig, PasswordForm, SessionUser, SignedOut, SignInForm, SignUpForm

router = Router(prefix="/api/v1/auths", tags=["auths"])

WRONG = "The email or password provided is incorrect. Please check for typos and try logging in again."
ROLES = ("admin", "user", "pending")

# What the original's form holds beside the switches that do something here; kept as they are set.
_ADMIN_CONFIG: dict[str, Any] = {
    "SHOW_ADMIN_DETAILS": True,
    "ADMIN_EMAIL": None,
    "WEBUI_URL": "",
    "ENABLE_SIGNUP": True,
    "ENABLE_API_KEYS": False,
    "DEFAULT_USER_ROLE": "user",
    "DEFAULT_GROUP_ID": "",
    "JWT_EXPIRES_IN": "4w",
    "ENABLE_COMMUNITY_SHARING": False,
    "ENABLE_MESSAGE_RATING": False,
    "ENABLE_FOLDERS": False,
    "ENABLE_CHANNELS": True,
    "ENABLE_NOTES": False,
    "ENABLE_USER_WEBHOOKS": False,
}


@router.post("/signup", response_model=SessionUser, response_model_exclude_unset=True)
async def sign_up(form: SignUpForm, response: Response, state: State) -> dict[str, Any]:
    """Make an account and sign in. The first account is the administrator, and finds a channel `general`."""
    email, name = normal_email(form.email), normal_name(form.name)
    normal_image(form.profile_image_url)
    refuse_weak(form.password)
    password_hash = await state.passwords.hash(form.password)
    async with state.database.write() as connection:
        first = (await connection.execute(select(func.count()).select_from(users))).scalar_one() == 0
        if not first and not state.config["ENABLE_SIGNUP"]:
            raise Problem(403, "Sign-up is closed here. Please ask an administrator for an account.")
        role = "admin" if first else state.config["DEFAULT_USER_ROLE"]
        person = await add_account(
            connection,
            email=email,
            name=name,
            role=role,
            password_hash=password_hash,
            image=form.profile_image_url,
        )
        if first:
            await add_general(connection, person.id, state.database.clock)
    return signed_in(state, person, state.principals.tokens.issue(person.id), response)


@router.post("/signin", response_model=SessionUser, response_model_exclude_unset=True)
async def sign_in(form: SignInForm, request: Request, response: Response, state: State) -> dict[str, Any]:
    """Sign in. Takes as long and says the same whether the address is unknown or the password wrong."""
    email, place = form.email.strip().lower()[:320], request.client.host if request.client else ""
    state.attempts.refuse_too_many(email, place)
    row = await find_by_email(state.database, email)
    right = len(form.password) <= 512 and await state.passwords.matches(
        None if row is None else row.password_hash, form.password
    )
    person = await state.principals.of_id(row.id) if row is not None and right else None
    if person is None:
        state.attempts.wrong(email, place)
        raise Problem(400, WRONG)
    state.attempts.right(email, place)
    return signed_in(state, person, state.principals.tokens.issue(person.id), response)


@router.get("/", response_model=SessionUser, response_model_exclude_unset=True)
async def session_user(
    response: Response,
    found: SignedIn,
    state: State,
) -> dict[str, Any]:
    """Whoever the token belongs to."""
    more = {"status_emoji": None, "status_message": None, "status_expires_at": None}
    last = {"bio": None, "gender": None, "date_of_birth": None}
    return more | signed_in(state, *found, response) | last


@router.get("/signout", response_model=SignedOut, response_model_exclude_unset=True, include_in_schema=False)
@router.post("/signout", response_model=SignedOut, response_model_exclude_unset=True)
async def sign_out(request: Request, response: Response, state: State) -> dict[str, Any]:
    """Take the token back, and close the sockets that came with it. Whoever is out already is told so
    alike.
    """
    found = await state.principals.of_token(token_of(request))
    if found is not None:
        _person, token = found
        if not token.is_key:
            await state.principals.revoke(token)
            await state.live.close_token(token.jti)
    response.delete_cookie("token")
    return {"status": True}


@router.post("/update/password", response_model=bool)
async def update_password(
    form: PasswordForm,
    found: SignedIn,
    state: State,
) -> bool:
    """Change one's password; every other session of this person ends."""
    person, token = found
    row = await find_by_email(state.database, person.email)
    state.attempts.refuse_too_many(person.email, token.jti)
    if row is None or not await state.passwords.matches(row.password_hash, form.password):
        state.attempts.wrong(person.email, token.jti)
        raise Problem(400, "The present password is not right.")
    refuse_weak(form.new_password)
    password_hash = await state.passwords.hash(form.new_password)
    async with state.database.write() as connection:
        await change_account(
            connection,
            person.id,
            password_hash=password_hash,
            tokens_from=now_in_ms(),
            kept_token=token.jti,
        )
    state.principals.forget(person.id)
    await state.live.refresh(person.id)
    return True


@router.post("/add", response_model=SessionUser, response_model_exclude_unset=True)
async def add(form: SignUpForm, state: State, _admin: Admin) -> dict[str, Any]:
    """Make an account for somebody else; the body may name a `role`. Answers with a token for them."""
    role = (form.model_extra or {}).get("role") or "user"
    if role not in ROLES:
        raise Problem(400, "The role must be admin, user or pending.")
    refuse_weak(form.password)
    password_hash = await state.passwords.hash(form.password)
    async with state.database.write() as connection:
        person = await add_account(
            connection,
            email=normal_email(form.email),
            name=normal_name(form.name),
            role=role,
            password_hash=password_hash,
            image=form.profile_image_url,
        )
    token = state.principals.tokens.issue(person.id)
    return _session(state, person, token)


@router.get("/admin/config", response_model=AdminConfig, response_model_exclude_unset=True)
async def admin_config(state: State, _admin: Admin) -> dict[str, Any]:
    """The administrator's switches."""
    return {key: state.config.get(key, default) for key, default in _ADMIN_CONFIG.items()}


@router.post("/admin/config", response_model=AdminConfig, response_model_exclude_unset=True)
async def update_admin_config(form: AdminConfig, state: State, _admin: Admin) -> dict[str, Any]:
    """Change the administrator's switches; a missing key stays as it is."""
    given = {key: value for key, value in form.dump().items() if key in _ADMIN_CONFIG}
    role = given.get("DEFAULT_USER_ROLE", "user")
    if role not in ROLES:
        raise Problem(400, "DEFAULT_USER_ROLE must be admin, user or pending.")
    lifetime = given.get("JWT_EXPIRES_IN")
    if lifetime is not None and not re.fullmatch(r"-1|0|\d+[smhdw]", lifetime):
        raise Problem(400, "JWT_EXPIRES_IN must be a time like 12h, 7d or 4w, or -1 for no end.")
    for key in ("ENABLE_SIGNUP", "ENABLE_CHANNELS", "ENABLE_API_KEYS"):
        if key in given and given[key] is None:
            raise Problem(400, f"{key} must be true or false.")
    await state.config.set(given)
    if "ENABLE_API_KEYS" in given:
        for person in state.live.principals():
            await state.live.refresh(person.id)
    return await admin_config(state, _admin)


def refuse_weak(password: str) -> None:
    """400 with what is wrong, if a new password will not do."""
    weakness = weakness_of(password)
    if weakness is not None:
        raise Problem(400, weakness)


def signed_in(state: ServerState, person: Principal, token: Token, response: Response) -> dict[str, Any]:
    """The session user, with the token as a cookie for browsers; an API key is never made a cookie."""
    if token.is_key:
        return _session(state, person, token)
    response.set_cookie(
        "token",
        token.text,
        expires=None if token.expires_at is None else formatdate(token.expires_at, usegmt=True),
        httponly=True,
        samesite="lax",
    )
    return _session(state, person, token)


def _session(state: ServerState, person: Principal, token: Token) -> dict[str, Any]:
    return {
        "id": person.id,
        "name": person.name,
        "role": person.role,
        "email": person.email,
        "profile_image_url": person.profile_image_url,
        "token": token.text,
        "token_type": "Bearer",
        "expires_at": token.expires_at,
        "permissions": permissions_of(state.config, person),
    }
