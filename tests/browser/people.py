"""Somebody in front of a browser."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

PASSWORD = "correct horse battery staple"


class Visitor:
    """A person with a browser profile of their own."""

    def __init__(self, browser: Browser, name: str, url: str, **options: Any) -> None:
        self.name = name
        self.email = f"{name.lower().replace(' ', '.')}@example.com"
        self.url = url
        self.context = browser.new_context(**{"viewport": {"width": 1180, "height": 760}, **options})
        self.problems: list[str] = []
        self.page = self.tab()

    def tab(self) -> Page:
        """Open another tab."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.problems.append(f"{self.name}: {error}"))
        page.on("console", self._on_console)
        return page

    def _on_console(self, message: Any) -> None:
        # A server that is away makes the browser itself complain; that is no fault of the page.
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            self.problems.append(f"{self.name}: {message.text}")

    # Ways in

    def sign_up(self) -> None:
        """Make an account in the page; ends on the start page."""
        self.page.goto(self.url + "/auth?mode=sign-up")
        self.page.get_by_label("Name").fill(self.name)
        self.page.get_by_label("Email").fill(self.email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Create account").click()
        self.is_connected()

    def sign_in(self, password: str = PASSWORD) -> None:
        """Sign in in the page, from where it stands."""
        self.page.get_by_label("Email").fill(self.email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def enter(self, channel: str = "general") -> None:
        """Go to a channel by the sidebar."""
        self.page.locator("#channel-list").get_by_role("link", name=re.compile(channel)).click()
        expect(self.page.locator("#view[data-kind=channel]")).to_be_visible()
        self.is_connected()

    def is_connected(self) -> None:
        """The page hears its server."""
        expect(self.page.locator("#page-link")).to_have_attribute("data-state", "live", timeout=20_000)

    # The conversation

    @property
    def box(self) -> Locator:
        """Where one writes."""
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def log(self) -> Locator:
        """The log region."""
        return self.page.get_by_role("log", name="Messages")

    @property
    def rows(self) -> Locator:
        """The messages or turns in it."""
        return self.log.locator("> article")

    def row(self, text: str) -> Locator:
        """The messages that hold a text."""
        return self.rows.filter(has_text=text)

    def say(self, text: str) -> None:
        """Write a message and press Enter."""
        self.box.fill(text)
        self.box.press("Enter")

    def texts(self) -> list[str]:
        """What the rows say, in their order."""
        return [text.strip() for text in self.rows.locator(".text").all_text_contents()]

    def mark(self) -> None:
        """Leave something in the window that a reload would take away."""
        self.page.evaluate("() => { window.untouched = true; }")

    def was_not_reloaded(self) -> bool:
        """Whether the mark is still there."""
        return bool(self.page.evaluate("() => window.untouched === true"))

    # Another way in: REST

    def token(self, server: str) -> str:
        """Sign in by REST."""
        return str(
            rest(server, "POST", "/api/v1/auths/signin", {"email": self.email, "password": PASSWORD})["token"]
        )


def rest(server: str, method: str, path: str, body: Any = None, token: str = "") -> Any:
    """Ask the server itself."""
    request = urllib.request.Request(
        server + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "content-type": "application/json",
            **({"authorization": f"Bearer {token}"} if token else {}),
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def post(server: str, token: str, channel: str, text: str) -> None:
    """Post a message by REST."""
    rest(server, "POST", f"/api/v1/channels/{channel}/messages/post", {"content": text}, token)


def general(server: str, token: str) -> str:
    """The id of the channel that everybody is in."""
    return next(
        str(one["id"])
        for one in rest(server, "GET", "/api/v1/channels/", token=token)
        if one["name"] == "general"
    )
