"""Tokens: JSON Web Tokens signed with HS256, each with an id by which it can be taken back."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from functools import cache
from types import ModuleType

_ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class Token:
    """What a valid token says: `issued_at` in unix milliseconds, `expires_at` in seconds, None when it has no
    end.
    """

    text: str
    jti: str
    user_id: str
    issued_at: int
    expires_at: int | None
    is_key: bool = False
    """Whether it is an API key: no session, so that signing out does not end it."""

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= time.time()


class Tokens:
    """Issues and reads tokens; does not know which were taken back (`Principals` does)."""

    def __init__(self, secret: str, lifetime: int | None) -> None:
        self._secret = secret
        self._lifetime = lifetime

    @staticmethod
    @cache
    def _jwt() -> ModuleType:
        # With the first token, not at the start: it reads `cryptography` too where that is installed, which
        # nothing here needs.
        import jwt  # noqa: PLC0415 - see above

        return jwt

    def issue(self, user_id: str) -> Token:
        """A new token for this person."""
        now = time.time()
        jti = str(uuid.uuid4())
        claims: dict[str, object] = {"id": user_id, "jti": jti, "iat": round(now, 3)}
        expires_at = None if self._lifetime is None else int(now) + self._lifetime
        if expires_at is not None:
            claims["exp"] = expires_at
        return Token(
            self._jwt().encode(claims, self._secret, algorithm=_ALGORITHM),
            jti,
            user_id,
            round(now * 1000),
            expires_at,
        )

    def read(self, text: str) -> Token | None:
        """What a token says, or None if it is not ours, damaged or over."""
        jwt = self._jwt()
        try:
            claims = jwt.decode(
                text, self._secret, algorithms=[_ALGORITHM], options={"require": ["iat"], "verify_iat": False}
            )
        except jwt.InvalidTokenError:
            return None
        user_id, jti, expires_at = claims.get("id"), claims.get("jti"), claims.get("exp")
        if not isinstance(user_id, str) or not isinstance(jti, str):
            return None
        if not isinstance(claims["iat"], int | float):
            return None
        issued_at = round(claims["iat"] * 1000)
        return Token(text, jti, user_id, issued_at, None if expires_at is None else int(expires_at))
