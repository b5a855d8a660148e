"""The addresses a person sees: each is sent as whole HTML, the conversation on the first screen included."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING
from urllib.parse import quote

import htpy as h
from markupsafe import Markup
from starlette.responses import HTMLResponse, RedirectResponse, Response

from antiphon.client.channels.timeline import Row
from antiphon.client.errors import AntiphonError
from antiphon.wire import ChatMessage, Message, UserName

from . import compression, views
from .answers import answer_to
from .assets import HTMX_CONFIG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from antiphon.wire import ModelInfo

    from .assets import Assets
    from .feed import Feed
    from .person import Person
    from .settings import PageSettings

COMPRESS_ABOVE = 1024
"""Bytes of HTML above which compressing pays."""


class Pages:
    """Renders the views into whole documents."""

    def __init__(self, settings: PageSettings, assets: Assets) -> None:
        self._settings = settings
        self._assets = assets

    # Views of a person

    async def home(self, request: Request, person: Person) -> Response:
        """The start: a question to a model begins a chat."""
        if not await person.ready():
            return self.waiting(request, person)
        models = await person.models()
        main = views.home_main(
            user=person.user,
            models=models,
            selected=_selected(person, models),
            channels=person.client.channels.value,
        )
        return self.shell(request, person, main)

    async def channel(self, request: Request, person: Person) -> Response:
        """A channel with its newest messages."""
        id_ = request.path_params["id"]
        if not await person.ready():
            return self.waiting(request, person)
        try:
            feed = await person.channel(id_)
            detail = feed.known_detail()
        except AntiphonError as error:
            return self.failed(request, person, error, "This channel is gone, or you may not see it.")
        feed.flush_now()
        feed.mark_unread()
        newest = feed.newest()
        main = views.channel_main(
            detail,
            [],
            me=person.user,
            has_earlier=bool(newest) and feed.has_earlier(newest[0].message.id),
            typing=feed.typing,
            drawn=Markup("".join(feed.first_rows())),  # noqa: S704 - rendered by the views, and cached
        )
        title = views.channel_title(detail, person.user.id)
        return self.shell(
            request, person, main, title=title, current=id_, feed=feed, waiting=_channel_rows(person)
        )

    async def chat(self, request: Request, person: Person) -> Response:
        """A chat with all turns of its branch."""
        id_ = request.path_params["id"]
        if not await person.ready():
            return self.waiting(request, person)
        try:
            feed = await person.chat(id_)
        except AntiphonError as error:
            if id_ in person.gone:
                return self.shell(request, person, views.deleted_chat_main(), status=404)
            return self.failed(request, person, error, "This chat is gone, or it is not yours.")
        feed.flush_now()
        turns = feed.turns()
        models = await person.models()
        asked = next((turn.model for turn in reversed(turns) if turn.model), None)
        main = views.chat_main(
            feed.chat,
            turns,
            models=models,
            selected=asked or _selected(person, models),
            running=feed.chat.running,
            me=person.user,
            zone=person.zone,
        )
        title = feed.chat.title or "New chat"
        return self.shell(
            request, person, main, title=title, current=id_, feed=feed, waiting=_chat_rows(person)
        )

    def waiting(self, request: Request, person: Person) -> Response:
        """The server has not been reached yet: the page comes alive by itself."""
        if person.signed_out:
            return redirect(request, f"/auth?redirect={quote(request.url.path)}")
        main = views.error_main(503)
        return self.shell(request, person, main, status=503)

    def failed(self, request: Request, person: Person, error: AntiphonError, gone: str) -> Response:
        """A view that cannot be shown, with the reason and what to do."""
        status, detail = answer_to(error)
        main = views.error_main(status, gone if status == 404 else None if status >= 500 else detail)
        return self.shell(request, person, main, status=status)

    def nothing(self, request: Request, person: Person | None, status: int = 404) -> Response:
        """An address that shows nothing."""
        main = views.error_main(status, signed_in=person is not None)
        if person is None:
            return self.document(request, main, title=self._settings.product, status=status)
        return self.shell(request, person, main, status=status)

    # Documents

    def shell(
        self,
        request: Request,
        person: Person,
        main: h.Node,
        *,
        title: str = "",
        status: int = 200,
        current: str | None = None,
        feed: Feed | None = None,
        waiting: h.Node = None,
    ) -> Response:
        """A view in its frame: sidebar, links, and what the script has to know."""
        sidebar = person.sidebar
        sidebar.flush_now()
        theme = request.cookies.get("theme")
        user = person.user
        unread = sidebar.unread
        config = person.client.config.value
        product = (config.name if config else "") or self._settings.product
        title = f"{title} · {product}" if title else product
        state = h.div(
            "#page-state",
            hidden=True,
            data_user=user.id,
            data_build=self._assets.digest,
            data_version=feed.version if feed is not None else "",
            data_sidebar=sidebar.version,
            data_title=title,
            data_unread=unread,
        )[waiting]
        shell = views.app_shell(
            user=user,
            sidebar=views.sidebar(
                user=user,
                channels=sidebar.channels,
                people=sidebar.people,
                chats=sidebar.chats,
                current=current,
                theme=theme,
                zone=person.zone,
            ),
            main=[main, state],
            server_link=views.server_link(sidebar.link),
        )
        shown = f"({unread}) {title}" if unread else title
        return self.document(request, shell, title=shown, status=status, signed_in=True)

    def document(
        self, request: Request, main: h.Node, *, title: str, status: int = 200, signed_in: bool = False
    ) -> Response:
        """A whole document, compressed for browsers that take it so."""
        document = views.document(
            title=title,
            main=main,
            assets=self._assets,
            signed_in=signed_in,
            theme=request.cookies.get("theme"),
            htmx_config=HTMX_CONFIG,
        )
        body = str(document).encode()
        headers = {"cache-control": "no-store", "vary": "accept-encoding, cookie"}
        if len(body) > COMPRESS_ABOVE and "br" in request.headers.get("accept-encoding", ""):
            body = compression.brotli(body, quality=4)
            headers["content-encoding"] = "br"
        return HTMLResponse(body, status_code=status, headers=headers)


def redirect(request: Request, path: str) -> Response:
    """Send the browser to another page of ours; htmx is told in its own way: it would swap the answer."""
    if "hx-request" in request.headers:
        return Response(headers={"hx-redirect": path})
    return RedirectResponse(path, status_code=303)


def _selected(person: Person, models: Sequence[ModelInfo]) -> str | None:
    """The model that a new chat begins with: the last one asked, the server's choice, or the first."""
    ids = [model.id for model in models]
    config = person.client.config.value
    wanted = [person.model, *((config.default_models or "").split(",") if config else [])]
    return next((id_ for id_ in wanted if id_ in ids), ids[0] if ids else None)


def _channel_rows(person: Person) -> h.Node:
    """The rows in which the browser shows what waits in its outbox: with a head, and under one."""
    me = person.user
    message = Message(
        id="", user_id=me.id, channel_id="", content="", created_at=0, updated_at=0,
        user=UserName(id=me.id, name=me.name, role=me.role),
    )  # fmt: skip
    row = Row("waiting", message, "pending")
    other = SimpleNamespace(
        key="",
        message=message.model_copy(update={"user_id": ""}),
        state="confirmed",
        error=None,
        temp_id=None,
    )
    return [
        h.template("#waiting-row")[views.message_row(row, me=me, previous=other)],
        h.template("#waiting-row-grouped")[views.message_row(row, me=me, previous=row)],
    ]


def _chat_rows(person: Person) -> h.Node:
    """The row in which the browser shows a question that waits in its outbox."""
    message = ChatMessage(id="waiting", role="user", content="…")
    return h.template("#waiting-row")[views.turn(message, running=False, me=person.user, last=False)]
