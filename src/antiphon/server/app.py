"""The server as one ASGI application."""

from __future__ import annotations

import asyncio
import logging

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from antiphon.server import errors
from antiphon.server.about import rest as about
from antiphon.server.about.build import build_id, our_version
from antiphon.server.accounts import api_keys, auths, users
from antiphon.server.accounts.presence import Presence
from antiphon.server.backups.renewal import Renewal
from antiphon.server.body_limit import BodyLimit
from antiphon.server.channels import members_rest, messages_rest, reading_rest, search_rest
from antiphon.server.channels import rest as channels_rest
from antiphon.server.channels.directory import Directory
from antiphon.server.channels.socket import ChannelSocket
from antiphon.server.chats import library_rest as chat_library
from antiphon.server.chats import rest as chats
from antiphon.server.data_folder import open_folder, secret_of
from antiphon.server.files import rest as files
from antiphon.server.files.shelf import FOLDER, Shelf
from antiphon.server.files.upkeep import Upkeep
from antiphon.server.live.live import ANONYMOUS_SECONDS, PATH, Live
from antiphon.server.logs import Logs, RequestLog
from antiphon.server.permissions import DEFAULT, KEY, may_use_channels, may_use_keys
from antiphon.server.providers import Providers
from antiphon.server.providers import rest as providers
from antiphon.server.runs import Runs
from antiphon.server.runs import rest as runs
from antiphon.server.security.passwords import Passwords
from antiphon.server.security.principals import Principals
from antiphon.server.security.tokens import Tokens
from antiphon.server.settings import ServerSettings
from antiphon.server.state import ServerState
from antiphon.server.storage.database import Database
from antiphon.server.stored_config import StoredConfig

logger = logging.getLogger("antiphon.server")


class ServerApp:
    """REST and socket in one ASGI application; `start` and `drain` are its life, also by ASGI's lifespan."""

    def __init__(self, state: ServerState, api: FastAPI) -> None:
        self.state = state
        self.api = api
        self._rest: ASGIApp = RequestLog(BodyLimit(api, state.settings.max_file_size))
        self._logs = Logs(state.settings.log_level, state.settings.log_format)
        self._upkeep = Upkeep(state.database, state.files)
        self._renewal = Renewal(state.database, self._renew)
        self._started = False
        self._drained = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or a connection."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["path"].startswith(f"{PATH}/") or scope["path"] == PATH:
            await self.state.live(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": f"the socket is at {PATH}"})
        else:
            await self._rest(scope, receive, send)

    async def start(self) -> None:
        """Open the database, bring its schema up to date, and read what is kept in memory."""
        if self._started:
            return
        self._started = True
        self._logs.begin()
        await asyncio.to_thread(build_id)
        await self.state.database.migrate()
        await self.state.config.start()
        await self.state.principals.start()
        await self.state.providers.start()
        await self.state.runs.start()
        await self._renewal.start()
        await self._upkeep.start()
        self.state.serving = True

    async def drain(self) -> None:
        """End everything: runs with their end stored, sockets with a reason, then the database. Within 1.5
        s.
        """
        if self._drained or not self._started:
            return
        self._drained = True
        self.state.serving = False
        await self._renewal.close()
        await self._upkeep.close()
        await self.state.runs.drain()
        await self.state.live.drain()
        await self.state.providers.close()
        await self.state.database.close()
        self._logs.end()

    async def _renew(self) -> None:
        """Drop what is kept of a database that was replaced, and let every client come back."""
        state = self.state
        await state.runs.begin_anew()
        await state.config.start()
        await state.principals.start()
        state.channels.forget_all()
        await state.providers.begin_anew()
        await state.live.close_all("the database was restored")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.drain()
                await send({"type": "lifespan.shutdown.complete"})
                return


def create_app(settings: ServerSettings, *, anonymous_seconds: float = ANONYMOUS_SECONDS) -> ServerApp:
    """Put a server together; nothing is opened but the data folder until it starts. Raises `SettingError`."""
    open_folder(settings.folder)
    state = _state(settings, anonymous_seconds)
    api = FastAPI(title="Antiphon", version=our_version(), redoc_url=None, responses=errors.EVERYWHERE)
    api.state.server = state
    errors.install(api)
    for router in (
        about.router,
        auths.router,
        api_keys.router,
        users.router,
        search_rest.router,
        channels_rest.router,
        members_rest.router,
        messages_rest.router,
        reading_rest.router,
        chat_library.router,
        chats.router,
        files.router,
        runs.router,
        providers.router,
    ):
        api.include_router(router)
    return ServerApp(state, api)


def _state(settings: ServerSettings, anonymous_seconds: float) -> ServerState:
    database = Database(settings.database_address)
    principals = Principals(
        database,
        Tokens(secret_of(settings), settings.token_lifetime),
        lambda person: may_use_keys(config, person),
    )
    config = StoredConfig(
        database,
        {
            "WEBUI_NAME": settings.name,
            "ENABLE_SIGNUP": settings.enable_signup,
            "DEFAULT_USER_ROLE": settings.default_user_role,
            "ENABLE_API_KEYS": settings.enable_api_keys,
            "ENABLE_CHANNELS": True,
            KEY: DEFAULT,
        },
    )
    directory = Directory(database, lambda person: may_use_channels(config, person), dialect=settings.dialect)
    live = Live(
        principals.of_token,
        directory.rooms_of,
        anonymous_seconds=anonymous_seconds,
        ping_interval=settings.websocket_ping_interval,
        ping_timeout=settings.websocket_ping_timeout,
    )
    state = ServerState(
        settings=settings,
        database=database,
        live=live,
        principals=principals,
        passwords=Passwords(),
        config=config,
        presence=Presence(database, live),
        channels=directory,
        files=Shelf(settings.folder / FOLDER),
    )
    ChannelSocket(state)
    state.providers = Providers(state)
    state.runs = Runs(state)
    return state
