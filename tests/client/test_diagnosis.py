"""Every hop to a server can fail; the diagnosis names the one that does, and what to do."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import web
from tests.client.peer import Peer, serving

from antiphon.client.diagnosis import Finding, Hop, Verdict, diagnose


async def look(url: str, token: str | None = None, **options: Any) -> dict[Hop, Finding]:
    """Diagnose, and give the findings by hop."""
    return {finding.hop: finding async for finding in diagnose(url, token, limit=5, **options)}


def failing(findings: dict[Hop, Finding]) -> list[Hop]:
    """Give the hops that fail."""
    return [hop for hop, finding in findings.items() if finding.verdict is Verdict.FAILED]


def only_failure(findings: dict[Hop, Finding]) -> Finding:
    """Give the one finding that fails, which must be the last one if nothing works behind it."""
    (hop,) = failing(findings)
    assert findings[hop].advice, "a failure says what to do"
    return findings[hop]


@asynccontextmanager
async def answering(
    answer: Callable[[web.Request], Any], context: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve one answer to everything, with TLS if a context is given; give the port."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def plain(_: web.Request) -> web.Response:
    """Answer with a page."""
    return web.Response(text="<title>Welcome to nginx!</title>", content_type="text/html")


async def test_a_server_that_works_has_nothing_that_fails() -> None:
    """Every hop in its order, and live at the end."""
    async with serving() as peer:
        findings = await look(peer.url, "token-me")
    assert [*findings] == [
        Hop.ADDRESS, Hop.NAME, Hop.CONNECTION, Hop.SERVER, Hop.VERSION, Hop.TOKEN,
        Hop.WEBSOCKET, Hop.POLLING, Hop.ORIGIN, Hop.JOIN,
    ]  # fmt: skip
    assert {finding.verdict for finding in findings.values()} == {Verdict.OK}
    assert "Open WebUI 0.12.4" in findings[Hop.VERSION].what
    assert "live as 'Me'" in findings[Hop.JOIN].what


@pytest.mark.parametrize("url", ["chat.example.org", "ftp://chat.example.org", "http://", "http://x:port"])
async def test_what_is_no_address_is_said_at_once(url: str) -> None:
    """Nothing is tried with it."""
    findings = await look(url)
    assert [*findings] == [Hop.ADDRESS]
    assert "https://" in (only_failure(findings).advice or "")


async def test_a_password_in_the_address_is_refused_and_not_shown() -> None:
    """What is found may be pasted into a report."""
    findings = await look("http://ann:s3cret@127.0.0.1:9")
    assert failing(findings) == [Hop.ADDRESS]
    assert "s3cret" not in str(findings)


async def test_a_name_that_nobody_knows_fails_at_the_name() -> None:
    """`.invalid` never resolves."""
    finding = only_failure(await look("http://nowhere.invalid"))
    assert finding.hop is Hop.NAME


async def test_a_closed_port_fails_at_the_connection() -> None:
    """Nothing listens there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    finding = only_failure(await look(f"http://127.0.0.1:{port}"))
    assert finding.hop is Hop.CONNECTION
    assert "refuses connections" in finding.what


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority that this machine does not know."""
    return trustme.CA()


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Give what a server with this certificate needs."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """Give what a client that knows the authority has."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_a_certificate_of_an_unknown_authority_fails_at_tls(authority: trustme.CA) -> None:
    """As in a company that signs its own; the advice is how to trust it."""
    async with answering(plain, server_context(authority.issue_cert("127.0.0.1"))) as port:
        finding = only_failure(await look(f"https://127.0.0.1:{port}"))
    assert finding.hop is Hop.TLS
    assert "authority that this machine does not know" in finding.what
    assert "SSL_CERT_FILE" in (finding.advice or "")


async def test_a_certificate_signed_by_itself_is_said_to_be_one(authority: trustme.CA) -> None:
    """Nobody vouches for it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with authority.cert_pem.tempfile() as certificate, authority.private_key_pem.tempfile() as key:
        context.load_cert_chain(certificate, key)
    async with answering(plain, context) as port:
        finding = only_failure(await look(f"https://127.0.0.1:{port}"))
    assert finding.hop is Hop.TLS
    assert "signed by itself" in finding.what


async def test_an_expired_certificate_is_said_to_be_one(authority: trustme.CA) -> None:
    """The authority is known, the day is past."""
    now = datetime.now(UTC)
    old = authority.issue_cert("127.0.0.1", not_before=now - timedelta(9), not_after=now - timedelta(1))
    async with answering(plain, server_context(old)) as port:
        finding = only_failure(await look(f"https://127.0.0.1:{port}", context=trusting(authority)))
    assert finding.hop is Hop.TLS
    assert "expired" in finding.what


async def test_a_certificate_for_another_name_is_said_to_be_one(authority: trustme.CA) -> None:
    """The authority is known, the name is another."""
    async with answering(plain, server_context(authority.issue_cert("chat.example.org"))) as port:
        finding = only_failure(await look(f"https://127.0.0.1:{port}", context=trusting(authority)))
    assert finding.hop is Hop.TLS
    assert "is not for 127.0.0.1" in finding.what


async def test_a_certificate_that_ends_soon_is_a_warning(authority: trustme.CA) -> None:
    """It works today; whoever looks learns the day on which it will not."""
    soon = authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) + timedelta(3))
    async with answering(plain, server_context(soon)) as port:
        findings = await look(f"https://127.0.0.1:{port}", context=trusting(authority))
    assert findings[Hop.TLS].verdict is Verdict.WARNING
    assert failing(findings) == [Hop.SERVER]


async def test_a_port_without_tls_is_told_apart_from_a_bad_certificate() -> None:
    """`https://` was written where `http://` belongs."""
    async with serving() as peer:
        finding = only_failure(await look(peer.url.replace("http:", "https:")))
    assert finding.hop is Hop.TLS
    assert "no TLS" in finding.what


async def test_a_page_is_no_open_webui() -> None:
    """A web server answers, with a page whose title may tell whose it is."""
    async with answering(plain) as port:
        finding = only_failure(await look(f"http://127.0.0.1:{port}"))
    assert finding.hop is Hop.SERVER
    assert "Welcome to nginx!" in finding.what


def status(code: int, **headers: str) -> Callable[[web.Request], Any]:
    """Answer everything with one status and no JSON."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(
            status=code, text="no", headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    return answer


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (status(502), "a proxy answers, but the server behind it does not"),
        (status(401, WWW_Authenticate="Basic"), "wants its own sign-in"),
        (status(302, Location="https://sso.example.org/start"), "sent on to sso.example.org"),
        (status(301, Location="https://127.0.0.1/api/config"), "wants TLS"),
        (status(404), "no Open WebUI at this address"),
        (status(500), "an error"),
    ],
)
async def test_what_stands_before_a_server_is_told_from_the_server(
    answer: Callable[[web.Request], Any], words: str
) -> None:
    """A gateway without its server, a sign-in of its own, a redirect: each has another remedy."""
    async with answering(answer) as port:
        finding = only_failure(await look(f"http://127.0.0.1:{port}"))
    assert finding.hop is Hop.SERVER
    assert words in finding.what


async def test_json_that_is_not_its_own_is_no_open_webui() -> None:
    """Another program's API answers."""

    async def other(_: web.Request) -> web.Response:
        return web.json_response({"hello": "world"})

    async with answering(other) as port:
        assert only_failure(await look(f"http://127.0.0.1:{port}")).hop is Hop.SERVER


async def test_a_release_that_was_not_tried_is_a_warning() -> None:
    """It may work; whoever looks should know."""
    async with serving(release="0.13.0") as peer:
        findings = await look(peer.url, "token-me")
    assert findings[Hop.VERSION].verdict is Verdict.WARNING
    assert failing(findings) == []


async def test_a_wrong_token_fails_at_the_token_and_is_not_shown() -> None:
    """The rest is looked at all the same: it may be the smaller trouble."""
    async with serving() as peer:
        findings = await look(peer.url, "s3cret-token")
    finding = only_failure(findings)
    assert finding.hop is Hop.TOKEN
    assert "antiphon login" in (finding.advice or "")
    assert findings[Hop.WEBSOCKET].verdict is Verdict.OK
    assert findings[Hop.JOIN].verdict is Verdict.SKIPPED
    assert "s3cret" not in str(findings)


async def test_an_account_that_waits_to_be_let_in_is_told() -> None:
    """The token is good, the person may do nothing yet."""
    async with serving() as peer:
        peer.users["token-me"]["role"] = "pending"
        finding = only_failure(await look(peer.url, "token-me"))
    assert finding.hop is Hop.TOKEN
    assert "not let in" in finding.what


@asynccontextmanager
async def proxy(peer: Peer, *, refuse: int | None = None) -> AsyncIterator[str]:
    """Stand before a peer as a proxy that knows nothing of WebSocket: it takes the header `Upgrade` away.

    With `refuse` it answers every request for one with that status itself.
    """
    async with aiohttp.ClientSession() as http:

        async def forward(request: web.Request) -> web.Response:
            if refuse is not None and "Upgrade" in request.headers:
                return web.Response(status=refuse, text="<html>no</html>", content_type="text/html")
            hop = {"upgrade", "connection", "host"}
            headers = {k: v for k, v in request.headers.items() if k.lower() not in hop}
            body = await request.read()
            where = peer.url + str(request.rel_url)
            async with http.request(request.method, where, headers=headers, data=body) as answer:
                kept = {"Content-Type": answer.headers.get("Content-Type", "text/plain")}
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)

        async with answering(forward) as port:
            yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("refuse", [None, 400, 403, 404, 426, 502])
async def test_a_proxy_without_websocket_is_named(refuse: int | None) -> None:
    """The server answers, no WebSocket opens: on an Open WebUI that is the end, and the proxy is to blame."""
    async with serving() as peer, proxy(peer, refuse=refuse) as url:
        findings = await look(url, "token-me")
    finding = only_failure(findings)
    assert finding.hop is Hop.WEBSOCKET
    assert "a proxy between blocks it" in finding.what
    assert "Upgrade" in (finding.advice or "")
    assert findings[Hop.TOKEN].verdict is Verdict.OK
    assert findings[Hop.JOIN].verdict is Verdict.SKIPPED


async def test_a_proxy_without_websocket_before_an_antiphon_leaves_polling() -> None:
    """W-13: there the client goes on by polling, and the diagnosis says so."""
    async with serving(antiphon="1.0") as peer, proxy(peer) as url:
        findings = await look(url, "token-me")
    assert failing(findings) == [Hop.WEBSOCKET]
    assert findings[Hop.POLLING].verdict is Verdict.WARNING
    assert "used instead" in findings[Hop.POLLING].what


async def test_a_server_that_refuses_a_browsers_origin_is_named() -> None:
    """Programs get in, the page of a browser does not: the server's list lacks the address."""
    async with serving() as peer:
        peer.io.eio.cors_allowed_origins = ["https://chat.example.org"]
        findings = await look(peer.url, "token-me")
    finding = findings[Hop.ORIGIN]
    assert finding.verdict is Verdict.WARNING
    assert "CORS_ALLOW_ORIGIN" in (finding.advice or "")
    assert findings[Hop.JOIN].verdict is Verdict.OK


async def test_a_server_set_to_polling_is_no_failure() -> None:
    """It says so in its configuration, and polling works."""
    async with serving(websocket=False) as peer:
        peer.io.eio.transports = ["polling"]
        findings = await look(peer.url, "token-me")
    assert failing(findings) == []
    assert findings[Hop.WEBSOCKET].verdict is Verdict.SKIPPED
    assert findings[Hop.POLLING].verdict is Verdict.OK


async def test_a_server_that_takes_websocket_alone_is_no_failure() -> None:
    """As Open WebUI does by default."""
    async with serving() as peer:
        peer.io.eio.transports = ["websocket"]
        findings = await look(peer.url, "token-me")
    assert failing(findings) == []
    assert findings[Hop.POLLING].verdict is Verdict.SKIPPED


async def test_a_join_without_an_answer_fails_at_the_join() -> None:
    """0.12.4 leaves the join of an account that is gone unanswered."""
    async with serving() as peer:
        peer.unanswered_joins = True
        findings = {one.hop: one async for one in diagnose(peer.url, "token-me", limit=0.3)}
        peer.unanswered_joins = False
    assert only_failure(findings).hop is Hop.JOIN


async def test_a_server_that_refuses_the_session_says_why() -> None:
    """The refusal's own words are given."""
    async with serving() as peer:
        peer.refuse_sockets = True
        findings = await look(peer.url, "token-me")
    finding = only_failure(findings)
    assert finding.hop is Hop.JOIN
    assert "not now" in finding.what


async def test_a_server_that_accepts_and_says_nothing_fails_in_time() -> None:
    """A port that swallows everything must not hold the diagnosis up."""

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        for scheme, hop in (("http", Hop.SERVER), ("https", Hop.TLS)):
            found = {one.hop: one async for one in diagnose(f"{scheme}://127.0.0.1:{port}", limit=0.2)}
            assert failing(found) == [hop]
