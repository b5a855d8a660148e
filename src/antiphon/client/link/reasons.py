"""Why a server cannot be reached, in words that a person understands."""

from __future__ import annotations

import errno
import socket
import ssl

import aiohttp

SILENT = "the server did not answer in time"
BROKEN = "the connection to the server broke"

_ERRNO = {
    errno.ECONNREFUSED: "the server refuses connections",
    errno.ENETUNREACH: "there is no network",
    errno.ENETDOWN: "there is no network",
    errno.EHOSTUNREACH: "the server's machine cannot be reached",
    errno.EHOSTDOWN: "the server's machine cannot be reached",
    errno.ETIMEDOUT: SILENT,
    errno.ECONNRESET: "the server, or something on the way to it, cut the connection",
    errno.ECONNABORTED: "the server, or something on the way to it, cut the connection",
    errno.EPIPE: "the server, or something on the way to it, cut the connection",
    errno.EMFILE: "this machine has no free connections left",
    errno.ENFILE: "this machine has no free connections left",
}

ENDED = {
    "server disconnect": "the server ended the connection",
    "client disconnect": "the connection was closed here",
    "transport error": BROKEN,
    "closed": "the connection was closed here",
}
"""What the library says of a connection's end, in words."""

BY_SERVER = "server disconnect"
"""How a socket calls an end that the server wanted."""


def why(error: BaseException | None) -> str | None:
    """Say why a connection did not come about, or None where the error does not tell."""
    match error:
        case aiohttp.ClientConnectorDNSError() | socket.gaierror():
            return "the server's name cannot be found"
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return "the server's certificate is not trusted"
        case aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            return "no secure connection comes about; does the server speak https on this port?"
        case aiohttp.ClientProxyConnectionError():
            return "the proxy cannot be reached"
        case aiohttp.ClientConnectorError():
            return why(error.os_error) or _strerror(error.os_error)
        case aiohttp.ServerDisconnectedError():
            return "the server, or something on the way to it, cut the connection"
        case aiohttp.WSServerHandshakeError() if error.status in {502, 503, 504}:
            return f"a gateway answered for a server that is not there (status {error.status})"
        case TimeoutError():
            return SILENT
        case OSError():
            return _ERRNO.get(error.errno or 0)
    return None


def _strerror(error: OSError) -> str | None:
    return error.strerror or None
