"""Antiphon: Open WebUI's live layer in Python."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import Client, Delays, LinkState
    from .client.errors import (
        AntiphonError,
        NotFound,
        Refused,
        Rejected,
        RequestFailed,
        SendFailed,
        SignedOut,
        Unreachable,
    )

_HOMES = {
    "Client": "antiphon.client",
    "Delays": "antiphon.client",
    "LinkState": "antiphon.client",
    "AntiphonError": "antiphon.client.errors",
    "NotFound": "antiphon.client.errors",
    "Refused": "antiphon.client.errors",
    "Rejected": "antiphon.client.errors",
    "RequestFailed": "antiphon.client.errors",
    "SendFailed": "antiphon.client.errors",
    "SignedOut": "antiphon.client.errors",
    "Unreachable": "antiphon.client.errors",
}

__all__ = [
    "AntiphonError",
    "Client",
    "Delays",
    "LinkState",
    "NotFound",
    "Refused",
    "Rejected",
    "RequestFailed",
    "SendFailed",
    "SignedOut",
    "Unreachable",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `antiphon.wire` and the server never pay for the client."""
    if name == "__version__":
        return version("antiphon")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'antiphon' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value
