"""A channel page with 50 messages in a real Chromium: how long until one can write, and what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from playwright.async_api import Browser, BrowserContext, Page, StorageState, ViewportSize
from playwright.async_api import Error as PlaywrightError

from bench import browser as browsers
from bench import floor
from bench.failure import BenchError
from bench.scenario import Figure, Sizes, Subject
from bench.swarm import Swarm
from bench.target import Kind

SETTLE = 1.0  # seconds between opening a tab and loading the page: opening and closing tabs is work, too
LAST = "bench-last-row"
COMPOSER = {
    Kind.ANTIPHON: "textarea#message",
    Kind.OPEN_WEBUI: "[contenteditable=true].ProseMirror, textarea#chat-input",
}
VIEWPORT: ViewportSize = {"width": 1280, "height": 800}

# Looks once per painted frame. Usable: the page's own scripts have run (DOMContentLoaded comes after deferred
# modules), the composer is shown and takes text, and the newest message is on screen. The time is the page's
# own, from the start of the navigation, so that the remote control's delay is not in it.
LOOK = """
(() => {
  let ready = false;
  addEventListener('DOMContentLoaded', () => { ready = true; });
  const onScreen = element => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && box.top < innerHeight && box.bottom > 0;
  };
  const holds = (element, mark) => {
    const walk = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode())
      if (node.data.includes(mark)) return node.parentElement;
    return null;
  };
  const usable = () => {
    if (!ready) return false;
    const composer = document.querySelector(%(composer)s);
    if (!composer || composer.disabled || composer.readOnly || !onScreen(composer)) return false;
    const row = holds(document.body, %(mark)s);
    return row !== null && onScreen(row);
  };
  const look = () => {
    if (document.body && usable()) window.__usableAt = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""


def look_for(composer: str, mark: str) -> str:
    """The observer as a script for this product's page."""
    return LOOK % {"composer": repr(composer), "mark": repr(mark)}


class PageLoad:
    """Cold: an empty cache. Warm: again in a new tab of the same browser. Reloaded: again in the same tab."""

    name = "page"
    title = "Channel page in Chromium"
    needs_server = True

    def __init__(self) -> None:
        self._channels: dict[str, str] = {}

    def figures(self, sizes: Sizes) -> Sequence[Figure]:
        """Time, bytes and requests, cold and warm."""
        n = sizes.page_messages
        return (
            Figure("cold", f"Page with {n} messages usable, cold", "ms", aim=400),
            Figure("cold_bytes", "Bytes over the wire, cold", "KiB", aim=80),
            Figure("cold_requests", "Requests, cold", ""),
            Figure("warm", f"Page with {n} messages usable, warm", "ms", aim=200),
            Figure("warm_bytes", "Bytes over the wire, warm", "KiB"),
            Figure("warm_requests", "Requests, warm", ""),
            Figure("reload", f"Page with {n} messages usable, reloaded", "ms", aim=200),
            Figure("floor", "The browser's own floor: an empty page, warm", "ms", compared=False),
            Figure("heap", "JavaScript heap of the page", "MiB", digits=1),
        )

    def runs(self, sizes: Sizes) -> int:
        """Each run is one browser: one cold load and some warm ones, of which the middle one counts."""
        return sizes.page_runs

    async def once(self, subject: Subject, sizes: Sizes, swarm: Swarm) -> Mapping[str, float]:
        """One browser, one cold load, some warm loads."""
        subject.require_page()
        server, people = subject.running(), subject.people()
        channel = await people.channel("page")
        if subject.name not in self._channels:
            await people.fill(channel, sizes.page_messages, LAST)
            self._channels[subject.name] = channel
        address = f"{server.url}/channels/{channel}"
        async with browsers.chromium() as browser:
            state = await browsers.signed_in(browser, server, people.people[0])
            sample = await self._loads(browser, state, address, server.kind, sizes)
            return {**sample, "floor": await self._floor(browser, sizes)}

    async def _floor(self, browser: Browser, sizes: Sizes) -> float:
        """What this machine's browser takes for next to nothing just now: an empty page, third load."""
        context = await browser.new_context(viewport=VIEWPORT)
        await context.add_init_script(look_for(COMPOSER[Kind.ANTIPHON], LAST))
        async with floor.serving(LAST) as address:
            loads = [await self._load(context, address, sizes.limit) for _ in range(3)]
        return loads[-1]["ms"]

    async def _loads(
        self, browser: Browser, state: StorageState, address: str, kind: Kind, sizes: Sizes
    ) -> Mapping[str, float]:
        context = await browser.new_context(storage_state=state, viewport=VIEWPORT)
        await context.add_init_script(look_for(COMPOSER[kind], LAST))
        cold = await self._load(context, address, sizes.limit)
        warm = [await self._load(context, address, sizes.limit) for _ in range(sizes.page_warm_loads)]
        again = await self._reload(context, address, sizes.limit)
        warm.sort(key=lambda load: load["ms"])
        middle = warm[len(warm) // 2]
        return {
            "cold": cold["ms"],
            "cold_bytes": cold["kib"],
            "cold_requests": cold["requests"],
            "warm": middle["ms"],
            "warm_bytes": middle["kib"],
            "warm_requests": middle["requests"],
            "reload": again,
            "heap": cold["heap"],
        }

    async def _load(self, context: BrowserContext, address: str, limit: float) -> dict[str, float]:
        """One load in a tab of its own."""
        page = await context.new_page()
        try:
            return await self._show(context, page, address, limit)
        finally:
            await page.close()

    async def _reload(self, context: BrowserContext, address: str, limit: float) -> float:
        """The same address a second time in one tab."""
        page = await context.new_page()
        try:
            await self._show(context, page, address, limit)
            return (await self._show(context, page, address, limit))["ms"]
        finally:
            await page.close()

    async def _show(
        self, context: BrowserContext, page: Page, address: str, limit: float
    ) -> dict[str, float]:
        """Load the address in this tab, once tab and browser have come to rest."""
        try:
            traffic = await browsers.Traffic.of(context, page)
            await asyncio.sleep(SETTLE)
            await page.goto(address, wait_until="commit", timeout=limit * 1000)
            await page.wait_for_function("() => window.__usableAt !== undefined", timeout=limit * 1000)
            took = float(await page.evaluate("() => window.__usableAt"))
            await traffic.quiet(10)
            return {
                "ms": took,
                "kib": traffic.received / 1024,
                "requests": traffic.requests,
                "heap": await browsers.heap_mib(context, page),
            }
        except PlaywrightError as error:
            first = error.message.splitlines()[0]
            where = f"{first} (the tab is at {page.url})"
            raise BenchError(f"{address} did not become usable: {where}") from None
