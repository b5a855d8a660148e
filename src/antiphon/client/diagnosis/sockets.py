"""The live hops: does a WebSocket open, does polling, may a browser, does the server let us join.

Spoken by hand (Engine.IO 4), because what matters here is what a refusal looks like.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp

from antiphon.client.diagnosis.answers import Answer, fetch
from antiphon.client.diagnosis.finding import Finding, Hop, failed, ok, skipped, warning
from antiphon.client.diagnosis.reach import Target
from antiphon.wire import ServerConfig, UserJoinAck, Version

PATH = "/ws/socket.io/?EIO=4&transport="
_CLOSING = aiohttp.ClientWSTimeout(ws_close=1.0)
_PROXY = "let it pass on the headers Upgrade and Connection for /ws"

Outcome = Literal["open", "refused", "broken"]


@dataclass(frozen=True, slots=True)
class Opened:
    """How an attempt went: open, refused by the server itself with a reason, or broken on the way."""

    outcome: Outcome
    why: str = ""


async def look_at_sockets(
    http: aiohttp.ClientSession,
    target: Target,
    token: str | None,
    config: ServerConfig,
    version: Version | None,
) -> list[Finding]:
    """Try both transports, as this program and as a browser, and join."""
    by_socket = await _websocket(http, target)
    by_polling = await _polling(http, target)
    ours = version is not None and version.antiphon is not None
    findings = [
        _of_websocket(by_socket, by_polling, config),
        _of_polling(by_socket, by_polling, config, ours=ours),
    ]
    usable = by_socket.outcome == "open" and config.features.websocket
    usable = usable or (by_polling.outcome == "open" and (ours or not config.features.websocket))
    if by_socket.outcome == "open":
        findings.append(_of_origin(await _websocket(http, target, origin=_origin(target)), target))
    if not token:
        findings.append(skipped(Hop.JOIN, "nobody is signed in here"))
    elif by_socket.outcome == "open":
        findings.append(await _join(http, target, token))
    elif not usable:
        findings.append(skipped(Hop.JOIN, "there is no transport to join over"))
    else:
        findings.append(skipped(Hop.JOIN, "not looked at over polling"))
    return findings


# Each hop in words


def _of_websocket(by_socket: Opened, by_polling: Opened, config: ServerConfig) -> Finding:
    if by_socket.outcome == "open":
        return ok(Hop.WEBSOCKET, "a WebSocket opens")
    if not config.features.websocket:
        return skipped(Hop.WEBSOCKET, "the server is set to polling (ENABLE_WEBSOCKET_SUPPORT is off)")
    if by_socket.outcome == "refused":
        return failed(
            Hop.WEBSOCKET, f"the server refuses the WebSocket: {by_socket.why}", "look at the server's log"
        )
    if by_polling.outcome != "broken":
        return failed(
            Hop.WEBSOCKET,
            f"no WebSocket opens, though the server answers: a proxy between blocks it ({by_socket.why})",
            _PROXY,
        )
    return failed(
        Hop.WEBSOCKET,
        f"no WebSocket opens ({by_socket.why})",
        f"if a proxy stands before the server, {_PROXY}",
    )


def _of_polling(by_socket: Opened, by_polling: Opened, config: ServerConfig, *, ours: bool) -> Finding:
    needed = not config.features.websocket
    if by_polling.outcome == "open":
        if by_socket.outcome == "open" or needed:
            return ok(Hop.POLLING, "polling works")
        if ours:
            return warning(
                Hop.POLLING, "polling works and is used instead", "everything works, a little slower"
            )
        return skipped(Hop.POLLING, "polling works, but this server does not use it")
    if needed:
        return failed(
            Hop.POLLING,
            f"the server is set to polling, which does not work: {by_polling.why}",
            "let /ws through to the server",
        )
    if by_polling.outcome == "refused":
        return skipped(Hop.POLLING, "the server takes WebSocket alone, as Open WebUI does")
    return skipped(Hop.POLLING, f"polling does not work either ({by_polling.why})")


def _of_origin(as_browser: Opened, target: Target) -> Finding:
    if as_browser.outcome == "open":
        return ok(Hop.ORIGIN, f"a page at {_origin(target)} may connect")
    return warning(
        Hop.ORIGIN,
        f"the server refuses a page at {_origin(target)}: {as_browser.why}",
        f"programs may connect; for browsers add {_origin(target)} to the server's CORS_ALLOW_ORIGIN",
    )


# The attempts


async def _websocket(http: aiohttp.ClientSession, target: Target, origin: str | None = None) -> Opened:
    try:
        async with (
            asyncio.timeout(http.timeout.total),  # the library's own limit ends with the handshake
            http.ws_connect(f"{target.url}{PATH}websocket", origin=origin, timeout=_CLOSING) as ws,
        ):
            first = await ws.receive()
            if first.type is aiohttp.WSMsgType.TEXT and first.data.startswith("0{"):
                return Opened("open")
            return Opened("broken", "what opened is no Engine.IO")
    except aiohttp.WSServerHandshakeError as error:
        return await _refusal(http, target, error.status, origin)
    except TimeoutError:
        return Opened("broken", "no answer in time")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Opened("broken", f"the connection broke: {type(error).__name__}")


async def _refusal(http: aiohttp.ClientSession, target: Target, status: int, origin: str | None) -> Opened:
    """Tell a server's refusal from a proxy's: the library throws the answer's text away, so ask once more."""
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    } | ({"Origin": origin} if origin else {})
    try:
        async with http.get(
            f"{target.url}{PATH}websocket", headers=headers, allow_redirects=False
        ) as response:
            text = (await response.content.read(4096)).decode("utf-8", "replace")
            status = response.status
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
        text = ""
    said = _said(text)
    if said is not None and "upgrade" in said.lower():
        # The server saw a plain request: what asked for the WebSocket was taken out on the way.
        return Opened("broken", "it takes the header Upgrade away")
    return Opened("refused", said) if said else Opened("broken", f"status {status}")


async def _polling(http: aiohttp.ClientSession, target: Target) -> Opened:
    answer = await fetch(http, f"{target.url}{PATH}polling")
    if isinstance(answer, str):
        return Opened("broken", answer)
    if answer.status == 200 and answer.text.startswith("0{"):
        await _leave(http, target, answer)
        return Opened("open")
    if said := _said(answer.text):
        return Opened("refused", said)
    return Opened("broken", f"status {answer.status}")


async def _leave(http: aiohttp.ClientSession, target: Target, answer: Answer) -> None:
    """Close the session that a successful poll has opened."""
    try:
        sid = json.loads(answer.text[1:])["sid"]
        async with http.post(f"{target.url}{PATH}polling", params={"sid": str(sid)}, data="1"):
            return
    except (ValueError, KeyError, TypeError, TimeoutError, aiohttp.ClientError, OSError):
        return  # The server ends it by itself after a while.


def _said(text: str) -> str | None:
    """Give the words of an Engine.IO server: a JSON text, or an object with `message`."""
    try:
        value: Any = json.loads(text)
    except ValueError:
        return None
    if isinstance(value, dict):
        value = value.get("message")
    return " ".join(value.split())[:120] if isinstance(value, str) else None


async def _join(http: aiohttp.ClientSession, target: Target, token: str) -> Finding:
    """Enter as the client does: connect with the token, `user-join`, and its acknowledgement."""
    try:
        async with (
            asyncio.timeout(http.timeout.total),
            http.ws_connect(f"{target.url}{PATH}websocket", timeout=_CLOSING) as ws,
        ):
            await ws.receive()
            await ws.send_str("40" + json.dumps({"token": token}))
            await ws.send_str("420" + json.dumps(["user-join", {"auth": {"token": token}}]))
            return await _joined(ws, target)
    except TimeoutError:
        return failed(
            Hop.JOIN,
            "the server did not answer the join in time",
            f"its account may be gone: antiphon login {target.url}; else look at the server's log",
        )
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return failed(Hop.JOIN, f"the connection broke: {type(error).__name__}", "look at the server's log")


async def _joined(ws: aiohttp.ClientWebSocketResponse, target: Target) -> Finding:
    while True:
        message = await ws.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            return failed(Hop.JOIN, "the server closed the connection", "look at the server's log")
        text: str = message.data
        if text == "2":
            await ws.send_str("3")
        elif text.startswith("44"):
            return failed(
                Hop.JOIN, f"the server refuses the session: {_said(text[2:]) or 'no reason given'}",
                f"antiphon login {target.url}",
            )  # fmt: skip
        elif text.startswith("430"):
            answer = json.loads(text[3:])
            try:
                user = UserJoinAck.load(answer[0] if answer else None)
            except ValueError:
                return failed(
                    Hop.JOIN, "the server did not accept the session", f"antiphon login {target.url}"
                )
            return ok(Hop.JOIN, f"live as {user.name!r}")


def _origin(target: Target) -> str:
    return target.url.removesuffix(target.path) if target.path else target.url
