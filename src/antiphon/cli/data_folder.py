"""The folder that keeps everything: accounts, messages, the secret, who is signed in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from antiphon.cli.failures import StartFailed


def data_folder(given: Path | None) -> Path:
    """The given folder, or the system's for a person's data; made if need be, for its owner alone."""
    folder = (given or _default()).expanduser().absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _refusal(folder, error.strerror or "cannot be made") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _refusal(folder, "no right to write there")
    return folder


def _default() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or "~/AppData/Local") / "antiphon"
    if sys.platform == "darwin":
        return Path("~/Library/Application Support/antiphon")
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share") / "antiphon"


def _refusal(folder: Path, reason: str) -> StartFailed:
    return StartFailed(
        f"--data-dir or ANTIPHON_DATA_DIR {str(folder)!r}: takes a folder that you may write in ({reason})",
        code=2,
    )
