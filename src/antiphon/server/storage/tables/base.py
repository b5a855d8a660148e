"""The one `MetaData` that every table of the server belongs to."""

from __future__ import annotations

from sqlalchemy import JSON, MetaData
from sqlalchemy.types import TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def json_or_null() -> TypeEngine[object]:
    """A JSON column in which Python's None is the database's NULL, not the JSON word null."""
    return JSON(none_as_null=True)
