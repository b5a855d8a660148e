"""Passwords as Argon2id hashes, worked out in a thread so that the event loop stays free."""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from antiphon.server.errors import Problem

MINIMUM = 8
"""Characters a password must have."""
MAXIMUM = 512
"""Characters beyond which a password is refused unread."""
LINE = 100
"""How many may wait at once to have a password looked at: a few seconds' work; a flood would be hours'."""
CROWDED = "Too many people are signing in at this moment. Please try again in a few seconds."

# 19 MiB, two passes: OWASP's first choice of Argon2id parameters. Two at a time bound the memory.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_at_once = 2
# Verified against when nobody has the e-mail address, so that the answer takes as long as for a wrong
# password.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$Kwq6juD+DdwVxEOC/Ho9fA$vh46R4v38aHWjPT8F5lJhE9fvT8rCruN94+MSRl+UPE"


class Passwords:
    """Hashing and checking, a bounded number at a time."""

    def __init__(self) -> None:
        _give_memory_back()
        self._slots = asyncio.Semaphore(_at_once)
        self._there = 0

    async def hash(self, password: str) -> str:
        """The hash to store."""
        async with self._turn():
            return await asyncio.to_thread(_hasher.hash, password)

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether this is the password; takes the same time when there is nothing stored."""
        async with self._turn():
            right = await asyncio.to_thread(_verify, stored or _NOBODY, password)
        return right and stored is not None

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait in line for one of the slots. Raises `Problem` where the line is too long to wait in."""
        if self._there >= LINE:
            raise Problem(503, CROWDED, {"Retry-After": "5"})
        self._there += 1
        try:
            async with self._slots:
                yield
        finally:
            self._there -= 1


@cache
def _give_memory_back() -> None:
    """Have glibc return each hash's 19 MiB to the system; by itself it would learn to keep them, per thread.

    Elsewhere there is no such setting, and nothing is done.
    """
    adjust = getattr(ctypes.CDLL(None), "mallopt", None)
    if adjust is not None:
        m_mmap_threshold = -3
        adjust(m_mmap_threshold, 4 * 1024 * 1024)


def hash_now(password: str) -> str:
    """The hash to store, for a command line without an event loop."""
    return _hasher.hash(password)


def weakness_of(password: str) -> str | None:
    """What is wrong with a new password, in a sentence, or None."""
    if len(password) < MINIMUM:
        return f"The password is too short: it needs at least {MINIMUM} characters."
    if len(password) > MAXIMUM:
        return f"The password is too long: it may have at most {MAXIMUM} characters."
    if not password.strip():
        return "The password may not consist of spaces alone."
    return None


def _verify(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
