"""Signing in, the session user, people, settings."""

from __future__ import annotations

from typing import cast

from antiphon.client import errors
from antiphon.client.errors import NotFound, Rejected
from antiphon.client.rest.http import Http
from antiphon.wire import (
    AdminConfig,
    ServerConfig,
    SessionUser,
    SignedOut,
    SignInForm,
    SignUpForm,
    UserList,
    UserSettings,
    Version,
)


class Accounts:
    """`/api/config`, `/api/version`, `/api/v1/auths`, `/api/v1/users`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def config(self) -> ServerConfig:
        """Fetch the server's configuration; some of it only for a signed-in caller."""
        return cast("ServerConfig", await self._http.get("/api/config", ServerConfig))

    async def version(self) -> Version:
        """Fetch the server's version; `antiphon` is set on a server of ours."""
        return cast("Version", await self._http.get("/api/version", Version))

    async def sign_in(self, email: str, password: str) -> SessionUser:
        """Trade a password for a token. Raises `Rejected` when they do not match."""
        form = SignInForm(email=email, password=password)
        return cast("SessionUser", await self._http.post("/api/v1/auths/signin", SessionUser, form))

    async def sign_up(self, name: str, email: str, password: str) -> SessionUser:
        """Make an account; the first one on a server is its administrator."""
        form = SignUpForm(name=name, email=email, password=password)
        return cast("SessionUser", await self._http.post("/api/v1/auths/signup", SessionUser, form))

    async def sign_out(self) -> SignedOut:
        """End the session on the server (POST in 0.12.4, GET in 0.6.41)."""
        try:
            return cast("SignedOut", await self._http.post("/api/v1/auths/signout", SignedOut))
        except (NotFound, Rejected):
            return cast("SignedOut", await self._http.get("/api/v1/auths/signout", SignedOut))

    async def session_user(self) -> SessionUser:
        """Fetch the person the token belongs to. Raises `errors.SignedOut` when it belongs to nobody."""
        return cast("SessionUser", await self._http.get("/api/v1/auths/", SessionUser))

    async def signed_in(self) -> bool:
        """Tell whether the token is good; Open WebUI answers 401 also to what a person may not use."""
        try:
            await self.session_user()
        except errors.SignedOut:
            return False
        return True

    async def settings(self) -> UserSettings:
        """Fetch this person's settings; a person without any has empty ones."""
        answer = await self._http.get("/api/v1/users/user/settings", UserSettings | None)
        return cast("UserSettings | None", answer) or UserSettings()

    async def update_settings(self, settings: UserSettings) -> UserSettings:
        """Replace this person's settings."""
        path = "/api/v1/users/user/settings/update"
        return (
            cast("UserSettings | None", await self._http.post(path, UserSettings | None, settings))
            or settings
        )

    async def people(self, query: str = "", page: int = 1) -> UserList:
        """List the people one may write to, a page at a time, by name or address."""
        return cast(
            "UserList", await self._http.get("/api/v1/users/search", UserList, query=query or None, page=page)
        )

    async def admin_config(self) -> AdminConfig:
        """Fetch the administrator's switches."""
        return cast("AdminConfig", await self._http.get("/api/v1/auths/admin/config", AdminConfig))

    async def update_admin_config(self, config: AdminConfig) -> AdminConfig:
        """Replace the administrator's switches."""
        return cast("AdminConfig", await self._http.post("/api/v1/auths/admin/config", AdminConfig, config))
