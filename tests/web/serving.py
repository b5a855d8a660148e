"""A page and its server in the test's own event loop; streams are read over HTTP, as a browser reads them."""

from __future__ import annotations

import asyncio
import io
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp
import uvicorn
from tests.server.serving import PASSWORD, Server, serving

from antiphon.web.app import PageApp, Site, create_app
from antiphon.web.settings import PageSettings


class Page:
    """A running page."""

    def __init__(self, url: str, app: PageApp, server: Server | None) -> None:
        self.url = url
        self.app = app
        self.server = server
        self.browsers: list[Browser] = []

    @property
    def site(self) -> Site:
        """The parts of the page."""
        return self.app.site

    def browser(self) -> Browser:
        """Open a browser with an empty cookie jar."""
        made = Browser(self)
        self.browsers.append(made)
        return made

    def like(self, other: Browser) -> Browser:
        """Open another browser with the cookies of `other`, and connections of its own."""
        made = self.browser()
        made.http.cookie_jar.update_cookies({cookie.key: cookie.value for cookie in other.http.cookie_jar})
        return made

    async def person(self, name: str) -> Browser:
        """Somebody with an account, signed in."""
        browser = self.browser()
        answer = await browser.form(
            "/page/sign-up", name=name, email=f"{name.lower()}@example.com", password=PASSWORD
        )
        assert answer.status == 303, answer.text
        return browser

    async def close(self) -> None:
        """Close all browsers."""
        for browser in self.browsers:
            await browser.close()


@dataclass
class Answer:
    """What the page answered."""

    status: int
    headers: Any
    text: str
    json: Any = None

    @property
    def alert(self) -> str:
        """The words of the page's alert."""
        found = re.search(r'role="alert"[^>]*>(.*?)</p>', self.text, re.DOTALL)
        return re.sub(r"<[^>]*>", "", found.group(1)).strip() if found else ""


class Browser:
    """Cookies, forms, actions and streams of one browser, without a screen."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.http = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), connector=aiohttp.TCPConnector(limit=0)
        )
        self.streams: list[Tab] = []

    async def get(self, path: str, **headers: str) -> Answer:
        """Fetch a page; redirects are not followed."""
        return await self._ask("GET", path, headers=headers)

    async def form(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> Answer:
        """Send a plain form."""
        return await self._ask("POST", path, headers=headers or {}, data=fields)

    async def act(self, name: str, body: Any = None, **fields: Any) -> Answer:
        """Do an action, as the page's script does."""
        return await self._ask("POST", f"/page/{name}", json=fields if body is None else body)

    async def raw(self, path: str, body: bytes) -> Answer:
        """Post bytes."""
        return await self._ask(
            "POST", path, data=io.BytesIO(body), headers={"content-type": "application/json"}
        )

    async def _ask(self, method: str, path: str, **options: Any) -> Answer:
        async with self.http.request(
            method, self.page.url + path, allow_redirects=False, **options
        ) as answer:
            is_json = answer.content_type == "application/json"
            return Answer(
                answer.status, answer.headers, await answer.text(), await answer.json() if is_json else None
            )

    async def general(self) -> str:
        """The id of the channel that everybody is in."""
        async with asyncio.timeout(10):
            while True:
                home = await self.get("/")
                if found := re.search(r'href="/channels/([^"]+)"', home.text):
                    return found.group(1)

    async def open(self, **query: str) -> Tab:
        """Open a stream, as a tab does."""
        tab = Tab(
            await self.http.get(
                self.page.url + "/page/stream", params=query, timeout=aiohttp.ClientTimeout(total=None)
            )
        )
        self.streams.append(tab)
        return await tab.begin()

    async def close(self) -> None:
        """Close the streams and the connections."""
        for tab in self.streams:
            await tab.close()
        await self.http.close()


@dataclass
class Event:
    """One server-sent event."""

    name: str
    data: str
    id: str = ""


@dataclass
class Tab:
    """A stream as it arrives."""

    response: aiohttp.ClientResponse
    events: list[Event] = field(default_factory=list)
    ended: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _reading: asyncio.Task[None] | None = None
    paused: asyncio.Event = field(default_factory=asyncio.Event)

    async def begin(self) -> Self:
        """Start to read."""
        self.paused.set()
        self._reading = asyncio.create_task(self._read())
        await self.until(lambda: bool(self.events) or self.ended)
        return self

    @property
    def name(self) -> str:
        """The stream's own name, from its first event."""
        found = re.search(r'"stream": "([^"]+)"', self.events[0].data)
        assert found is not None
        return found.group(1)

    def of(self, name: str) -> list[Event]:
        """The events of one name so far."""
        return [event for event in self.events if event.name == name]

    @property
    def html(self) -> str:
        """All patches so far."""
        return "\n".join(event.data for event in self.of("patch"))

    async def until(self, condition: Any) -> None:
        """Wait until what arrived so far meets a condition."""
        async with asyncio.timeout(20):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def shows(self, text: str) -> None:
        """Wait until a patch holds a text."""
        await self.until(lambda: text in self.html)

    async def ends(self) -> None:
        """Wait for the end of the stream."""
        await self.until(lambda: self.ended)

    async def _read(self) -> None:
        name, data, id_ = "", [], ""
        try:
            async for raw in self.response.content:
                await self.paused.wait()
                line = raw.decode().rstrip("\n")
                if not line:
                    self.events.append(Event(name, "\n".join(data), id_))
                    name, data, id_ = "", [], ""
                    self._changed.set()
                elif line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("id: "):
                    id_ = line[4:]
                elif line.startswith("data: "):
                    data.append(line[6:])
        except aiohttp.ClientError:
            pass  # the connection was cut, which is an end as well
        self.ended = True
        self._changed.set()

    async def close(self) -> None:
        """Close the tab."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        self.response.close()


@asynccontextmanager
async def page_for(
    server: Server | None, folder: Path, *, url: str = "", **settings: Any
) -> AsyncIterator[Page]:
    """Run a page for a server, or for the one at `url`; its sessions are in `folder`."""
    app = create_app(PageSettings(server_url=server.url if server else url, data_dir=folder, **settings))
    listening = socket.create_server(("127.0.0.1", 0), backlog=500)
    config = uvicorn.Config(
        app, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    uvicorn_server = _Uvicorn(config)
    await app.start()
    task = asyncio.create_task(uvicorn_server.serve(sockets=[listening]))
    await uvicorn_server.accepting.wait()
    page = Page(f"http://127.0.0.1:{listening.getsockname()[1]}", app, server)
    try:
        yield page
    finally:
        await app.drain()
        await page.close()
        uvicorn_server.should_exit = True
        await task
        await app.stop()


@asynccontextmanager
async def whole(folder: Path, **settings: Any) -> AsyncIterator[Page]:
    """Run a server and a page for it."""
    async with serving(folder / "server") as server, page_for(server, folder / "page", **settings) as page:
        yield page


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()
