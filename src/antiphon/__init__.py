"""Antiphon: Open WebUI's live layer in Python."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import Client, Delays, Link, LinkState, Store
    from .client.bots.bot import Bot
    from .client.bots.messages import IncomingMessage, IncomingReaction
    from .client.errors import (
        AnswerFailed,
        AntiphonError,
        BadAnswer,
        Lagged,
        NotFound,
        OutboxFull,
        Refused,
        Rejected,
        RequestFailed,
        SendFailed,
        SignedOut,
        UnderWay,
        Unreachable,
    )
    from .wire import (
        ChannelTyping,
        Message,
        MessageCreated,
        MessageDeleted,
        MessageReplied,
        MessageUpdated,
        ReactionAdded,
        ReactionRemoved,
    )

_HOMES = {
    "Client": "antiphon.client",
    "Delays": "antiphon.client",
    "Link": "antiphon.client",
    "LinkState": "antiphon.client",
    "Store": "antiphon.client",
    "Bot": "antiphon.client.bots.bot",
    "IncomingMessage": "antiphon.client.bots.messages",
    "IncomingReaction": "antiphon.client.bots.messages",
    "AnswerFailed": "antiphon.client.errors",
    "AntiphonError": "antiphon.client.errors",
    "BadAnswer": "antiphon.client.errors",
    "Lagged": "antiphon.client.errors",
    "NotFound": "antiphon.client.errors",
    "OutboxFull": "antiphon.client.errors",
    "Refused": "antiphon.client.errors",
    "Rejected": "antiphon.client.errors",
    "RequestFailed": "antiphon.client.errors",
    "SendFailed": "antiphon.client.errors",
    "SignedOut": "antiphon.client.errors",
    "UnderWay": "antiphon.client.errors",
    "Unreachable": "antiphon.client.errors",
    "ChannelTyping": "antiphon.wire",
    "Message": "antiphon.wire",
    "MessageCreated": "antiphon.wire",
    "MessageDeleted": "antiphon.wire",
    "MessageReplied": "antiphon.wire",
    "MessageUpdated": "antiphon.wire",
    "ReactionAdded": "antiphon.wire",
    "ReactionRemoved": "antiphon.wire",
}

__all__ = [
    "AnswerFailed",
    "AntiphonError",
    "BadAnswer",
    "Bot",
    "ChannelTyping",
    "Client",
    "Delays",
    "IncomingMessage",
    "IncomingReaction",
    "Lagged",
    "Link",
    "LinkState",
    "Message",
    "MessageCreated",
    "MessageDeleted",
    "MessageReplied",
    "MessageUpdated",
    "NotFound",
    "OutboxFull",
    "ReactionAdded",
    "ReactionRemoved",
    "Refused",
    "Rejected",
    "RequestFailed",
    "SendFailed",
    "SignedOut",
    "Store",
    "UnderWay",
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
