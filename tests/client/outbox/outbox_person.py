"""A person whose messages are kept, and the server they write to."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aiohttp import web
from tests.client.hands import QUICK
from tests.client.peer import Peer, account, no

from antiphon import Client

POST = "POST /api/v1/channels/c/messages/post"
WATCHFUL = replace(QUICK, storage_watch=0.02, storage_again=0.05)


def token_of(user_id: str) -> str:
    """Make a token that says whose it is, as both servers' tokens do."""

    def part(value: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'HS256'})}.{part({'id': user_id})}.c2lnbmF0dXJl"


def known(peer: Peer, *user_ids: str) -> None:
    """Let the server know people by such tokens."""
    for id_ in user_ids:
        peer.users[token_of(id_)] = {**account(id_), "token": token_of(id_)}


def person(peer: Peer, user_id: str = "me", delays: Any = WATCHFUL, **options: Any) -> Client:
    """Make a client of somebody."""
    return Client(peer.url, token=token_of(user_id), delays=delays, **options)


def stored(peer: Peer) -> list[str]:
    """Give what the server has."""
    return [message["content"] for message in peer.messages["c"]]


def rows(client: Client, channel: str = "c") -> list[tuple[str, str]]:
    """Give what is shown."""
    return [(row.message.content, row.state) for row in client.channel(channel).timeline.rows()]


async def away(peer: Peer) -> Peer:
    """Let the server know `me`, and be gone."""
    known(peer, "me")
    await peer.stop()
    return peer


def refusing(peer: Peer, times: int = 1) -> Callable[[web.Request], Any]:
    """Let the server refuse some posts."""
    left = [None] * times

    async def refuse(request: web.Request) -> web.StreamResponse:
        if left:
            left.pop()
            return no(400, "This message is too long.")
        return await peer.answer(request)

    return refuse
