"""A real Chromium, signed in as a person, with its network counted by the browser itself."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import (
    Browser,
    BrowserContext,
    Page,
    StorageState,
    async_playwright,
)

from bench.accounts import Person
from bench.failure import BenchError
from bench.target import Kind, Server

QUIET = 0.5  # seconds without a network event after which a page load counts as over
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium_path() -> str | None:
    """The Chromium named by CHROMIUM, else an installed one; None lets Playwright take its own."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser process for the block, started and past its first page."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=["--no-first-run"])
        try:
            page = await browser.new_page()
            await page.goto("about:blank")
            await page.context.close()
            yield browser
        finally:
            await browser.close()


async def signed_in(browser: Browser, server: Server, person: Person) -> StorageState:
    """What a browser holds once this person has signed in: cookies or a stored token, by the product."""
    if server.kind is Kind.OPEN_WEBUI:
        stored: Any = [{"name": "token", "value": person.token}, {"name": "locale", "value": "en-US"}]
        return {"cookies": [], "origins": [{"origin": server.url, "localStorage": stored}]}
    context = await browser.new_context()
    try:
        page = await context.new_page()
        await page.goto(f"{server.url}/auth")
        await page.get_by_label("Email").fill(person.email)
        await page.get_by_label("Password", exact=True).fill(person.password)
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await page.wait_for_url(lambda url: "/auth" not in url, timeout=15_000)
        return await context.storage_state()
    finally:
        await context.close()


class Traffic:
    """Requests and bytes of one page as the browser's network stack saw them, headers included."""

    def __init__(self) -> None:
        self.requests = 0
        self.failed: list[str] = []
        self._bytes: dict[str, int] = {}
        self._cached: set[str] = set()
        self._last = time.monotonic()

    @classmethod
    async def of(cls, context: BrowserContext, page: Page) -> Traffic:
        """Begin to count; call before the page is loaded."""
        self = cls()
        session = await context.new_cdp_session(page)
        session.on("Network.requestWillBeSent", self._sent)
        session.on("Network.requestServedFromCache", self._from_cache)
        session.on("Network.responseReceived", self._answered)
        session.on("Network.dataReceived", self._data)
        session.on("Network.loadingFinished", self._finished)
        session.on("Network.loadingFailed", self._failed)
        session.on("Network.webSocketCreated", self._websocket)
        await session.send("Network.enable")
        return self

    @property
    def received(self) -> int:
        """Bytes over the wire so far."""
        return sum(self._bytes.values())

    async def quiet(self, limit: float) -> None:
        """Wait until nothing has moved for half a second, at most `limit` seconds."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            left = QUIET - (time.monotonic() - self._last)
            if left <= 0:
                return
            await asyncio.sleep(left)

    def _add(self, request: str, count: int) -> None:
        self._bytes[request] = self._bytes.get(request, 0) + count
        self._last = time.monotonic()

    def _sent(self, event: dict[str, Any]) -> None:
        if not str(event["request"]["url"]).startswith(("data:", "blob:")):
            self.requests += 1
            self._last = time.monotonic()
        redirect = event.get("redirectResponse")
        if redirect:
            self._add(event["requestId"] + "+", int(redirect.get("encodedDataLength", 0)))

    def _from_cache(self, event: dict[str, Any]) -> None:
        self._out(event["requestId"])

    def _answered(self, event: dict[str, Any]) -> None:
        response = event["response"]
        if (
            response.get("fromDiskCache")
            or response.get("fromPrefetchCache")
            or response.get("fromServiceWorker")
        ):
            self._out(event["requestId"])
        else:
            self._add(event["requestId"], int(response.get("encodedDataLength", 0)))

    def _out(self, request: str) -> None:
        """Answered without the network: no request of this load."""
        if request not in self._cached:
            self._cached.add(request)
            self.requests -= 1

    def _data(self, event: dict[str, Any]) -> None:
        self._add(event["requestId"], int(event.get("encodedDataLength", 0)))

    def _finished(self, event: dict[str, Any]) -> None:
        self._bytes[event["requestId"]] = int(event.get("encodedDataLength", 0))  # the exact total
        self._last = time.monotonic()

    def _failed(self, event: dict[str, Any]) -> None:
        if not event.get("canceled"):
            self.failed.append(str(event.get("errorText")))

    def _websocket(self, event: dict[str, Any]) -> None:
        self.requests += 1
        self._last = time.monotonic()


async def heap_mib(context: BrowserContext, page: Page) -> float:
    """JavaScript heap of the page in MiB, after a collection."""
    session = await context.new_cdp_session(page)
    await session.send("HeapProfiler.collectGarbage")
    await session.send("Performance.enable")
    metrics = await session.send("Performance.getMetrics")
    for metric in metrics["metrics"]:
        if metric["name"] == "JSHeapUsedSize":
            return float(metric["value"]) / (1024 * 1024)
    raise BenchError("the browser names no heap size")
