"""What people uploaded, and where it was shared; times in unix seconds. The bytes are in the data folder."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from antiphon.server.storage.tables.base import json_or_null, metadata

files = Table(
    "files",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("filename", Text, nullable=False),
    # SHA-256 of the bytes, in hexadecimal.
    Column("hash", String(64), nullable=False),
    # What the bytes are, by looking at them; what the uploader said plays no part.
    Column("content_type", String(128), nullable=False),
    Column("size", BigInteger, nullable=False),
    # Of a picture, in pixels.
    Column("width", Integer),
    Column("height", Integer),
    Column("has_thumbnail", Boolean, nullable=False),
    # What the uploader's client wants to keep with it, as it travelled.
    Column("meta", json_or_null()),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("ix_files_of_user", "user_id", "created_at"),
)

file_shares = Table(
    "file_shares",
    metadata,
    Column("file_id", String(64), ForeignKey("files.id", ondelete="CASCADE"), primary_key=True),
    Column("channel_id", String(64), ForeignKey("channels.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_file_shares_channel", "channel_id"),
)
"""A message in this channel carries the file: whoever may read the channel may fetch it."""
