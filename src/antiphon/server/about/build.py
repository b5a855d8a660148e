"""Which build this is."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PROTOCOL = "0.12.4"
"""The release of Open WebUI whose protocol the server speaks."""


@cache
def our_version() -> str:
    """Antiphon's version."""
    try:
        return version("antiphon")
    except PackageNotFoundError:
        return "0+unknown"


@cache
def build_id() -> str:
    """A short text that is the same for the same code, and another after an update.

    Made of names, sizes and times of the package's files: reading them all would cost more than it tells.
    """
    digest = hashlib.sha256(our_version().encode())
    package = Path(__file__).parents[2]
    for path in sorted(package.rglob("*.py")):
        stat = path.stat()
        digest.update(f"{path.relative_to(package)}:{stat.st_size}:{stat.st_mtime_ns};".encode())
    return digest.hexdigest()[:12]
