"""The pictures of the documentation: `python -m bench.screenshots`, or `make screenshots`.

A real Antiphon on a fresh data folder, three people who talk, a small provider that answers, a real Chromium.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import aiohttp
from aiohttp import web
from playwright.async_api import Browser, Page, StorageState

from bench.accounts import REQUEST_LIMIT, Person, Rest
from bench.browser import chromium, signed_in
from bench.target import ROOT, Kind, Launch, started

IMAGES = ROOT / "docs" / "images"
Colours = Literal["light", "dark"]
DESKTOP = (1280, 800)
PHONE = (390, 844)
MODEL = "small-assistant"

PEOPLE = ("Ana Ruiz", "Ben Okafor", "Chidi Lund")
TALK = (
    (0, "Good morning! The release candidate is on the staging machine."),
    (
        0,
        (
            "Please try **one thing each** before noon:\n\n"
            "- sign up with a fresh address\n- cut the Wi-Fi and keep typing"
        ),
    ),
    (1, "Typed three messages in the train tunnel. All three arrived when we came out, in order, once."),
    (2, "Same here. This is what my bot does now:"),
    (
        2,
        (
            "```python\nasync with Client.sign_in(url, email, password) as client:\n"
            '    await client.channel(general).send("The build is green.")\n```'
        ),
    ),
    (1, "Ten lines shorter than the old one. :)"),
    (0, "Then we ship it at two."),
)
QUESTION = "What should a team look at before it calls a chat server finished?"
TITLE = "Before it is finished"
ANSWER = """Three questions settle most of it.

1. **Is anything lost?** Cut the network in mid-sentence, restart the server in mid-answer, and compare.
2. **Is anything done twice?** A message sent again after a time-out must arrive once.
3. **Does it say what it does?** A page that waits should say so, and for how long.

| What you cut | What people should see |
|---|---|
| the page's link | "Waiting", then everything that was missed |
| the server | the same, still signed in |
| the model | the text so far, and why it ended |

```python
async with asyncio.timeout(20):
    await connect()
```
"""


async def _models(_: web.Request) -> web.Response:
    return web.json_response(
        {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "here"}]}
    )


async def _complete(request: web.Request) -> web.StreamResponse:
    body = await request.json()
    if not body.get("stream"):  # the title
        message = {"role": "assistant", "content": json.dumps({"title": TITLE, "tags": [], "follow_ups": []})}
        return web.json_response({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for word in ANSWER.split(" "):
        delta = {"choices": [{"index": 0, "delta": {"content": f"{word} "}, "finish_reason": None}]}
        await response.write(f"data: {json.dumps(delta)}\n\n".encode())
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    await response.write(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())
    return response


@asynccontextmanager
async def _provider() -> AsyncIterator[str]:
    """A provider whose only model gives `ANSWER`; its address."""
    app = web.Application()
    app.add_routes([web.get("/v1/models", _models), web.post("/v1/chat/completions", _complete)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _sign_up(guest: Rest, name: str) -> Person:
    form = {
        "name": name,
        "email": f"{name.split(maxsplit=1)[0].lower()}@example.org",
        "password": f"Picture-{uuid.uuid4()}",
    }
    data = await guest.post("/api/v1/auths/signup", form)
    return Person(data["id"], name, form["email"], form["password"], data["token"])


async def _talk(rests: list[Rest]) -> str:
    """Let the people write in `general`; gives the channel's id."""
    channels = await rests[0].get("/api/v1/channels/")
    general: str = next(c["id"] for c in channels if c["name"] == "general")
    posted: list[dict[str, Any]] = [
        await rests[who].post(f"/api/v1/channels/{general}/messages/post", {"content": text})
        for who, text in TALK
    ]
    for who in (0, 2):
        path = f"/api/v1/channels/{general}/messages/{posted[2]['id']}/reactions/add"
        await rests[who].post(path, {"name": "tada"})
    return general


@asynccontextmanager
async def _page(
    browser: Browser,
    state: StorageState,
    size: tuple[int, int] = DESKTOP,
    colours: Colours = "light",
) -> AsyncIterator[Page]:
    context = await browser.new_context(
        storage_state=state,
        viewport={"width": size[0], "height": size[1]},
        color_scheme=colours,
        device_scale_factor=1.5,
        reduced_motion="reduce",
    )
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def _ask(page: Page, url: str) -> str:
    """Ask the model in the page and wait for the answer and its title; gives the chat's address."""
    await page.goto(url)
    await page.get_by_label("Model").select_option(MODEL)
    box = page.get_by_role("textbox", name="Message")
    await box.fill(QUESTION)
    await box.press("Enter")
    await page.locator("article[data-role=assistant][data-state=done]").wait_for()
    await page.get_by_role("link", name=TITLE).wait_for()
    return page.url


async def take() -> None:
    """Take every picture afresh into `docs/images`."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="antiphon-pictures-") as folder:
        async with (
            _provider() as models,
            started(Launch(Kind.ANTIPHON), Path(folder), models) as server,
            aiohttp.ClientSession(timeout=REQUEST_LIMIT) as http,
            chromium() as browser,
        ):
            people = [await _sign_up(Rest(server.url, http), name) for name in PEOPLE]
            general = await _talk([Rest(server.url, http, person.token) for person in people])
            state = await signed_in(browser, server, people[0])
            async with _page(browser, state) as page:
                chat = await _ask(page, server.url)
            channel = f"{server.url}/channels/{general}"
            pictures: tuple[tuple[str, str, tuple[int, int], Colours], ...] = (
                ("channel-light", channel, DESKTOP, "light"),
                ("channel-dark", channel, DESKTOP, "dark"),
                ("channel-phone", channel, PHONE, "light"),
                ("chat-light", chat, DESKTOP, "light"),
                ("chat-dark", chat, DESKTOP, "dark"),
            )
            for name, address, size, colours in pictures:
                async with _page(browser, state, size, colours) as page:
                    await page.goto(address)
                    await page.get_by_role("log").locator("article").last.wait_for()
                    await page.get_by_text("Connected", exact=True).first.wait_for(state="attached")
                    await page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    asyncio.run(take())
