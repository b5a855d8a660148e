"""The index of the words in messages: FTS5 with SQLite, an index over `tsvector` with PostgreSQL.

Both split at the same characters and drop no accents, so that a search finds the same with either.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

# FTS5 wants a number for each row; the rowids of `messages` are not for keeping.
_TABLES = (
    """
    CREATE TABLE message_index (number INTEGER PRIMARY KEY, message_id VARCHAR(64) NOT NULL UNIQUE)
    """,
    """
    CREATE VIEW message_texts AS SELECT message_index.number AS number, messages.content AS content
    FROM message_index JOIN messages ON messages.id = message_index.message_id
    """,
    """
    CREATE VIRTUAL TABLE message_words USING fts5(
        content, content='message_texts', content_rowid='number', tokenize='unicode61 remove_diacritics 0'
    )
    """,
    "INSERT INTO message_index (message_id) SELECT id FROM messages ORDER BY created_at, id",
    "INSERT INTO message_words (message_words) VALUES ('rebuild')",
)
_TRIGGERS = (
    """
    CREATE TRIGGER message_words_insert AFTER INSERT ON messages BEGIN
        INSERT INTO message_index (message_id) VALUES (new.id);
        INSERT INTO message_words (rowid, content)
        SELECT number, new.content FROM message_index WHERE message_id = new.id;
    END
    """,
    """
    CREATE TRIGGER message_words_update AFTER UPDATE OF content ON messages
    WHEN old.content <> new.content BEGIN
        INSERT INTO message_words (message_words, rowid, content)
        SELECT 'delete', number, old.content FROM message_index WHERE message_id = new.id;
        INSERT INTO message_words (rowid, content)
        SELECT number, new.content FROM message_index WHERE message_id = new.id;
    END
    """,
    """
    CREATE TRIGGER message_words_delete AFTER DELETE ON messages BEGIN
        INSERT INTO message_words (message_words, rowid, content)
        SELECT 'delete', number, old.content FROM message_index WHERE message_id = old.id;
        DELETE FROM message_index WHERE message_id = old.id;
    END
    """,
)

# PostgreSQL's own parser keeps addresses and the like whole. It takes no more than a megabyte of words.
_POSTGRESQL = (
    """
    CREATE FUNCTION antiphon_words(said text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
    SELECT pg_catalog.to_tsvector('pg_catalog.simple', pg_catalog.translate(
        pg_catalog.left(said, 100000),
        $set$!"#$%&'()*+,-./;:<=>?@[\\]^_`{|}~$set$,
        pg_catalog.repeat(' ', 32)
    ))
    $body$
    """,
    "CREATE INDEX ix_messages_words ON messages USING gin (antiphon_words(content))",
)


def upgrade() -> None:
    """Index what there is, and whatever will be stored."""
    connection = op.get_bind()
    for statement in (*_TABLES, *_TRIGGERS) if connection.dialect.name == "sqlite" else _POSTGRESQL:
        connection.exec_driver_sql(statement)
