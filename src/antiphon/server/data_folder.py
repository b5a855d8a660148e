"""The folder that holds the database and the secret, closed to other accounts of the machine."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from antiphon.server.settings import ServerSettings, SettingError


def open_folder(folder: Path) -> None:
    """Make the data folder if need be, for its owner alone (mode 700)."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    except OSError as error:
        raise SettingError(
            f"ANTIPHON_DATA_DIR: {str(folder)!r} cannot be used ({error.strerror}); "
            "it takes a folder that you may write."
        ) from None


def secret_of(settings: ServerSettings) -> str:
    """The key that signs tokens: the one that was given, else one made once and kept (mode 600)."""
    if settings.secret_key:
        return settings.secret_key
    file = settings.folder / "secret"
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        kept = file.read_text(encoding="ascii").strip()
        if len(kept) < 16:
            raise SettingError(
                f"{file}: the kept secret is damaged; delete the file to make a new one "
                "(everyone signs in again)."
            ) from None
        file.chmod(0o600)
        return kept
    secret = secrets.token_urlsafe(48)
    with os.fdopen(descriptor, "w", encoding="ascii") as kept_file:
        kept_file.write(secret)
    return secret
