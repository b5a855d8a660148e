"""`antiphon send`: one message into a channel, and the id that it got."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import typer

from antiphon.cli.failures import INTERRUPTED, StartFailed, say
from antiphon.cli.whose import LinkSpeaker, login_for
from antiphon.client import Client
from antiphon.client.bots.signals import run_until_told
from antiphon.client.channels.channel import Channel
from antiphon.client.errors import AntiphonError, NotFound, RequestFailed, SendFailed, SignedOut, passing
from antiphon.client.link.link import LinkState
from antiphon.client.outbox.outbox import Sending
from antiphon.wire import Message

T = TypeVar("T")

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def run_send(server: str | None, channel: str, text: str) -> int:
    """Send and wait for the server's confirmation, however long it takes; gives the exit code."""
    # Bytes that are no UTF-8, of a log for instance, must not keep the rest from being sent.
    given = sys.stdin.buffer.read() if text == "-" else os.fsencode(text)
    content = given.decode(errors="replace").rstrip("\r\n")
    if not content.strip():
        raise StartFailed("nothing to send: the text is empty", code=2)
    login = login_for(server)
    told = asyncio.Event()

    async def work() -> int:
        sender = Sender(login.url)
        async with Client(login.url, token=login.token) as client:
            code = await sender.run(client, channel, content, told)
        return code if code is not None else sender.cut_off()  # What becomes of it is known only now.

    return run_until_told(work, told.set)


class Sender:
    """One message on its way."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._sending: Sending | None = None

    async def run(self, client: Client, name: str, text: str, told: asyncio.Event) -> int | None:
        """Find the channel, send, and wait; gives the exit code, or None when told to end before that."""
        release = client.link.subscribe(LinkSpeaker(self._url, welcome=False).changed)
        try:
            channel = await _or_told(_find(client, name), told)
            return None if channel is None else await self._deliver(channel, text, told)
        except SignedOut as error:
            say(f"signed out: {error.detail} Run 'antiphon login {self._url}'.")
        except AntiphonError as error:
            say(error.detail if isinstance(error, RequestFailed) else str(error))
        finally:
            release()
        return 1

    async def _deliver(self, channel: Channel, text: str, told: asyncio.Event) -> int | None:
        self._sending = channel.send(text)
        try:
            message = await _or_told(_sent(self._sending), told)
        except SendFailed as error:
            if not error.kept:
                channel.discard(error.temp_id)  # It is said here and now, and is not to wait elsewhere.
            say(f"not sent: {error.reason}")
            return 1
        if message is None:
            return None
        typer.echo(message.id)
        return 0

    def cut_off(self) -> int:
        """Say what becomes of a message that was not confirmed when Ctrl-C came; gives the exit code."""
        if self._sending is None:
            say("nothing was sent, and nothing waits: the channel had not been found yet")
        elif self._sending.kept:
            say("not confirmed: the message stays in the outbox, and goes out with your next command")
        elif self._sending.state == "confirmed":
            say("the message was stored at the last moment")
        else:
            say("not confirmed, and not kept: it stands only if it was just being stored")
        return INTERRUPTED


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
