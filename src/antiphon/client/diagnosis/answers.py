"""The hops of HTTP: is there an Open WebUI, which one, and does it know the token."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from antiphon.client.diagnosis.finding import Finding, Hop, failed, ok, skipped, warning
from antiphon.client.diagnosis.reach import Target
from antiphon.wire import ServerConfig, SessionUser, Version

MOST_BYTES = 4 * 1024 * 1024
TRIED = ("0.6.41", "0.12.4")
"""The releases of Open WebUI that the client is tested with."""
SOON = 86_400
"""Seconds before a token's end from which it is worth a word."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its status, its headers and its text."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        """Give the text as JSON, or None when it is none."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None

    @property
    def title(self) -> str:
        """The title of a page, for a person; empty for anything else."""
        found = re.search(r"<title[^>]*>([^<]{1,200})</title>", self.text, re.IGNORECASE)
        return " ".join(found[1].split())[:60] if found else ""


async def fetch(http: aiohttp.ClientSession, url: str, token: str | None = None) -> Answer | str:
    """GET an address without following redirects; on failure the reason in words."""
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        async with http.get(url, headers=headers, allow_redirects=False) as response:
            raw = await response.content.read(MOST_BYTES)
            return Answer(response.status, response.headers.copy(), raw.decode("utf-8", "replace"))
    except TimeoutError:
        return "no answer came in time"
    except aiohttp.ServerDisconnectedError:
        return "the connection was closed without an answer"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return f"the exchange broke off ({type(error).__name__})"


async def look_at_server(http: aiohttp.ClientSession, target: Target) -> tuple[ServerConfig | None, Finding]:
    """Ask for the configuration: who answers there?"""
    answer = await fetch(http, f"{target.url}/api/config")
    if isinstance(answer, str):
        advice = "the server may be starting, or hang; look at its log"
        if not target.tls:
            advice += f"; if port {target.port} speaks TLS, write https://"
        return None, failed(Hop.SERVER, answer, advice)
    value = answer.json()
    if answer.status == 200 and isinstance(value, dict):
        try:
            config = ServerConfig.load(value)
        except ValueError:
            return None, _stranger("something that speaks JSON, but is no Open WebUI", answer)
        return config, ok(Hop.SERVER, f"{config.name!r} answers")
    return None, _not_it(answer, target)


def _not_it(answer: Answer, target: Target) -> Finding:
    status = answer.status
    if 300 <= status < 400:
        return _redirect(answer, target)
    if status in {401, 407} or (status == 403 and answer.json() is None):
        return failed(
            Hop.SERVER,
            f"something before the server wants its own sign-in (status {status})",
            "let /api and /ws through without it, or use an address behind it",
        )
    if status in {502, 503, 504}:
        return failed(
            Hop.SERVER,
            f"a proxy answers, but the server behind it does not (status {status})",
            "start the server, or look at where the proxy sends requests",
        )
    if status == 400 and "https" in answer.text.lower():
        return failed(
            Hop.SERVER, "the port wants TLS", f"write https:// instead of http:// before {target.host}"
        )
    if status == 404:
        return _stranger("there is a web server, but no Open WebUI at this address", answer)
    if status >= 500:
        return failed(Hop.SERVER, f"the server answers with an error (status {status})", "look at its log")
    if answer.json() is None:
        return _stranger("a page answers, not an Open WebUI", answer)
    return _stranger(f"something answers with status {status}, but is no Open WebUI", answer)


def _stranger(what: str, answer: Answer) -> Finding:
    title = f" (its title: {answer.title!r})" if answer.title else ""
    return failed(
        Hop.SERVER,
        what + title,
        "look for a slip in host or port; if a proxy stands before the server, let /api and /ws through",
    )


def _redirect(answer: Answer, target: Target) -> Finding:
    place = urlsplit(answer.headers.get("Location", ""))
    if place.hostname == target.host and place.scheme == "https" and not target.tls:
        return failed(
            Hop.SERVER, "the server wants TLS", f"write https:// instead of http:// before {target.host}"
        )
    if place.hostname and place.hostname != target.host:
        return failed(
            Hop.SERVER,
            f"requests are sent on to {place.hostname}",
            "if that is a sign-in page, let /api and /ws through without it; else give that address",
        )
    return failed(
        Hop.SERVER,
        f"requests are sent on to {place.path or 'nowhere'}",
        "give the address of the server itself",
    )


async def look_at_version(http: aiohttp.ClientSession, target: Target) -> tuple[Version | None, Finding]:
    """Ask for the version."""
    answer = await fetch(http, f"{target.url}/api/version")
    if isinstance(answer, str):
        return None, failed(Hop.VERSION, answer, "look at the server's log")
    try:
        version = Version.load(answer.json())
    except ValueError:
        return None, warning(
            Hop.VERSION,
            f"the server does not tell its version (status {answer.status})",
            "a proxy may hold /api/version back; without it a repeated message may stand twice",
        )
    if version.antiphon is not None:
        return version, ok(
            Hop.VERSION, f"Antiphon {version.antiphon}, which speaks as Open WebUI {version.version}"
        )
    family = _family(version.version)
    if family in {_family(one) for one in TRIED}:
        return version, ok(Hop.VERSION, f"Open WebUI {version.version}")
    return version, warning(
        Hop.VERSION,
        f"Open WebUI {version.version}, which Antiphon is not tested with",
        f"it is tested with {' and '.join(TRIED)}; others may differ in details",
    )


def _family(version: str) -> str:
    return ".".join(version.split(".")[:2])


async def look_at_token(http: aiohttp.ClientSession, target: Target, token: str | None) -> Finding:
    """Ask who the token belongs to."""
    sign_in = f"antiphon login {target.url}"
    if not token:
        return skipped(Hop.TOKEN, "nobody is signed in here", sign_in)
    answer = await fetch(http, f"{target.url}/api/v1/auths/", token)
    if isinstance(answer, str):
        return failed(Hop.TOKEN, answer, "look at the server's log")
    if answer.status in {401, 403}:
        return failed(Hop.TOKEN, "the server does not know the token: it has expired or was ended", sign_in)
    try:
        user = SessionUser.load(answer.json())
    except ValueError:
        return failed(
            Hop.TOKEN,
            f"the server does not say who the token belongs to (status {answer.status})",
            "a proxy may hold /api/v1/auths/ back",
        )
    if user.role == "pending":
        return failed(Hop.TOKEN, f"the account {user.name!r} was not let in yet", "ask an administrator")
    if user.expires_at is not None and user.expires_at - time.time() < SOON:
        ends = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(user.expires_at))
        return warning(Hop.TOKEN, f"signed in as {user.name!r}, until {ends}", sign_in)
    return ok(Hop.TOKEN, f"signed in as {user.name!r}")
