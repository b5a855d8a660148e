"""Accounts, the tokens that were taken back, and the settings an administrator changes while the server
runs.
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, String, Table, Text

from antiphon.server.storage.tables.base import json_or_null, metadata

users = Table(
    "users",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("email", String(320), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("profile_image_url", Text, nullable=False),
    Column("settings", json_or_null()),
    # Tokens issued before this moment (unix milliseconds) are void, except the one named by `kept_token`.
    Column("tokens_from", BigInteger, nullable=False, server_default="0"),
    Column("kept_token", String(64)),
    Column("last_active_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
"""One row per person; times in unix seconds where not said otherwise."""

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    Column("jti", String(64), primary_key=True),
    Column("expires_at", BigInteger, nullable=False, index=True),
)
"""Tokens that were signed out before their end; a row is needed only until `expires_at` (unix seconds)."""

api_keys = Table(
    "api_keys",
    metadata,
    Column("user_id", String(64), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    # SHA-256 in hexadecimal, and the first characters, by which a person knows it again.
    Column("key_hash", String(64), nullable=False, unique=True),
    Column("beginning", String(16), nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
"""One key per person; `created_at` in unix seconds."""

stored_config = Table(
    "stored_config",
    metadata,
    Column("key", String(128), primary_key=True),
    Column("value", JSON, nullable=False),
)
"""What was changed through the administrator's endpoints, by the name it has on the wire
(`ENABLE_SIGNUP`).
"""
