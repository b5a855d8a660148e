"""A bot: handlers for what others say, run for every message once."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from antiphon.client.bots.conversations import Conversations
from antiphon.client.bots.every_message import MessageFeed
from antiphon.client.bots.heard import Heard
from antiphon.client.bots.messages import IncomingMessage, IncomingReaction
from antiphon.client.bots.signals import run_until_told
from antiphon.client.channels import mentions
from antiphon.client.channels.finding import named
from antiphon.client.client import Client
from antiphon.client.errors import AntiphonError, SignedOut
from antiphon.client.link.link import Link, LinkState
from antiphon.wire import ChannelEntry, Message, ReactionAdded

log = logging.getLogger(__name__)

MOST_WAITING = 1_000
"""Messages of one channel that wait for a handler; further ones are fetched when these are done."""

Result = Awaitable[object] | None
OnMessage = TypeVar("OnMessage", bound=Callable[[IncomingMessage], Result])
OnReaction = TypeVar("OnReaction", bound=Callable[[IncomingReaction], Result])
OnError = TypeVar("OnError", bound=Callable[[Exception, IncomingMessage | IncomingReaction], Result])


@dataclass(frozen=True, slots=True)
class _Handler:
    call: Callable[[Any], Result]
    channel: str | None


@dataclass(frozen=True, slots=True)
class _Job:
    handlers: tuple[_Handler, ...]
    given: IncomingMessage | IncomingReaction


class Bot:
    """Handlers, and a client that brings them every message of others once, own ones never.

    What was said while the link was down is handled when it is back, in order, before anything newer. In one
    conversation (a channel, or a thread in it) one handler runs at a time; conversations go on side by side,
    `at_once` of them at most. An error in a handler is logged, and the bot goes on.
    """

    def __init__(
        self,
        server: str | Client | None = None,
        *,
        token: str | None = None,
        channels: Iterable[str] | None = None,
        history: int = 0,
        at_once: int = 16,
        finish_within: float = 10.0,
    ) -> None:
        """`server`: an address, or a client that has not been started. An address without a token, or no
        address: by `ANTIPHON_SERVER` and `ANTIPHON_TOKEN`, or who `antiphon login` has signed in.

        `channels`: names or ids of those to listen in (None: all). `history`: how many messages of each
        channel are handled that were there before. `finish_within`: seconds that handlers under way have when
        the bot is told to end.

        Raises `AntiphonError` when it is nowhere said which server, or who.
        """
        self.client = server if isinstance(server, Client) else _client(server, token)
        """The client: everything that a bot can do beyond handling messages."""
        self._channels = None if channels is None else frozenset(channels)
        self._history = history
        self._finish_within = finish_within
        self._on_message: list[_Handler] = []
        self._on_mention: list[_Handler] = []
        self._on_reaction: list[_Handler] = []
        self._on_error: Callable[[Exception, IncomingMessage | IncomingReaction], Result] | None = None
        self._told = asyncio.Event()
        self._entries: dict[str, ChannelEntry] = {}
        self._checked = False
        self._feed = MessageFeed(
            self.client,
            self._heard,
            wanted=self._wanted,
            room=lambda id_: self._work.waiting(id_) < MOST_WAITING,
            history=history,
        )
        self._work: Conversations[_Job] = Conversations(at_once, self._handle, self._feed.go_on)

    # Handlers

    @overload
    def on_message(self, handler: OnMessage, /) -> OnMessage: ...
    @overload
    def on_message(self, /, *, channel: str | None = None) -> Callable[[OnMessage], OnMessage]: ...
    def on_message(self, handler: Any = None, /, *, channel: str | None = None) -> Any:
        """Decorate the handler of messages, of one `channel` (name or id) or of all."""
        return self._add(self._on_message, handler, channel)

    @overload
    def on_mention(self, handler: OnMessage, /) -> OnMessage: ...
    @overload
    def on_mention(self, /, *, channel: str | None = None) -> Callable[[OnMessage], OnMessage]: ...
    def on_mention(self, handler: Any = None, /, *, channel: str | None = None) -> Any:
        """Decorate the handler of messages that mention the bot; they do not go to `on_message` then."""
        return self._add(self._on_mention, handler, channel)

    @overload
    def on_reaction(self, handler: OnReaction, /) -> OnReaction: ...
    @overload
    def on_reaction(self, /, *, channel: str | None = None) -> Callable[[OnReaction], OnReaction]: ...
    def on_reaction(self, handler: Any = None, /, *, channel: str | None = None) -> Any:
        """Decorate the handler of reactions that others add while the link is live."""
        return self._add(self._on_reaction, handler, channel)

    def on_error(self, handler: OnError) -> OnError:
        """Decorate what is called with an error of a handler, after it was logged, and what it was given."""
        self._on_error = handler
        return handler

    @staticmethod
    def _add(handlers: list[_Handler], handler: Any, channel: str | None) -> Any:
        def add(call: Any) -> Any:
            handlers.append(_Handler(call, channel))
            return call

        return add if handler is None else add(handler)

    # Life

    def run(self, *others: Bot) -> None:
        """Run until Ctrl-C or SIGTERM, with other bots in the same process. What is under way is finished.

        Raises `SignedOut` when a server no longer knows the token, and what entering a client raises.
        """
        bots = (self, *others)

        def stop() -> None:
            for bot in bots:
                bot.stop()

        async def serve() -> None:
            try:
                async with asyncio.TaskGroup() as group:
                    for bot in bots:
                        group.create_task(bot.serve())
            except BaseExceptionGroup as errors:
                raise _first(errors) from None

        run_until_told(serve, stop)

    def stop(self) -> None:
        """Handle nothing more; `serve` returns when what is under way is finished."""
        self._work.close()
        self._told.set()

    @property
    def ready(self) -> asyncio.Event:
        """Set once the bot listens in all its channels."""
        return self._feed.ready

    async def serve(self) -> None:
        """Sign in and handle messages until `stop`. Raises `SignedOut`, and what entering the client
        raises.
        """
        async with self.client as client:
            release = [
                client.channels.subscribe(self._list_changed),
                client.link.subscribe(self._link_changed),
                client.on(ReactionAdded, self._reacted),
            ]
            listening = asyncio.create_task(self._feed.run(), name="antiphon:bot")
            told = asyncio.create_task(self._told.wait(), name="antiphon:bot told to end")
            try:
                await asyncio.wait({listening, told}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for unsubscribe in release:
                    unsubscribe()
                ended = listening.done()
                for task in (listening, told):
                    task.cancel()
                await asyncio.gather(told, listening, return_exceptions=True)
                await self._finish()
            if ended:
                listening.result()
                if client.link.value.state is LinkState.SIGNED_OUT:
                    raise SignedOut(401, client.link.value.reason or "nobody is signed in")

    async def _finish(self) -> None:
        """Let handlers finish and messages leave, within the limit."""
        clock = self.client.clock
        until = clock.monotonic() + self._finish_within
        left, cut = await self._work.end(self._finish_within)
        if left or cut:
            log.warning("the bot ends: %d messages were not handled, %d handlers were cut off", left, cut)
        while self.client.unsent and self.client.link.value.state.joined and clock.monotonic() < until:
            await clock.sleep(0.02)
        if self.client.unsent:
            log.warning("the bot ends: %d messages have not been sent", self.client.unsent)

    async def send(self, channel: str, text: str) -> Message:
        """Send to a channel by its name or id; gives the stored message. Raises `NotFound`, `SendFailed` …"""
        return await (await self.client.find_channel(channel)).send(text)

    # What comes

    def _list_changed(self, entries: tuple[ChannelEntry, ...]) -> None:
        self._entries = {entry.id: entry for entry in entries}

    def _link_changed(self, link: Link) -> None:
        """Say once what is listened for in vain: a slip in a name must not look like silence."""
        if link.state is not LinkState.LIVE or self._checked:
            return
        self._checked = True
        handlers = (*self._on_message, *self._on_mention, *self._on_reaction)
        names = {one.channel for one in handlers if one.channel is not None} | (self._channels or frozenset())
        for name in sorted(names):
            if not any(named(entry, name) for entry in self._entries.values()):
                log.warning("this account has no channel %r; the bot waits for it all the same", name)

    def _wanted(self, id_: str, entry: ChannelEntry | None) -> bool:
        if not (self._on_message or self._on_mention):
            return False
        return self._channels is None or any(_is(name, id_, entry) for name in self._channels)

    def _heard(self, heard: Heard) -> None:
        message, me = heard.message, self.client.me
        if me is None or message.user_id == me.id:
            return
        handlers = self._matching(self._on_message, message.channel_id)
        if mentions.mentions(message.content, me.id):
            handlers = self._matching(self._on_mention, message.channel_id) or handlers
        if handlers:
            given = self._incoming(message, heard)
            self._work.put((message.channel_id, message.parent_id), _Job(handlers, given))

    def _reacted(self, event: ReactionAdded) -> None:
        me, author, message = self.client.me, event.user, event.payload
        if me is None or author is None or author.id == me.id:
            return
        if not self._in_channels(event.channel_id):
            return
        handlers = self._matching(self._on_reaction, event.channel_id)
        if not handlers:
            return
        if self._work.waiting(event.channel_id) >= MOST_WAITING:
            log.warning("a reaction is not handled: too much waits in its channel")
            return
        given = IncomingReaction(message.name, author, self._incoming(message, None))
        self._work.put((event.channel_id, message.parent_id), _Job(handlers, given))

    def _incoming(self, message: Message, heard: Heard | None) -> IncomingMessage:
        entry = self._entries.get(message.channel_id)
        origin = heard.origin if heard is not None else "live"
        return IncomingMessage(self.client, message, origin, entry.name if entry is not None else "")

    def _in_channels(self, id_: str) -> bool:
        entry = self._entries.get(id_)
        return self._channels is None or any(_is(name, id_, entry) for name in self._channels)

    def _matching(self, handlers: list[_Handler], id_: str) -> tuple[_Handler, ...]:
        entry = self._entries.get(id_)
        return tuple(one for one in handlers if one.channel is None or _is(one.channel, id_, entry))

    async def _handle(self, job: _Job) -> None:
        for handler in job.handlers:
            try:
                await _settle(handler.call(job.given))
            except Exception as error:  # a handler is foreign code: its fault is logged, the bot goes on
                log.exception("a handler raised an error; the bot goes on")
                await self._tell_error(error, job.given)

    async def _tell_error(self, error: Exception, given: IncomingMessage | IncomingReaction) -> None:
        if self._on_error is None:
            return
        try:
            await _settle(self._on_error(error, given))
        except Exception:  # foreign code too: its fault is logged, the bot goes on
            log.exception("the handler of errors raised one itself; the bot goes on")


async def _settle(result: Result) -> None:
    if inspect.isawaitable(result):
        await result


def _is(name: str, id_: str, entry: ChannelEntry | None) -> bool:
    return name == id_ or (entry is not None and named(entry, name))


def _client(server: str | None, token: str | None) -> Client:
    if server is None and token is not None:
        raise AntiphonError("a token needs the address of its server")
    if server is not None and token is not None:
        return Client(server, token=token)
    return Client.from_login(server)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
