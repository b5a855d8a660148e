"""Chats, their messages and tags, runs, and the provider settings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables of chats and runs."""
    op.create_table(
        "chats",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("user_id", sa.String, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("current_id", sa.String),
        sa.Column("document", sa.JSON, nullable=False),
        sa.Column("meta", sa.JSON, nullable=False),
        sa.Column("pinned", sa.Boolean, nullable=False),
        sa.Column("archived", sa.Boolean, nullable=False),
        sa.Column("share_id", sa.String),
        sa.Column("folder_id", sa.String),
        sa.Column("last_read_at", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_chats_of_user", "chats", ["user_id", "updated_at"])
    op.create_table(
        "chat_messages",
        sa.Column("chat_id", sa.String, sa.ForeignKey("chats.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("parent_id", sa.String),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_table(
        "chat_tags",
        sa.Column("chat_id", sa.String, sa.ForeignKey("chats.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("user_id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
    )
    op.create_index("ix_chat_tags_of_user", "chat_tags", ["user_id", "id"])
    op.create_table(
        "runs",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("user_id", sa.String, nullable=False),
        sa.Column("chat_id", sa.String, sa.ForeignKey("chats.id", ondelete="CASCADE"), nullable=False),
        sa.Column("message_id", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.UniqueConstraint("user_id", "message_id", name="uq_runs_turn"),
    )
    op.create_index("ix_runs_chat_id", "runs", ["chat_id"])
    op.create_index("ix_runs_state", "runs", ["state"])
    op.create_table(
        "provider_settings",
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
