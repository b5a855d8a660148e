"""Settings that an administrator changes while the server runs; they win over those of the start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from antiphon.server.storage.database import Database
from antiphon.server.storage.tables.accounts import stored_config


class StoredConfig:
    """Values by their wire names (`ENABLE_SIGNUP`), kept in memory and in the database."""

    def __init__(self, database: Database, defaults: Mapping[str, Any]) -> None:
        self._database = database
        self._defaults = dict(defaults)
        self._values = dict(defaults)

    async def start(self) -> None:
        """Read what is stored."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(stored_config.c.key, stored_config.c.value))
            self._values = self._defaults | {row.key: row.value for row in rows}

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def get(self, key: str, default: Any = None) -> Any:
        """A value, or the default where nothing is known."""
        return self._values.get(key, default)

    async def set(self, values: Mapping[str, Any]) -> None:
        """Store values, and use them from now on."""
        async with self._database.write() as connection:
            for key, value in values.items():
                insert = self._database.insert(stored_config).values(key=key, value=value)
                await connection.execute(
                    insert.on_conflict_do_update(
                        index_elements=["key"], set_={"value": insert.excluded.value}
                    )
                )
        self._values.update(values)
