"""Signing in, signing up, signing out: plain forms that work without script."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from starlette.datastructures import MutableHeaders
from starlette.responses import RedirectResponse

from antiphon.client import Client
from antiphon.client.errors import AntiphonError, RequestFailed, Unreachable

from . import views
from .answers import form_of
from .pages import redirect
from .security import path_of_ours
from .sessions import COOKIE

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from antiphon.wire import ServerConfig

    from .pages import Pages
    from .people import People
    from .sessions import Session, Sessions
    from .settings import PageSettings

AWAY: Final = "The server cannot be reached right now. Try again in a moment."
ENDED: Final = (
    "You were signed out: your session has expired or was ended. Sign in again; what you wrote is kept."
)
CONFIG_FOR: Final = 5.0
"""Seconds that what the server says about sign-up is good for."""


class Accounts:
    """The page for someone without a session, and the way in and out."""

    def __init__(self, settings: PageSettings, sessions: Sessions, people: People, pages: Pages) -> None:
        self._settings = settings
        self._sessions = sessions
        self._people = people
        self._pages = pages
        self._config: ServerConfig | None = None
        self._config_at = -CONFIG_FOR

    async def session_of(self, request: Request) -> Session | None:
        """Return the session that the request's cookie names; a visit makes it last longer."""
        value = request.cookies.get(COOKIE)
        visit = await self._sessions.visit(value)
        if visit is None or value is None:
            return None
        if visit.renew is not None:
            request.scope[_RENEWED] = _cookie(request, value, visit.renew)
        return visit.session

    async def page(self, request: Request) -> Response:
        """Show the form to sign in, or to sign up; the first account's form where there is none yet."""
        target = path_of_ours(request.query_params.get("redirect"))
        if await self.session_of(request) is not None:
            return redirect(request, target)
        return await self._show(
            request,
            signing_up=request.query_params.get("mode") == "sign-up",
            target=target,
            notice=ENDED if COOKIE in request.cookies else None,  # signing out takes the cookie away
        )

    async def sign_in(self, request: Request) -> Response:
        """Trade an address and a password for a session."""
        form = await form_of(request)
        email, password = form.get("email", "").strip(), form.get("password", "")
        target = path_of_ours(form.get("next", ""))
        if not email or not password:
            return await self._show(
                request, target=target, email=email, error="Give your address and your password."
            )
        return await self._enter(
            request,
            Client.sign_in(
                self._settings.server_url, email, password, renew=False, data_dir=self._settings.client_dir
            ),
            target=target,
            email=email,
        )

    async def sign_up(self, request: Request) -> Response:
        """Make an account and a session for it."""
        form = await form_of(request)
        name, email = form.get("name", "").strip(), form.get("email", "").strip()
        password = form.get("password", "")
        target = path_of_ours(form.get("next", ""))
        if not name or not email or not password:
            return await self._show(
                request, signing_up=True, target=target, email=email, name=name,
                error="Give your name, your address and a password.",
            )  # fmt: skip
        client = Client.sign_up(
            self._settings.server_url, name, email, password, renew=False, data_dir=self._settings.client_dir
        )
        return await self._enter(request, client, signing_up=True, target=target, email=email, name=name)

    async def sign_out(self, request: Request) -> Response:
        """End the session here and on the server."""
        session = await self.session_of(request)
        if session is not None:
            await self._people.sign_out(session)
        answer = RedirectResponse("/auth", status_code=303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
        return answer

    async def _enter(
        self,
        request: Request,
        client: Client,
        *,
        target: str,
        email: str,
        name: str = "",
        signing_up: bool = False,
    ) -> Response:
        try:
            await client.start()
        except AntiphonError as error:
            await client.close()
            return await self._show(
                request, signing_up=signing_up, target=target, email=email, name=name, error=_words(error)
            )
        self._config_at = -CONFIG_FOR
        user, token = client.user.value, client.token
        if user is None or token is None:
            await client.close()
            return await self._show(
                request,
                signing_up=signing_up,
                target=target,
                email=email,
                error="The server gave no session.",
            )
        value, session = await self._sessions.start(
            token=token, user_id=user.id, name=user.name, email=user.email, role=user.role
        )
        self._people.adopt(session, client)
        answer = RedirectResponse(target, status_code=303)
        answer.headers.append("set-cookie", _cookie(request, value, self._sessions.first))
        return answer

    async def _show(
        self,
        request: Request,
        *,
        target: str,
        signing_up: bool = False,
        email: str = "",
        name: str = "",
        error: str | None = None,
        notice: str | None = None,
    ) -> Response:
        config = await self._server_config()
        first = bool(config and config.onboarding)
        open_ = first or not config or config.features.enable_signup is not False
        signing_up = open_ and (signing_up or (first and request.query_params.get("mode") != "sign-in"))
        if config is None and error is None:
            error = AWAY
        main = views.auth_page(
            "sign-up" if signing_up else "sign-in",
            error=error,
            notice=notice,
            email=email,
            name=name,
            first_account=first,
            signup_open=open_,
            next_path=target if target != "/" else None,
        )
        title = f"{'Create account' if signing_up else 'Sign in'} · {self._settings.product}"
        status = 200 if error is None else 503 if config is None else 422
        return self._pages.document(request, main, title=title, status=status)

    async def _server_config(self) -> ServerConfig | None:
        """What the server says about accounts; None if it cannot be reached."""
        now = time.monotonic()
        if now - self._config_at < CONFIG_FOR:
            return self._config
        client = Client(self._settings.server_url)
        try:
            self._config = await client.rest.accounts.config()
        except AntiphonError:
            return None
        finally:
            await client.rest.close()
        # Until there is an account the answer may change at any moment.
        self._config_at = -CONFIG_FOR if self._config.onboarding else now
        return self._config


_RENEWED: Final = "antiphon.cookie"
"""Where a request's scope holds the cookie that its response is to set anew."""


class RenewCookie:
    """Sets the session's cookie anew on whatever answers a visit that is due for it, streams included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything through; only the response's start is changed."""

        async def send_with_cookie(message: Message) -> None:
            cookie = scope.get(_RENEWED)
            if cookie is not None and message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "set-cookie" not in headers:  # signing out, or in, has the last word
                    headers.append("set-cookie", cookie)
            await send(message)

        await self.app(scope, receive, send_with_cookie)


def _cookie(request: Request, value: str, seconds: int) -> str:
    """The session's cookie as a header."""
    secure = "; Secure" if request.url.scheme == "https" else ""
    return f"{COOKIE}={value}; HttpOnly; Max-Age={seconds}; Path=/; SameSite=lax{secure}"


def _words(error: AntiphonError) -> str:
    match error:
        case RequestFailed() if error.status < 500:
            return error.detail
        case RequestFailed() | Unreachable():
            return AWAY
        case _:
            return f"Signing in did not work: {error}"
