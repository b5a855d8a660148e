"""Chats, one row per message of them, their tags, the runs that answer, and the provider settings.

A chat is no blob: the document that travels (`history.messages`, `currentId`, `params`, …) is put together
from these rows, so that two writers of one chat do not undo each other (W-50). Times are Unix seconds.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from antiphon.server.storage.tables.base import metadata

chats = Table(
    "chats",
    metadata,
    Column("id", String, primary_key=True),
    Column("user_id", String, nullable=False),
    Column("title", Text, nullable=False),
    Column("current_id", String),
    # The document's other keys (models, params, files, … and every unknown one), as they travelled.
    Column("document", JSON, nullable=False),
    Column("meta", JSON, nullable=False),
    Column("pinned", Boolean, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("share_id", String),
    Column("folder_id", String),
    Column("last_read_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("ix_chats_of_user", "user_id", "updated_at"),
)

chat_messages = Table(
    "chat_messages",
    metadata,
    Column("chat_id", String, ForeignKey("chats.id", ondelete="CASCADE"), primary_key=True),
    Column("id", String, primary_key=True),
    Column("parent_id", String),
    # The order in which the rows came, 0 for the first: it orders the children of one parent.
    Column("position", Integer, nullable=False),
    Column("role", String, nullable=False),
    Column("content", Text, nullable=False),
    # The message's other keys (model, output, usage, timestamp, … and every unknown one), as they travelled.
    Column("body", JSON, nullable=False),
)

chat_tags = Table(
    "chat_tags",
    metadata,
    Column("chat_id", String, ForeignKey("chats.id", ondelete="CASCADE"), primary_key=True),
    Column("id", String, primary_key=True),
    Column("user_id", String, nullable=False),
    Column("name", String, nullable=False),
    Column("position", Integer, nullable=False),
    Index("ix_chat_tags_of_user", "user_id", "id"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("user_id", String, nullable=False),
    Column("chat_id", String, ForeignKey("chats.id", ondelete="CASCADE"), nullable=False),
    Column("message_id", String, nullable=False),
    Column("model", String, nullable=False),
    # queued, running, done, failed, stopped or interrupted; see antiphon.server.runs.states.
    Column("state", String, nullable=False),
    Column("reason", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    # A turn's message id is an idempotency key of its author: one run per turn, for ever.
    UniqueConstraint("user_id", "message_id", name="uq_runs_turn"),
    Index("ix_runs_chat_id", "chat_id"),
    Index("ix_runs_state", "state"),
)

provider_settings = Table(
    "provider_settings",
    metadata,
    # "openai" or "ollama"
    Column("kind", String, primary_key=True),
    Column("value", JSON, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
