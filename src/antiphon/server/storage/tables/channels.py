"""Channels, who may use them, who belongs to them, and what was said there; times in nanoseconds unless
said.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, String, Table, Text, UniqueConstraint

from antiphon.server.storage.tables.base import json_or_null, metadata

channels = Table(
    "channels",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("type", String(16)),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("is_private", Boolean),
    Column("data", json_or_null()),
    Column("meta", json_or_null()),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("updated_by", String(64)),
    Column("archived_at", BigInteger),
    Column("archived_by", String(64)),
    Column("deleted_at", BigInteger),
    Column("deleted_by", String(64)),
)
"""`type` is null for a standard channel, else `group` or `dm`."""

access_grants = Table(
    "access_grants",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("resource_type", String(32), nullable=False),
    Column("resource_id", String(64), nullable=False),
    Column("principal_type", String(16), nullable=False),
    Column("principal_id", String(64), nullable=False),
    Column("permission", String(16), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("resource_type", "resource_id", "principal_type", "principal_id", "permission"),
)
"""Who may `read` or `write` what; the principal `user` / `*` is everyone. `created_at` in unix seconds."""

channel_members = Table(
    "channel_members",
    metadata,
    Column("channel_id", String(64), ForeignKey("channels.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", String(64), primary_key=True, index=True),
    Column("id", String(64), nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("is_channel_muted", Boolean, nullable=False),
    Column("last_read_at", BigInteger, nullable=False),
    Column("joined_at", BigInteger, nullable=False),
    Column("invited_by", String(64)),
)
"""Membership of groups and direct messages; in a standard channel the read mark of whoever opened it."""

messages = Table(
    "messages",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("channel_id", String(64), ForeignKey("channels.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("temp_id", String(128)),
    Column("parent_id", String(64)),
    Column("reply_to_id", String(64)),
    Column("content", Text, nullable=False),
    Column("data", json_or_null()),
    Column("meta", json_or_null()),
    Column("is_pinned", Boolean, nullable=False),
    Column("pinned_at", BigInteger),
    Column("pinned_by", String(64)),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    # A deleted message keeps its row, emptied, so that its `temp_id` cannot bring it back.
    Column("deleted_at", BigInteger),
    UniqueConstraint("user_id", "channel_id", "temp_id"),
    Index("ix_messages_page", "channel_id", "parent_id", "created_at", "id"),
    Index("ix_messages_thread", "parent_id", "created_at"),
)
"""`temp_id` is the idempotency key of a post: once per person and channel."""

model_replies = Table(
    "model_replies",
    metadata,
    Column("message_id", String(64), ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("created_at", BigInteger, nullable=False),
)
"""The messages that models are writing now: what stands here at a start was cut short."""

reactions = Table(
    "reactions",
    metadata,
    Column("message_id", String(64), ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", String(64), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("created_at", BigInteger, nullable=False),
)
"""One row per person, message and emoji name."""
