"""The messages that models are writing in channels."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table of open answers."""
    op.create_table(
        "model_replies",
        sa.Column(
            "message_id", sa.String(64), sa.ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
