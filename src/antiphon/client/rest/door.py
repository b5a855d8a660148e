"""The door itself."""

from __future__ import annotations

from collections.abc import Callable

from antiphon.client.transport import Exchange

from .accounts import Accounts
from .channels import Channels
from .chats import Chats
from .completions import Completions
from .http import Http
from .providers import Providers


class Rest:
    """All endpoints that we use, by area. Errors are those of `client.errors`."""

    def __init__(self, exchange: Exchange, token: Callable[[], str | None]) -> None:
        self.http = Http(exchange, token)
        self.accounts = Accounts(self.http)
        self.channels = Channels(self.http)
        self.chats = Chats(self.http)
        self.completions = Completions(self.http)
        self.providers = Providers(self.http)

    async def renew(self) -> None:
        """The network was lost: connections that were held open may be dead without a word."""
        await self.http.renew()

    async def close(self) -> None:
        """Close the connections."""
        await self.http.close()
