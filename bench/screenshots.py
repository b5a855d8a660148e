"""The pictures of the documentation: `python -m bench.screenshots`, or `make screenshots`.

A real Antiphon on a fresh data folder, three people who talk, a model's answer, and a real Chromium that looks.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, StorageState

from bench import provider
from bench.accounts import Person, Rest, made
from bench.browser import chromium, signed_in

from bench.target import ROOT, Kind, Launch, Server, started

IMAGES = ROOT / "docs" / "images"
DESKTOP = (1280, 800)
PHONE = (390, 844)

TALK = (
    (0, "Good morning! The release candidate is on the staging machine."),
    (
        0,
        "Please try **one thing each** before noon:\n\n- sign up with a fresh address\n- cut the Wi-Fi and keep typing",
    ),
    (1, "Typed three messages in the train tunnel. All three arrived when we came out, in order, once."),
    (2, "Same here. This is what my bot does now:"),
    (
        2,
        "```python\nasync with Client.sign_in(url, email, password) as client:\n"
        '    await client.channel(general).send("The build is green.")\n```',
    ),
    (1, "Ten lines shorter than the old one. :)"),
    (0, "Then we ship it at two."),
)
QUESTION = "What should a team look at before it calls a chat server finished?"
ANSWER = """Three questions settle most of it.

1. **Is anything lost?** Cut the network in mid-sentence, restart the server in mid-answer, and compare what people
   see with what was written.
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


async def _chat(rest: Rest) -> str:
    """A stored chat with one question and its answer; its id."""
    asked, answered = str(uuid.uuid4()), str(uuid.uuid4())
    now = int(time.time())
    question: dict[str, Any] = {
        "id": asked,
        "parentId": None,
        "childrenIds": [answered],
        "role": "user",
        "content": QUESTION,
        "timestamp": now,
        "models": ["eliza"],
    }
    answer: dict[str, Any] = {
        "id": answered,
        "parentId": asked,
        "childrenIds": [],
        "role": "assistant",
        "content": ANSWER,
        "done": True,
        "model": "eliza",
        "modelName": "Eliza",
        "timestamp": now,
    }
    history = {"messages": {asked: question, answered: answer}, "currentId": answered}
    chat = {
        "title": "Before it is finished",
        "models": ["eliza"],
        "history": history,
        "messages": [question, answer],
    }
    made_chat = await rest.post("/api/v1/chats/new", {"chat": chat})
    return str(made_chat["id"])


async def _picture(
    browser: Browser,
    address: str,
    name: str,
    *,
    state: StorageState | None = None,
    size: tuple[int, int] = DESKTOP,
    colours: Literal["light", "dark"] = "light",
) -> None:
    context = await browser.new_context(
        storage_state=state,
        viewport={"width": size[0], "height": size[1]},
        color_scheme=colours,
        device_scale_factor=2,
        reduced_motion="reduce",
    )
    try:
        page = await context.new_page()
        await page.goto(address)
        if state:
            await page.get_by_role("log").locator("article").last.wait_for()
            await page.evaluate("document.fonts.ready")
        await page.screenshot(path=IMAGES / f"{name}.png")
    finally:
        await context.close()


async def _talk(server: Server, people: list[Person], rests: list[Rest]) -> str:
    """Let the people write in `general`; gives the channel's id."""
    channels = await rests[0].get("/api/v1/channels/")
    general = next(c["id"] for c in channels if c["name"] == "general")
    posted = [
        await rests[who].post(f"/api/v1/channels/{general}/messages/post", {"content": text})
        for who, text in TALK
    ]
    reacted = f"/api/v1/channels/{general}/messages/{posted[2]['id']}/reactions/add"
    for who in (0, 2):
        await rests[who].post(reacted, {"name": "tada"})
    return str(general)


async def take() -> None:
    """Take every picture afresh into `docs/images`."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="antiphon-pictures-") as folder:
        async with (
            provider.running() as models,
            started(Launch(Kind.ANTIPHON), Path(folder), models) as server,
            made(server, 0) as accounts,
            chromium() as browser,
        ):
            guest = Rest(server.url, accounts.http)
            people = []
            for name in ("Ana Ruiz", "Ben Okafor", "Chidi Lund"):
                form = {
                    "name": name,
                    "email": f"{name.split()[0].lower()}@example.org",
                    "password": f"Picture-{uuid.uuid4()}",
                }
                data = await guest.post("/api/v1/auths/signup", form)
                people.append(Person(data["id"], name, form["email"], form["password"], data["token"]))
            rests = [accounts.rest(person) for person in people]
            general = await _talk(server, people, rests)
            chat = await _chat(rests[0])
            state = await signed_in(browser, server, people[0])
            channel_address = f"{server.url}/channels/{general}"
            await _picture(browser, channel_address, "channel-light", state=state)
            await _picture(browser, channel_address, "channel-dark", state=state, colours="dark")
            await _picture(browser, channel_address, "channel-phone", state=state, size=PHONE)
            await _picture(browser, f"{server.url}/c/{chat}", "chat-light", state=state)
            await _picture(browser, f"{server.url}/c/{chat}", "chat-dark", state=state, colours="dark")


if __name__ == "__main__":
    asyncio.run(take())
