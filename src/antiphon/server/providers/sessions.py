"""The HTTP sessions to providers: one for this machine, one for the world, which may be behind a proxy."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

import aiohttp

CONNECTIONS = 256
"""Connections to all providers of a session together; further requests wait for one."""


class Sessions:
    """Owns the connections to all providers; `connect_timeout` is in seconds, the rest is the caller's."""

    def __init__(self, connect_timeout: float) -> None:
        self._near = _session(connect_timeout, trust_env=False)
        self._far = _session(connect_timeout, trust_env=True)

    def for_address(self, address: str) -> aiohttp.ClientSession:
        """Return the session for an address: HTTP_PROXY and its like never lead to this machine itself."""
        return self._near if is_this_machine(address) else self._far

    async def close(self) -> None:
        """Close every connection."""
        await self._near.close()
        await self._far.close()


def is_this_machine(address: str) -> bool:
    """Whether an http address is the machine that we run on."""
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _session(connect_timeout: float, *, trust_env: bool) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=trust_env,
    )
