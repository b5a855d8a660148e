"""Accounts, settings, channels and their messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "users",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("email", sa.String(320), nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("profile_image_url", sa.Text, nullable=False),
        sa.Column("settings", sa.JSON),
        sa.Column("tokens_from", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("kept_token", sa.String(64)),
        sa.Column("last_active_at", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "revoked_tokens",
        sa.Column("jti", sa.String(64), primary_key=True),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "stored_config",
        sa.Column("key", sa.String(128), primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
    )
    op.create_table(
        "channels",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("type", sa.String(16)),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("is_private", sa.Boolean),
        sa.Column("data", sa.JSON),
        sa.Column("meta", sa.JSON),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("updated_by", sa.String(64)),
        sa.Column("archived_at", sa.BigInteger),
        sa.Column("archived_by", sa.String(64)),
        sa.Column("deleted_at", sa.BigInteger),
        sa.Column("deleted_by", sa.String(64)),
    )
    op.create_table(
        "access_grants",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("resource_type", sa.String(32), nullable=False),
        sa.Column("resource_id", sa.String(64), nullable=False),
        sa.Column("principal_type", sa.String(16), nullable=False),
        sa.Column("principal_id", sa.String(64), nullable=False),
        sa.Column("permission", sa.String(16), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("resource_type", "resource_id", "principal_type", "principal_id", "permission"),
    )
    op.create_table(
        "channel_members",
        sa.Column(
            "channel_id", sa.String(64), sa.ForeignKey("channels.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("user_id", sa.String(64), primary_key=True, index=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("is_channel_muted", sa.Boolean, nullable=False),
        sa.Column("last_read_at", sa.BigInteger, nullable=False),
        sa.Column("joined_at", sa.BigInteger, nullable=False),
        sa.Column("invited_by", sa.String(64)),
    )
    op.create_table(
        "messages",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column(
            "channel_id", sa.String(64), sa.ForeignKey("channels.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("temp_id", sa.String(128)),
        sa.Column("parent_id", sa.String(64)),
        sa.Column("reply_to_id", sa.String(64)),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("data", sa.JSON),
        sa.Column("meta", sa.JSON),
        sa.Column("is_pinned", sa.Boolean, nullable=False),
        sa.Column("pinned_at", sa.BigInteger),
        sa.Column("pinned_by", sa.String(64)),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("deleted_at", sa.BigInteger),
        sa.UniqueConstraint("user_id", "channel_id", "temp_id"),
    )
    op.create_index("ix_messages_page", "messages", ["channel_id", "parent_id", "created_at", "id"])
    op.create_index("ix_messages_thread", "messages", ["parent_id", "created_at"])
    op.create_table(
        "reactions",
        sa.Column(
            "message_id", sa.String(64), sa.ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("user_id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Take the first tables away."""
    for name in (
        "reactions",
        "messages",
        "channel_members",
        "access_grants",
        "channels",
        "stored_config",
        "revoked_tokens",
        "users",
    ):
        op.drop_table(name)
