"""The three servers that the law speaks of, and in what they differ."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Flavour:
    """What a server does, as the reference and the recordings say it."""

    name: str
    version: str
    antiphon: str | None = None
    """Ours: `temp_id` and turn ids are idempotency keys, deltas carry offsets, read marks are told."""

    @property
    def ours(self) -> bool:
        """Whether it is an Antiphon."""
        return self.antiphon is not None

    @property
    def old(self) -> bool:
        """Whether it speaks as 0.6.41: the client makes chats, whole texts travel, much is not told."""
        return self.version.startswith("0.6")

    def __repr__(self) -> str:
        return self.name


OURS = Flavour("OURS", "0.12.4", "0.1.0")
OPEN_WEBUI_12 = Flavour("OPEN_WEBUI_12", "0.12.4")
OPEN_WEBUI_6 = Flavour("OPEN_WEBUI_6", "0.6.41")
