"""As whom a command speaks, and to which server."""

from __future__ import annotations

from antiphon.cli.failures import StartFailed, say
from antiphon.client.errors import AntiphonError
from antiphon.client.link.link import Link, LinkState
from antiphon.client.logins import Login, Logins, NoLogin


def login_for(server: str | None) -> Login:
    """Give the login for a server, or the current one; ends the command where there is none."""
    try:
        return Logins().find(server)
    except NoLogin as error:
        raise StartFailed(str(error), code=2) from error
    except AntiphonError as error:
        raise StartFailed(str(error)) from error


class LinkSpeaker:
    """Says on standard error how the link goes: when it is lost, when it is back, and why it waits."""

    def __init__(self, url: str, *, quiet: bool = False, welcome: bool = True) -> None:
        self._url = url
        self._quiet = quiet
        self._welcome = welcome
        self._lost_at: float | None = None
        self._was_live = False
        self._said: str | None = None

    def changed(self, link: Link) -> None:
        """Take a new state of the link."""
        if link.state is LinkState.LIVE:
            self._live(link)
        elif link.state is LinkState.WAITING:
            # With and without the address before it, the same reason is said once.
            reason = (link.reason or "the link is down").removeprefix(f"{self._url} cannot be reached: ")
            if self._was_live and self._lost_at is None:
                self._lost_at = link.since
                self._say(f"the link is lost: {reason}; trying again until it is back")
            elif reason != self._said:
                self._say(f"waiting for {self._url}: {reason}")
            self._said = reason

    def _live(self, link: Link) -> None:
        if self._lost_at is not None:
            self._say(f"the link is back after {max(link.since - self._lost_at, 0):.0f} s")
        elif not self._was_live and (self._welcome or self._said is not None):
            self._say(f"the link to {self._url} is live")
        self._was_live, self._lost_at, self._said = True, None, None

    def _say(self, text: str) -> None:
        if not self._quiet:
            say(text)
