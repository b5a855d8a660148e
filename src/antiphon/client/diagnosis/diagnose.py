"""Hop after hop, until one fails that the others need."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import aiohttp

from antiphon.client.diagnosis.answers import look_at_server, look_at_token, look_at_version
from antiphon.client.diagnosis.finding import Finding, Verdict
from antiphon.client.diagnosis.reach import connect, look_up, read_address, shake_hands
from antiphon.client.diagnosis.sockets import look_at_sockets

LIMIT = 10.0
"""Seconds for one hop."""


async def diagnose(
    url: str, token: str | None = None, *, limit: float = LIMIT, context: ssl.SSLContext | None = None
) -> AsyncIterator[Finding]:
    """Look at each hop to a server, and give what was found as soon as it is known.

    It ends after the first hop without which nothing behind it can work. Nothing is stored on the server, and
    no finding holds the token. `limit`: seconds for one hop; `context`: what TLS trusts (None: what this
    machine does).
    """
    target, finding = read_address(url)
    yield finding
    if target is None:
        return
    addresses, finding = await look_up(target, limit)
    yield finding
    if not addresses:
        return
    finding = await connect(target, addresses, limit)
    yield finding
    if finding.verdict is Verdict.FAILED:
        return
    context = context or ssl.create_default_context()
    if target.tls:
        finding = await shake_hands(target, limit, context)
        yield finding
        if finding.verdict is Verdict.FAILED:
            return
    timeout = aiohttp.ClientTimeout(total=limit)
    connector = aiohttp.TCPConnector(ssl=context, force_close=True)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as http:
        config, finding = await look_at_server(http, target)
        yield finding
        if config is None:
            return
        version, finding = await look_at_version(http, target)
        yield finding
        finding = await look_at_token(http, target, token)
        yield finding
        good = token if finding.verdict in {Verdict.OK, Verdict.WARNING} else None
        for finding in await look_at_sockets(http, target, good, config, version):
            yield finding
