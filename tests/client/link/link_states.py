"""How a client stands to its link, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from antiphon import Client
from antiphon.client import LinkState


def states(client: Client) -> list[LinkState]:
    """Collect the states from now on."""
    seen: list[LinkState] = []
    client.link.subscribe(lambda link: seen.append(link.state))
    return seen


def is_(client: Client, state: LinkState) -> Callable[[], bool]:
    """Tell whether the link is in a state."""
    return lambda: client.link.value.state is state


def client_tasks() -> set[asyncio.Task[Any]]:
    """Collect the tasks that a client began, itself or through the library."""
    places = ("/antiphon/client/", "engineio/async_client", "socketio/async_client")
    return {
        task
        for task in asyncio.all_tasks()
        if any(place in getattr(task.get_coro(), "cr_code", _main).co_filename for place in places)
    }


_main = client_tasks.__code__


async def answering(response: web.Response) -> web.StreamResponse:
    """Give an answer, as a hook does."""
    return response
