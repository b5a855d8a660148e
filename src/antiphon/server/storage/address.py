"""The addresses of databases: the spellings that are taken, and how one is shown."""

from __future__ import annotations

import re

TAKEN = (
    "sqlite:///file or postgresql://user:password@host/name "
    "(postgres:// and postgresql+asyncpg:// are the same), with %-escapes in the password"
)
"""The spellings that `canonical` takes, for a person."""

_SQLITE = re.compile(r"sqlite:///\S.*")
_POSTGRESQL = re.compile(r"(?:postgres|postgresql|postgresql\+asyncpg)(://[^/?#\s]*/[^/?#\s]+(?:\?\S*)?)")


def canonical(url: str) -> str:
    """The address in one of two forms, `sqlite:///…` or `postgresql://…`; raises ValueError for others."""
    if _SQLITE.fullmatch(url):
        return url
    if match := _POSTGRESQL.fullmatch(url):
        # SQLAlchemy's name for libpq's `sslmode`, as addresses with the driver's name in them have it.
        return "postgresql" + re.sub(r"(?<=[?&])ssl=", "sslmode=", match[1])
    raise ValueError("no database address")


def shown(url: str) -> str:
    """The address for a person or a log: without the password."""
    url = re.sub(r"(://[^:/@]*:).*@", r"\1***@", url)
    return re.sub(r"(?<=[?&]password=)[^&]*", "***", url)
