"""What Alembic runs: the connection comes from the server, so there is no second configuration to keep."""

from __future__ import annotations

from alembic import context

from antiphon.server.storage.tables.base import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
