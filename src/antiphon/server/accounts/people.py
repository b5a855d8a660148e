"""Reading and writing accounts."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

from sqlalchemy import Row, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from antiphon.server.errors import Problem
from antiphon.server.security.principals import Principal
from antiphon.server.storage.database import Database
from antiphon.server.storage.tables.accounts import users

PAGE = 30
TAKEN = "This e-mail address is taken: there is an account with it already. Sign in instead."
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_MAX_NAME = 100
_MAX_IMAGE = 256 * 1024


def normal_email(text: str) -> str:
    """An e-mail address as it is stored and compared; refuses what is none."""
    email = text.strip().lower()
    if not _EMAIL.fullmatch(email) or len(email) > 320:
        raise Problem(400, "This is not an e-mail address. It should look like name@example.com.")
    return email


def normal_name(text: str) -> str:
    """A person's name as it is stored; refuses an empty or endless one."""
    name = " ".join(text.split())
    if not name:
        raise Problem(400, "Please give a name.")
    if len(name) > _MAX_NAME:
        raise Problem(400, f"The name is too long: it may have at most {_MAX_NAME} characters.")
    return name


def normal_image(url: str | None) -> str:
    """The address of a person's picture (or the picture itself, as a data address) as it is stored."""
    if url is not None and len(url) > _MAX_IMAGE:
        raise Problem(413, f"The picture is too large: at most {_MAX_IMAGE // 1024} KiB are kept.")
    return url or "/user.png"


def now_in_ms() -> int:
    """Unix time in milliseconds, from which tokens count."""
    return int(time.time() * 1000)


async def count_accounts(database: Database) -> int:
    """How many accounts there are."""
    async with database.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(users))).scalar_one())


async def find_by_email(database: Database, email: str) -> Row[Any] | None:
    """The account with this (normal) e-mail address."""
    async with database.read() as connection:
        return (await connection.execute(select(users).where(users.c.email == email))).first()


async def add_account(
    connection: AsyncConnection, *, email: str, name: str, role: str, password_hash: str, image: str | None
) -> Principal:
    """Store a new account; refuses an e-mail address that is taken."""
    taken = await connection.execute(select(users.c.id).where(users.c.email == email))
    if taken.first() is not None:
        raise Problem(400, TAKEN)
    now = int(time.time())
    person = Principal(str(uuid.uuid4()), name, role, email, normal_image(image), now)
    await connection.execute(
        insert(users).values(
            id=person.id,
            email=email,
            name=name,
            role=role,
            password_hash=password_hash,
            profile_image_url=person.profile_image_url,
            last_active_at=now,
            created_at=now,
            updated_at=now,
        )
    )
    return person


async def change_account(connection: AsyncConnection, user_id: str, **values: Any) -> None:
    """Change fields of an account."""
    now = int(time.time())
    await connection.execute(update(users).where(users.c.id == user_id).values(updated_at=now, **values))


async def set_password(database: Database, email: str, password_hash: str) -> bool:
    """Give the account with this address a new password and end its sessions; False if there is none."""
    async with database.write() as connection:
        changed = await connection.execute(
            update(users)
            .where(users.c.email == normal_email(email))
            .values(password_hash=password_hash, tokens_from=now_in_ms(), kept_token=None)
        )
    return bool(changed.rowcount)


async def page_of_people(
    database: Database, *, query: str = "", page: int | None = 1, pending: bool = False
) -> tuple[list[Row[Any]], int]:
    """A page of people by name, and how many there are; `page` None gives all."""
    condition: list[ColumnElement[bool]] = [] if pending else [users.c.role.in_(("admin", "user"))]
    if query.strip():
        escaped = re.sub(r"([\\%_])", r"\\\1", query.strip().lower())
        like = f"%{escaped}%"
        condition.append(
            or_(func.lower(users.c.name).like(like, escape="\\"), users.c.email.like(like, escape="\\"))
        )
    chosen = select(users).where(*condition).order_by(func.lower(users.c.name), users.c.id)
    if page is not None:
        chosen = chosen.limit(PAGE).offset((max(page, 1) - 1) * PAGE)
    async with database.read() as connection:
        rows = (await connection.execute(chosen)).all()
        counted = select(func.count()).select_from(users).where(*condition)
        total = (await connection.execute(counted)).scalar_one()
    return list(rows), int(total)
