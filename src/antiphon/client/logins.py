"""Who is signed in where, for programs and commands: a file of a person's own, or the environment.

`antiphon login` writes the file. It holds tokens, never passwords, and nobody else may read it (mode 600, in
a folder of mode 700).
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from platformdirs import user_config_path

from antiphon.client.errors import AntiphonError

log = logging.getLogger(__name__)

FILE = "logins.json"
VERSION = 1


class NoLogin(AntiphonError):
    """Nobody is signed in there; the text says what to do."""


class LoginsUnusable(AntiphonError):
    """The file cannot be read or written; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Login:
    """A token for one server, and whose it is. `expires_at` is in unix seconds, None means never."""

    url: str
    token: str
    user_id: str = ""
    name: str = ""
    email: str = ""
    expires_at: int | None = None

    def __repr__(self) -> str:
        return f"Login(url={self.url!r}, name={self.name!r})"  # never the token


def canonical(url: str) -> str:
    """Give one spelling of a server's address: no slash at the end, scheme and host in small letters.

    Raises `AntiphonError` for what is no address.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise AntiphonError(
            f"{_shown(url)!r} is no address of a server; one looks like https://chat.example.org"
        )
    if parts.username or parts.password:
        raise AntiphonError("an address must not hold a name or a password")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = {"http": 80, "https": 443}[parts.scheme]
    return (
        f"{parts.scheme}://{host}"
        + (f":{port}" if port not in {None, usual} else "")
        + parts.path.rstrip("/")
    )


def _shown(url: str) -> str:
    return url.rsplit("@", 1)[-1]  # what stands before it may be a password


class Logins:
    """The file, and what the environment says over it: `ANTIPHON_SERVER` and `ANTIPHON_TOKEN`.

    `ANTIPHON_CONFIG_DIR` chooses another folder than the system's for a person's settings.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or _folder()
        self.path = self.folder / FILE

    def find(self, url: str | None = None) -> Login:
        """Give the login for a server, or the current one.

        Raises `NoLogin` when there is none, `LoginsUnusable` when the file cannot be read.
        """
        server, token = os.environ.get("ANTIPHON_SERVER"), os.environ.get("ANTIPHON_TOKEN")
        if token and not server:
            raise NoLogin(
                "ANTIPHON_TOKEN needs ANTIPHON_SERVER beside it: a token goes to its own server alone"
            )
        named = url or server
        wanted = canonical(named) if named else None
        if token and server and wanted == canonical(server):
            return Login(wanted, token)
        current, logins = self._read()
        wanted = wanted or current
        if wanted is None:
            raise NoLogin(
                "nobody is signed in: run 'antiphon login URL', or set ANTIPHON_SERVER and ANTIPHON_TOKEN"
            )
        if wanted not in logins:
            raise NoLogin(f"nobody is signed in at {wanted}: run 'antiphon login {wanted}'")
        return logins[wanted]

    def known(self) -> tuple[str | None, dict[str, Login]]:
        """Give the current server's address and all logins of the file, by address."""
        return self._read()

    def keep(self, login: Login) -> None:
        """Keep a login and make its server the current one. Raises `LoginsUnusable`."""
        _, logins = self._read()
        self._write(login.url, {**logins, login.url: login})

    def use(self, url: str) -> None:
        """Make a known server the current one."""
        _, logins = self._read()
        self._write(url, logins)

    def drop(self, url: str) -> str | None:
        """Forget a login; gives the server that is the current one now."""
        current, logins = self._read()
        logins = {known: login for known, login in logins.items() if known != url}
        if current == url:
            current = next(reversed(logins), None)
        self._write(current, logins)
        return current

    def _read(self) -> tuple[str | None, dict[str, Login]]:
        try:
            text = self.path.read_text("utf-8")
            if os.name == "posix" and self.path.stat().st_mode & 0o077:
                log.warning("%s could be read by others; now it is yours alone", self.path)
                self.path.chmod(0o600)
        except FileNotFoundError:
            return None, {}
        except (OSError, UnicodeDecodeError) as error:
            raise LoginsUnusable(f"{self.path} cannot be read: {_why(error)}") from error
        try:
            return _from_json(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise LoginsUnusable(
                f"{self.path} does not hold what 'antiphon login' writes: delete it and sign in again"
            ) from error

    def _write(self, current: str | None, logins: dict[str, Login]) -> None:
        """Replace the file in one step: whoever reads it meanwhile sees the old one or the new one, whole."""
        content = {"version": VERSION, "current": current, "logins": [asdict(one) for one in logins.values()]}
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(
                dir=self.folder, prefix=f".{FILE}."
            )  # mode 600 from the first moment
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(content, file, indent=1)
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).replace(self.path)
            except BaseException:  # whatever it was: nothing half is left, and the cause goes on
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise LoginsUnusable(f"{self.path} cannot be written: {_why(error)}") from error


def _from_json(value: Any) -> tuple[str | None, dict[str, Login]]:
    if value["version"] != VERSION:
        raise ValueError("another version")
    logins = {one["url"]: Login(**one) for one in value["logins"]}
    current = value["current"]
    return (current if current in logins else None), logins


def _folder() -> Path:
    chosen = os.environ.get("ANTIPHON_CONFIG_DIR")
    return Path(chosen).expanduser() if chosen else user_config_path("antiphon", appauthor=False)


def _why(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
