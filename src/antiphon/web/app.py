"""The page as an ASGI application."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route

from antiphon.client.errors import AntiphonError

from .accounts import Accounts, RenewCookie
from .actions import Actions
from .answers import SIGNED_OUT, BadRequest, Fields, failed, form_of
from .assets import Assets
from .pages import Pages, redirect
from .people import People
from .providers import Providers
from .security import SecurityHeaders, comes_from_elsewhere, path_of_ours
from .sessions import Sessions
from .stream import RESTART
from .streaming import Streaming
from .zones import zone_told

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from .person import Person
    from .settings import PageSettings

    View = Callable[[Request, Person], Awaitable[Response]]


DAY: Final = 86_400


class PageApp:
    """The page. Besides being an ASGI application it can be drained: streams are told, clients are closed.

    `start` reads the files and the sessions, off the event loop; the lifespan calls it, and `stop`.
    """

    def __init__(self, settings: PageSettings) -> None:
        self.settings = settings
        self._site: Site | None = None

    @property
    def site(self) -> Site:
        """The parts of the running page."""
        if self._site is None:
            raise RuntimeError("the page was not started: it needs its lifespan")
        return self._site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self.site.app(scope, receive, send)
        else:  # the page speaks no WebSocket
            await send({"type": "websocket.close", "code": 1008})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def start(self) -> None:
        """Read the files and the sessions."""
        self._site = await asyncio.to_thread(Site, self.settings)
        self._site.people.wake()

    async def drain(self) -> None:
        """Tell every stream that the page restarts, and close all clients, within `drain_within` seconds."""
        if self._site is not None:
            await self._site.drain()

    async def stop(self) -> None:
        """Drain, and close the sessions."""
        if self._site is not None:
            await self._site.drain()
            await asyncio.to_thread(self._site.sessions.close)
            self._site = None


class Site:
    """The parts of a running page."""

    def __init__(self, settings: PageSettings) -> None:
        self.settings = settings
        self.assets = Assets.load()
        self.sessions = Sessions(
            settings.data_dir / "page.sqlite3",
            lifetime=settings.session_days * DAY,
            longest=settings.session_days_most * DAY,
        )
        self.people = People(settings, self.sessions)
        self.pages = Pages(settings, self.assets)
        self.accounts = Accounts(settings, self.sessions, self.people, self.pages)
        self.actions = Actions(settings)
        self.providers = Providers(self.pages)
        self.streaming = Streaming(settings, self.people, self.accounts.session_of, self.assets.digest)
        self.app = SecurityHeaders(RenewCookie(self._starlette()))

    async def drain(self) -> None:
        """Tell every stream that the page restarts, and close all clients, within `drain_within` seconds."""
        self.streaming.draining = True
        with suppress(TimeoutError):  # a client that cannot say goodbye in time is cut with the process
            async with asyncio.timeout(self.settings.drain_within):
                await self.actions.close()
                await self.people.close(RESTART)

    def _starlette(self) -> Starlette:
        view, own = self._view, self._own
        post = ["POST"]
        return Starlette(
            routes=[
                Route("/", view(self.pages.home)),
                Route("/channels/{id}", view(self.pages.channel)),
                Route("/c/{id}", view(self.pages.chat)),
                Route("/settings/providers", view(self.providers.page)),
                Route("/auth", self.accounts.page),
                Route("/page/stream", self.streaming, methods=["GET"]),
                Route("/page/sign-in", own(self.accounts.sign_in), methods=post),
                Route("/page/sign-up", own(self.accounts.sign_up), methods=post),
                Route("/page/sign-out", own(self.accounts.sign_out), methods=post),
                Route("/page/theme", own(self._theme), methods=post),
                Route("/page/people/{id}", view(self._direct)),
                Route("/page/providers/add", own(view(self.providers.add)), methods=post),
                Route("/page/providers/{index:int}/verify", own(view(self.providers.verify)), methods=post),
                Route("/page/providers/{index:int}/remove", own(view(self.providers.remove)), methods=post),
                Route("/page/{action}", own(self._action), methods=post),
                Route("/favicon.ico", self._favicon),
                Mount("/static", app=self._static),
            ],
            exception_handlers={
                HTTPException: self._http_error,
                BadRequest: self._bad_request,
                500: self._broken,
            },
        )

    # Who asks

    def _view(self, view: View) -> Callable[[Request], Awaitable[Response]]:
        """Make a handler of a view that needs a person; whoever is not signed in is sent to do that."""

        async def handle(request: Request) -> Response:
            person = await self._person(request)
            if person is None:
                wanted = request.url.path if request.method == "GET" else "/"
                back = "" if wanted == "/" else f"?redirect={quote(path_of_ours(wanted))}"
                return redirect(request, f"/auth{back}")
            return await view(request, person)

        return handle

    def _own(
        self, handle: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Refuse a changing request that another site's page started."""

        async def checked(request: Request) -> Response:
            if comes_from_elsewhere(request.headers):
                return failed("This request comes from another site.", 403)
            return await handle(request)

        return checked

    async def _person(self, request: Request) -> Person | None:
        session = await self.accounts.session_of(request)
        if session is None:
            return None
        person = await self.people.of(session)
        person.show_in(await zone_told(request.cookies))
        return person

    # Small handlers

    async def _action(self, request: Request) -> Response:
        fields = await Fields.of(request)
        person = await self._person(request)
        if person is None:
            return failed(SIGNED_OUT, 401)
        answer = await self.actions.run(request.path_params["action"], person, fields)
        if answer.status_code >= 400 and (
            person.signed_out or await self.accounts.session_of(request) is None
        ):
            # The session ended meanwhile: the browser keeps what was written, to send it later.
            return failed(SIGNED_OUT, 401)
        return answer

    async def _direct(self, request: Request, person: Person) -> Response:
        """Open the conversation with one person."""
        if comes_from_elsewhere(request.headers):
            return redirect(request, "/")
        try:
            channel = await person.client.rest.channels.direct(request.path_params["id"])
        except AntiphonError as error:
            return self.pages.failed(request, person, error, "This person is gone.")
        return RedirectResponse(f"/channels/{channel.id}", status_code=303)

    async def _theme(self, request: Request) -> Response:
        """Keep the choice of colours; for browsers without script."""
        theme = (await form_of(request)).get("theme", "")
        answer = RedirectResponse("/", status_code=303)
        if theme in {"light", "dark", "system"}:
            answer.set_cookie("theme", theme, max_age=31_536_000, samesite="lax")
        return answer

    async def _favicon(self, _: Request) -> Response:
        return RedirectResponse(self.assets.url("icons/mark.svg"), status_code=301)

    async def _static(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.assets(scope, receive, send)

    # What goes wrong

    async def _http_error(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for these alone
        if request.method != "GET":
            return failed(error.detail, error.status_code)
        if request.url.path.startswith("/page/"):
            return redirect(request, "/")  # the address of a form's answer, opened again
        return self.pages.nothing(request, await self._person(request), error.status_code)

    async def _bad_request(self, _: Request, error: Exception) -> Response:
        assert isinstance(error, BadRequest)  # noqa: S101 - registered for these alone
        return failed(error.detail, error.status)

    async def _broken(self, request: Request, _: Exception) -> Response:
        if request.method != "GET":
            return failed("Something broke on this page. It is not your fault; try again.", 500)
        return self.pages.nothing(request, None, 500)


def create_app(settings: PageSettings) -> PageApp:
    """Make the page for a server."""
    return PageApp(settings)
