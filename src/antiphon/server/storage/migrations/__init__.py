"""The schema's history; a file in `versions` is named after its revision: `0001_accounts_and_channels.py`."""

from __future__ import annotations

from pathlib import Path

VERSIONS = Path(__file__).parent / "versions"


def revisions() -> frozenset[str]:
    """All revisions by name, found without importing Alembic."""
    return frozenset(path.name.split("_")[0] for path in VERSIONS.glob("[0-9]*_*.py"))


def newest_revision() -> str:
    """The last revision by name."""
    return max(revisions())
