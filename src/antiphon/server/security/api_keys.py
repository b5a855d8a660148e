"""API keys: long-lived secrets with which a program asks in a person's name, one for each person.

Only the hash of a key is stored. A key is 256 random bits, so a fast hash keeps it as well as a slow one.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass

from sqlalchemy import delete, select

from antiphon.server.security.tokens import Token
from antiphon.server.storage.database import Database
from antiphon.server.storage.tables.accounts import api_keys

PREFIX = "sk-"
_SHOWN = 11
# Another process may take a key back (a restore does); what is kept is read again after this.
_FRESH_SECONDS = 15.0
_KEPT = 1_024


@dataclass(slots=True)
class _Kept:
    token: Token
    read_at: float


class ApiKeys:
    """Makes, finds and takes back keys. Found ones are kept in memory for a few seconds, by their hash."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[str, _Kept] = OrderedDict()

    async def make(self, user_id: str) -> tuple[str, str | None]:
        """A new key for this person in place of the one before; gives it, and the former one's id."""
        key = PREFIX + secrets.token_hex(32)
        digest = _hash(key)
        now = int(time.time())
        async with self._database.write() as connection:
            former = await connection.execute(
                select(api_keys.c.key_hash).where(api_keys.c.user_id == user_id)
            )
            before = former.scalar()
            insert = self._database.insert(api_keys).values(
                user_id=user_id, key_hash=digest, beginning=key[:_SHOWN], created_at=now
            )
            await connection.execute(
                insert.on_conflict_do_update(
                    index_elements=["user_id"],
                    set_={
                        "key_hash": insert.excluded.key_hash,
                        "beginning": insert.excluded.beginning,
                        "created_at": insert.excluded.created_at,
                    },
                )
            )
        return key, self._forget(before)

    async def beginning(self, user_id: str) -> str | None:
        """How this person's key begins; None if there is none."""
        async with self._database.read() as connection:
            found = await connection.execute(
                select(api_keys.c.beginning).where(api_keys.c.user_id == user_id)
            )
        return found.scalar()

    async def take_back(self, user_id: str) -> str | None:
        """Take this person's key back for good; gives its id, None if there was none."""
        async with self._database.write() as connection:
            found = await connection.execute(select(api_keys.c.key_hash).where(api_keys.c.user_id == user_id))
            digest = found.scalar()
            await connection.execute(delete(api_keys).where(api_keys.c.user_id == user_id))
        return self._forget(digest)

    async def find(self, key: str) -> Token | None:
        """What this key stands for, as a token without an end."""
        digest = _hash(key)
        kept, now = self._known.get(digest), time.monotonic()
        if kept is not None and now - kept.read_at < _FRESH_SECONDS:
            return kept.token
        async with self._database.read() as connection:
            row = (await connection.execute(select(api_keys).where(api_keys.c.key_hash == digest))).first()
        if row is None:
            self._known.pop(digest, None)
            return None
        token = Token(key, _id_of(digest), row.user_id, row.created_at * 1000, None, is_key=True)
        self._known[digest] = _Kept(token, now)
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return token

    def forget_all(self) -> None:
        """Read every key again: the database was replaced, or somebody has gone."""
        self._known.clear()

    def _forget(self, digest: str | None) -> str | None:
        if digest is None:
            return None
        self._known.pop(digest, None)
        return _id_of(digest)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _id_of(digest: str) -> str:
    """What stands for a key where a token has its id."""
    return f"key:{digest[:32]}"
