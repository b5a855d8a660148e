"""The port a process listens on: taking it, and the addresses under which people find it."""

from __future__ import annotations

import errno
import os
import socket

from antiphon.cli.failures import StartFailed

EVERY_NETWORK = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised, never the default
HOST_VALUES = (
    "takes 127.0.0.1 (this machine only), 0.0.0.0 (every network of this machine) or one of its own addresses"
)
PORT_VALUES = "takes a whole number from 1 to 65535, or 0 for any free port"


def bind(host: str, port: int) -> socket.socket:
    """Take a port before anything slow happens; 0 takes a free one.

    It listens at once: whoever connects during the start waits instead of being refused.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise StartFailed(f"--host or ANTIPHON_HOST {host!r}: {HOST_VALUES}", code=2) from error
    sock = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere the option would let two processes share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
        sock.listen(2048)
    except OSError as error:
        sock.close()
        raise _refusal(error, host, port) from error
    sock.setblocking(False)
    return sock


def port_of(sock: socket.socket) -> int:
    """The port that a socket has taken."""
    port: int = sock.getsockname()[1]
    return port


def local_url(host: str, port: int) -> str:
    """The address by which this machine itself reaches what listens on host and port."""
    return _url({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)  # noqa: S104 - recognised only


def colleague_urls(host: str, port: int) -> list[str]:
    """The addresses by which other machines reach it; none when it listens to this machine alone."""
    if host in EVERY_NETWORK:
        return [_url(address, port) for address in _own_addresses()]
    return [] if _is_loopback(host) else [_url(host, port)]


def _own_addresses() -> list[str]:
    """This machine's addresses on its networks: the one it would go out by first, then those of its name."""
    found: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # a documentation address: picks a route, sends nothing
            found.append(probe.getsockname()[0])
        except OSError:
            pass  # no route out: the name below may still tell
    try:
        infos = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        infos = []  # a name that resolves to nothing adds nothing
    found += [str(info[4][0]) for info in infos]
    return [address for address in dict.fromkeys(found) if not _is_loopback(address)]


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _refusal(error: OSError, host: str, port: int) -> StartFailed:
    match error.errno:
        case errno.EADDRINUSE:
            return StartFailed(
                f"port {port} is already taken on {host}: stop what listens there (another Antiphon?) "
                "or choose another with --port (0 takes any free one)"
            )
        case errno.EACCES:
            return StartFailed(
                f"port {port} needs more rights than this user has: choose another with --port"
            )
        case errno.EADDRNOTAVAIL:
            return StartFailed(f"--host or ANTIPHON_HOST {host!r}: {HOST_VALUES}", code=2)
        case _:
            return StartFailed(f"cannot listen on {host}, port {port}: {error.strerror}")
