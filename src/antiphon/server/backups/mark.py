"""By what a running server notices that its database was restored."""

from __future__ import annotations

from typing import Final

GENERATION: Final = "antiphon.generation"
"""The key in `stored_config` whose value is another after each restore."""
