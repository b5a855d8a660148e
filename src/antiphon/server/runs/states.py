"""The states of a run, and which of them are ends."""

from typing import Final

QUEUED: Final = "queued"
RUNNING: Final = "running"
DONE: Final = "done"
FAILED: Final = "failed"
STOPPED: Final = "stopped"
INTERRUPTED: Final = "interrupted"

OPEN: Final = (QUEUED, RUNNING)
ENDS: Final = (DONE, FAILED, STOPPED, INTERRUPTED)

INTERRUPTED_TEXT: Final = (
    "The server was stopped before this answer was complete. "
    "The text so far is kept; ask again for a full answer."
)
