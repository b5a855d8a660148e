"""`antiphon send`: one message into a channel, and the id that it got."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import typer

from antiphon.cli.failures import INTERRUPTED, StartFailed, say
from antiphon.cli.whose import LinkSpeaker, login_for
from antiphon.client import Client
from antiphon.client.channel import Channel
from antiphon.client.errors import AntiphonError, NotFound, RequestFailed, SendFailed, SignedOut, passing
from antiphon.client.link import LinkState
from antiphon.client.outbox import Sending
from antiphon.client.signals import run_until_told
from antiphon.wire import Message

T = TypeVar("T")

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def run_send(server: str | None, channel: str, text: str) -> int:
    """Send and wait for the server's confirmation, however long it takes; gives the exit code."""
    content = (sys.stdin.read() if text == "-" else text).rstrip("\r\n")
    if not content.strip():
        raise StartFailed("nothing to send: the text is empty", code=2)
    login = login_for(server)
    told = asyncio.Event()

    async def work() -> int:
        async with Client(login.url, token=login.token) as client:
            return await _send(client, channel, content, told)

    return run_until_told(work, told.set)


async def _send(client: Client, name: str, text: str, told: asyncio.Event) -> int:
    speaker = LinkSpeaker(client.url, welcome=False)
    release = client.link.subscribe(speaker.changed)
    try:
        found = await _or_told(_find(client, name), told)
        if found is None:
            say("nothing was sent, and nothing waits: the channel had not been found yet")
            return INTERRUPTED
        return await _deliver(found, text, told)
    except SignedOut as error:
        say(f"signed out: {error.detail} Run 'antiphon login {client.url}'.")
        return 1
    except AntiphonError as error:
        say(error.detail if isinstance(error, RequestFailed) else str(error))
        return 1
    finally:
        release()


async def _deliver(channel: Channel, text: str, told: asyncio.Event) -> int:
    sending = channel.send(text)
    try:
        message = await _or_told(_sent(sending), told)
    except SendFailed as error:
        channel.discard(error.temp_id)  # It is said here and now; nothing is to wait for a person elsewhere.
        say(f"not sent: {error.reason}")
        return 1
    if message is None:
        say(_what_becomes_of(sending))
        return INTERRUPTED
    typer.echo(message.id)
    return 0


async def _find(client: Client, name: str) -> Channel:
    """Find the channel, as soon as the server can be asked; an id needs no asking."""
    if _ID.fullmatch(name):
        return client.channel(name)
    while True:
        try:
            return await client.find_channel(name)
        except NotFound:
            raise
        except AntiphonError as error:
            if not passing(error):
                raise
        await client.clock.sleep(client.delays.retry_first)
        await _until_joined(client)


async def _until_joined(client: Client) -> None:
    """Wait until the link stands. Raises `AntiphonError` when it will not."""
    changed = asyncio.Event()
    release = client.link.subscribe(lambda _: changed.set())
    try:
        while not client.link.value.state.joined:
            if client.link.value.state in {LinkState.SIGNED_OUT, LinkState.CLOSED}:
                reason = client.link.value.reason or "the token is not known"
                raise AntiphonError(f"signed out: {reason}; run 'antiphon login {client.url}'")
            changed.clear()
            await changed.wait()
    finally:
        release()


async def _or_told(work: Coroutine[Any, Any, T], told: asyncio.Event) -> T | None:
    """Give what the work gives, or None when the command is told to end before that."""
    working, ending = asyncio.create_task(work), asyncio.create_task(told.wait())
    try:
        await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        for task in (working, ending):
            task.cancel()
        await asyncio.gather(working, ending, return_exceptions=True)


async def _sent(sending: Sending) -> Message:
    return await sending


def _what_becomes_of(sending: Sending) -> str:
    return "not confirmed, and not kept: it may have been stored if it was just being posted"
