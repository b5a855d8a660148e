"""The person behind a request or a socket, read once and kept until something about them changes."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import delete, select

from antiphon.server.errors import Problem
from antiphon.server.security.api_keys import PREFIX, ApiKeys
from antiphon.server.security.tokens import Token, Tokens
from antiphon.server.storage.database import Database
from antiphon.server.storage.tables.accounts import revoked_tokens, users

# Another process (`antiphon user password`) may change an account; what is kept is read again after this.
_FRESH_SECONDS = 15.0
_KEPT = 4_096


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in person; `role` is admin, user or pending."""

    id: str
    name: str
    role: str
    email: str
    profile_image_url: str
    created_at: int

    @property
    def is_admin(self) -> bool:
        """Whether this is an administrator."""
        return self.role == "admin"

    @property
    def is_verified(self) -> bool:
        """Whether this account may use anything (a pending one waits for an administrator)."""
        return self.role in {"admin", "user"}

    def as_author(self) -> dict[str, Any]:
        """`{id, name, role}`, as the wire names whoever did something."""
        return {"id": self.id, "name": self.name, "role": self.role}


@dataclass(slots=True)
class _Kept:
    principal: Principal
    tokens_from: int
    kept_token: str | None
    read_at: float


class Principals:
    """Finds the person of a token. Kept in memory: the newest few thousand people, and every token taken
    back.
    """

    def __init__(
        self, database: Database, tokens: Tokens, may_use_keys: Callable[[Principal], bool] = lambda _: False
    ) -> None:
        self._database = database
        self.tokens = tokens
        self.keys = ApiKeys(database)
        self._may_use_keys = may_use_keys
        self._people: OrderedDict[str, _Kept] = OrderedDict()
        self._revoked: dict[str, int] = {}
        self._tidy_at = _KEPT
        self._read: OrderedDict[str, Token] = OrderedDict()

    async def start(self) -> None:
        """Read which tokens were taken back, and forget those that are over."""
        now = int(time.time())
        async with self._database.write() as connection:
            await connection.execute(delete(revoked_tokens).where(revoked_tokens.c.expires_at < now))
            rows = await connection.execute(select(revoked_tokens.c.jti, revoked_tokens.c.expires_at))
            self._revoked = {row.jti: row.expires_at for row in rows}
        self._people.clear()
        self.keys.forget_all()

    async def of_token(self, text: str | None) -> tuple[Principal, Token] | None:
        """Whose token or API key this is, if it still counts."""
        if not text:
            return None
        if text.startswith(PREFIX):
            return await self._of_key(text)
        token = self._read.get(text)
        if token is None:
            token = self.tokens.read(text)
            if token is None:
                return None
            self._read[text] = token
            if len(self._read) > _KEPT:
                self._read.popitem(last=False)
        if token.expired or token.jti in self._revoked:
            return None
        kept = await self._person(token.user_id)
        if kept is None or (token.issued_at < kept.tokens_from and token.jti != kept.kept_token):
            return None
        return kept.principal, token

    async def _of_key(self, text: str) -> tuple[Principal, Token] | None:
        key = await self.keys.find(text)
        kept = None if key is None else await self._person(key.user_id)
        if key is None or kept is None or not self._may_use_keys(kept.principal):
            return None
        return kept.principal, key

    async def of_id(self, user_id: str) -> Principal | None:
        """The person with this id."""
        kept = await self._person(user_id)
        return None if kept is None else kept.principal

    async def revoke(self, token: Token) -> None:
        """Take a token back for good."""
        # Without an end it stays on the list for ever; the year 9999 in unix seconds.
        expires_at = token.expires_at or 253_402_300_799
        self._revoked[token.jti] = expires_at
        if len(self._revoked) >= self._tidy_at:
            now = time.time()
            self._revoked = {jti: end for jti, end in self._revoked.items() if end > now}
            self._tidy_at = 2 * len(self._revoked) + _KEPT
        async with self._database.write() as connection:
            statement = self._database.insert(revoked_tokens).values(jti=token.jti, expires_at=expires_at)
            await connection.execute(statement.on_conflict_do_nothing())

    def forget(self, user_id: str) -> None:
        """Read this person again the next time: something about them changed."""
        self._people.pop(user_id, None)

    async def _person(self, user_id: str) -> _Kept | None:
        kept = self._people.get(user_id)
        now = time.monotonic()
        if kept is not None and now - kept.read_at < _FRESH_SECONDS:
            return kept
        async with self._database.read() as connection:
            row = (await connection.execute(select(users).where(users.c.id == user_id))).first()
        if row is None:
            self._people.pop(user_id, None)
            return None
        principal = Principal(row.id, row.name, row.role, row.email, row.profile_image_url, row.created_at)
        kept = _Kept(principal, row.tokens_from, row.kept_token, now)
        self._people[user_id] = kept
        if len(self._people) > _KEPT:
            self._people.popitem(last=False)
        return kept


def token_of(request: Request) -> str | None:
    """The token a request carries: as bearer, else in the cookie `token`."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value:
        return value.strip()
    return request.cookies.get("token")


async def session_of(request: Request) -> tuple[Principal, Token]:
    """Whoever asks and with which token, a pending account too; 401 if nobody is signed in."""
    principals: Principals = request.app.state.server.principals
    found = await principals.of_token(token_of(request))
    if found is None:
        text = token_of(request)
        if text is None:
            raise Problem(401, "Not authenticated")
        if text.startswith(PREFIX):
            raise Problem(401, "This API key does not count: it was taken back, or keys are not switched on.")
        raise Problem(401, "Your session is over. Please sign in again.")
    return found


async def current_user(request: Request) -> Principal:
    """The person who asks; 401 without a valid token, 403 for an account that waits for an administrator."""
    principal, _token = await session_of(request)
    if not principal.is_verified:
        raise Problem(403, "Your account is waiting for an administrator to let you in.")
    return principal


User = Annotated[Principal, Depends(current_user)]
"""A parameter of this type is the person who asks."""


async def admin_user(principal: User) -> Principal:
    """The person who asks, if an administrator; else 403."""
    if not principal.is_admin:
        raise Problem.no_access()
    return principal


Admin = Annotated[Principal, Depends(admin_user)]
"""A parameter of this type is the administrator who asks."""
SignedIn = Annotated[tuple[Principal, Token], Depends(session_of)]
"""A parameter of this type is the person who asks, pending or not, and their token."""
