"""The door itself."""

from __future__ import annotations

from collections.abc import Callable

from antiphon.client.link.transport import Exchange
from antiphon.client.rest.accounts import Accounts
from antiphon.client.rest.channels import Channels
from antiphon.client.rest.chats import Chats
from antiphon.client.rest.completions import Completions
from antiphon.client.rest.http import Http
from antiphon.client.rest.providers import Providers


class Rest:
    """All endpoints that we use, by area. Errors are those of `client.errors`."""

    def __init__(self, exchange: Exchange, token: Callable[[], str | None]) -> None:
        self.http = Http(exchange, token)
        self.accounts = Accounts(self.http)
        self.http.signed_in = self.accounts.signed_in
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
