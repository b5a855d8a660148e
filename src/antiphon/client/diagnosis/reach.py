"""The hops below HTTP: the address, its name, the connection, TLS."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies

from antiphon.client.diagnosis.finding import Finding, Hop, failed, ok, warning

SOON = 14 * 86_400
"""Seconds before a certificate's end from which it is worth a word."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server's address in parts."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def tls(self) -> bool:
        """Whether the address asks for TLS."""
        return self.scheme == "https"

    @property
    def url(self) -> str:
        """The address again, without anything secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == (443 if self.tls else 80)
        return f"{self.scheme}://{host}{'' if usual else f':{self.port}'}{self.path}"


def read_address(url: str) -> tuple[Target | None, Finding]:
    """Take an address apart."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None, failed(Hop.ADDRESS, "this is no address", _EXAMPLE)
    if parts.username or parts.password:
        return None, failed(
            Hop.ADDRESS, "the address holds a name or a password", f"leave them out; {_EXAMPLE}"
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None, failed(Hop.ADDRESS, f"{url.strip()!r} is no address of a server", _EXAMPLE)
    usual = 443 if parts.scheme == "https" else 80
    target = Target(parts.scheme, parts.hostname, port or usual, parts.path.rstrip("/"))
    if target.path or parts.query or parts.fragment:
        advice = f"the server is usually at {target.scheme}://{parts.netloc}; give that, unless yours is not"
        return target, warning(Hop.ADDRESS, "the address has something behind the host", advice)
    return target, ok(Hop.ADDRESS, target.url)


_EXAMPLE = "an address looks like https://chat.example.org or http://127.0.0.1:8080"


async def look_up(target: Target, limit: float) -> tuple[list[str], Finding]:
    """Find the machine's addresses."""
    try:
        ipaddress.ip_address(target.host)
    except ValueError:
        pass
    else:
        return [target.host], ok(Hop.NAME, f"{target.host} is an address already")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(limit):
            infos = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        return [], failed(
            Hop.NAME,
            f"no name server answered within {limit:.0f} s",
            "look at this machine's network and its DNS settings",
        )
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            return [], failed(
                Hop.NAME,
                f"{target.host} could not be looked up: the name server does not answer",
                "look at this machine's network and its DNS settings, and try again",
            )
        return [], failed(
            Hop.NAME,
            f"there is no machine called {target.host}",
            "look for a slip in the name; inside a company a VPN may be missing",
        )
    except (OSError, UnicodeError):
        return [], failed(Hop.NAME, f"{target.host} is no name of a machine", "look for a slip in the name")
    addresses = list(dict.fromkeys(str(info[4][0]) for info in infos))
    return addresses, ok(Hop.NAME, f"{target.host} is {', '.join(addresses)}")


async def connect(target: Target, addresses: list[str], limit: float) -> Finding:
    """Open a TCP connection to one of the addresses."""
    why: list[str] = []
    last: Finding | None = None
    for address in addresses:
        began = time.monotonic()
        try:
            async with asyncio.timeout(limit):
                _, writer = await asyncio.open_connection(address, target.port)
        except (TimeoutError, OSError) as error:
            last = _no_connection(error, target, address, limit)
            why.append(last.what)
        else:
            writer.transport.abort()
            took = (time.monotonic() - began) * 1000
            what = f"{address} port {target.port} answers ({took:.0f} ms)"
            if why:
                return warning(
                    Hop.CONNECTION, f"{what}, but {'; '.join(why)}", "have the name's addresses put right"
                )
            return ok(Hop.CONNECTION, what)
    advice = last.advice if last is not None and last.advice else ""
    if proxy := getproxies().get(target.scheme):
        host = proxy.rpartition("@")[2]
        advice += f"; this machine's settings name a proxy ({host}), which Antiphon does not use"
    return failed(Hop.CONNECTION, "; ".join(why), advice)


def _no_connection(error: TimeoutError | OSError, target: Target, address: str, limit: float) -> Finding:
    where = f"{address} port {target.port}"
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ECONNREFUSED:
        return failed(
            Hop.CONNECTION,
            f"{where} refuses connections: nothing listens there",
            "start the server, or look for a slip in the port",
        )
    if isinstance(error, TimeoutError) and number is None:
        return failed(
            Hop.CONNECTION,
            f"{where} did not answer within {limit:.0f} s",
            "a firewall may drop the connection, or the machine is off; a VPN may be missing",
        )
    if number in {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL}:
        return failed(
            Hop.CONNECTION,
            f"there is no way from here to {address}",
            "look at this machine's network, or its VPN",
        )
    reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
    return failed(Hop.CONNECTION, f"{where} cannot be reached: {reason}", "look at the network on the way")


async def shake_hands(target: Target, limit: float, context: ssl.SSLContext) -> Finding:
    """Do the TLS handshake and look at the certificate."""
    try:
        async with asyncio.timeout(limit):
            _, writer = await asyncio.open_connection(
                target.host, target.port, ssl=context, server_hostname=target.host
            )
    except ssl.SSLCertVerificationError as error:
        return _bad_certificate(error, target)
    except ssl.SSLError as error:
        if error.reason in {
            "WRONG_VERSION_NUMBER",
            "HTTP_REQUEST",
            "PACKET_LENGTH_TOO_LONG",
            "RECORD_LAYER_FAILURE",
        }:
            return failed(
                Hop.TLS,
                f"port {target.port} speaks no TLS",
                f"try http://{target.host}:{target.port}, or the port that TLS is on",
            )
        return failed(
            Hop.TLS, f"the handshake failed: {_words(error.reason)}", "look at the server's TLS settings"
        )
    except TimeoutError:
        return failed(
            Hop.TLS,
            f"the handshake did not end within {limit:.0f} s",
            f"port {target.port} may not speak TLS, or something on the way swallows it",
        )
    except OSError:
        return failed(
            Hop.TLS,
            "the connection was closed during the handshake",
            f"port {target.port} may not speak TLS, or something on the way forbids it",
        )
    certificate = writer.get_extra_info("peercert") or {}
    writer.transport.abort()
    ends = ssl.cert_time_to_seconds(str(certificate["notAfter"])) if "notAfter" in certificate else None
    if ends is None:
        return ok(Hop.TLS, f"the certificate is good for {target.host}")
    day = time.strftime("%Y-%m-%d", time.gmtime(ends))
    if ends - time.time() < SOON:
        return warning(Hop.TLS, f"the certificate is good, but ends on {day}", "have it renewed before that")
    return ok(Hop.TLS, f"the certificate is good for {target.host} until {day}")


_AUTHORITY = (
    "have the server send its whole chain; if the authority is your own, name its file in SSL_CERT_FILE"
)


def _bad_certificate(error: ssl.SSLCertVerificationError, target: Target) -> Finding:
    match error.verify_code:
        case 9:
            return failed(
                Hop.TLS,
                "the certificate is not valid yet",
                "look at the clock of this machine and of the server",
            )
        case 10:
            return failed(
                Hop.TLS,
                "the certificate has expired",
                "have it renewed (and look at this machine's clock)",
            )
        case 18:
            return failed(
                Hop.TLS,
                "the certificate is signed by itself, so that nobody vouches for it",
                "give the server one of a known authority; if it is your own, name it in SSL_CERT_FILE",
            )
        case 19 | 20 | 21 | 2:
            return failed(
                Hop.TLS, "the certificate comes from an authority that this machine does not know", _AUTHORITY
            )
        case 62 | 64:
            return failed(
                Hop.TLS,
                f"the certificate is not for {target.host}",
                "use the name that it is for, or have it made for this one",
            )
    return failed(
        Hop.TLS,
        f"the certificate is not accepted: {error.verify_message}",
        "look at the server's certificate",
    )


def _words(reason: str | None) -> str:
    return (reason or "no reason given").replace("_", " ").lower()
