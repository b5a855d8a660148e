"""Every table of the server, whichever module it is in."""

from __future__ import annotations

from sqlalchemy import Table

from antiphon.server.storage.tables import accounts, channels, chats, files
from antiphon.server.storage.tables.base import metadata

_MODULES = (accounts, channels, chats, files)


def all_tables() -> list[Table]:
    """Give the tables, each after those that it refers to."""
    return list(metadata.sorted_tables)
