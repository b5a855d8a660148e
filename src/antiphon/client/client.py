"""The client: one link to one server as one person, with stores that stay true."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from antiphon import wire
from antiphon.wire import (
    ChannelEntry,
    ChatEntry,
    ChatTag,
    Counts,
    ModelInfo,
    ServerConfig,
    SessionUser,
    UserEntry,
    UserName,
    UserSettings,
    Version,
)

from .calls import Calls, Handler
from .catch_up import CatchUp
from .channel import Channel
from .channel_list import ChannelList
from .channels import ChannelReducer
from .chat import Chat
from .chat_list import ChatList
from .chats import ChatReducer
from .clock import Clock, Delays, SystemClock
from .context import Context
from .errors import AntiphonError, SignedOut
from .inbox import Answer, Inbox, Received
from .link import Link, LinkState
from .listeners import EventListeners, EventStream
from .network import NetworkTransport
from .outbox import Outbox
from .rest import Rest
from .store import Store, Unsubscribe
from .supervisor import Supervisor
from .tasks import Tasks
from .transport import Transport
from .typing import Typing, TypingPeople
from .windows import Window, Windows

log = logging.getLogger(__name__)

SignIn = Callable[[Rest], Awaitable[SessionUser]]


class Client:
    """Use it inside `async with`, or call `start` and `close`.

    Entering signs in, where a password was given, and raises what the server says to it. It does not wait for
    the link: `link` tells how that stands, and `live` waits for it. `url` is the server's address, without a
    path.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        clock: Clock | None = None,
        delays: Delays | None = None,
        transport: Transport | None = None,
    ) -> None:
        clock, delays = clock or SystemClock(), delays or Delays()
        transport = transport or NetworkTransport()
        state = LinkState.SIGNED_OUT if token is None else LinkState.CONNECTING
        link: Store[Link] = Store(Link(state, clock.now()))
        url = url.rstrip("/")
        self._context = context = Context(
            url,
            Rest(transport.exchange(url, delays), lambda: context.token),
            clock,
            delays,
            link,
            token,
        )
        self._sign_in: SignIn | None = None
        self.counts = Counts()
        self.settings: Store[UserSettings] = Store(UserSettings())
        self.tags: Store[tuple[ChatTag, ...]] = Store(())

        self._inbox = Inbox(context.arrivals)
        self._listeners = EventListeners()
        self._calls = Calls(context)
        self._windows = Windows()
        self._typing = TypingPeople(clock, delays)
        self._channel_list = ChannelList(lambda: self._catch_up.channel_refetch.ask())  # noqa: PLW0108 - made below
        self._outbox = Outbox(context, self._channel_list.last_message_at)
        self._chat_list = ChatList(lambda: self._catch_up.chat_refetch.ask())  # noqa: PLW0108 - as above
        self._catch_up = CatchUp(
            context, self._channel_list, self._chat_list, self._windows, self.settings, self._fetch_tags
        )
        self._channels = ChannelReducer(
            context,
            self._channel_list,
            self._typing,
            self._windows,
            self._outbox,
            self._catch_up.channel_refetch.ask,
        )
        self._chats = ChatReducer(context, self._chat_list, self._windows, self._catch_up.tag_refetch.ask)
        self._catch_up.channels, self._catch_up.chats = self._channels, self._chats
        self._supervisor = Supervisor(context, transport, self._arrived, self._catch_up_now)
        context.say, context.ask_catch_up = self._supervisor.say, self._supervisor.ask_catch_up
        context.sid = lambda: self._supervisor.sid
        self._windows.store.subscribe(lambda _: self._read_what_is_looked_at())
        self._channel_list.store.subscribe(lambda _: self._read_what_is_looked_at())
        self._root: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    @classmethod
    def sign_in(
        cls, url: str, email: str, password: str, *, clock: Clock | None = None, delays: Delays | None = None
    ) -> Self:
        """Make a client that signs in with a password when it is entered."""
        client = cls(url, clock=clock, delays=delays)
        client._sign_in = lambda rest: rest.accounts.sign_in(email, password)
        return client

    @classmethod
    def sign_up(
        cls,
        url: str,
        name: str,
        email: str,
        password: str,
        *,
        clock: Clock | None = None,
        delays: Delays | None = None,
    ) -> Self:
        """Make a client that makes an account when it is entered."""
        client = cls(url, clock=clock, delays=delays)
        client._sign_in = lambda rest: rest.accounts.sign_up(name, email, password)
        return client

    # Life

    async def start(self) -> Self:
        """Sign in if that is wanted, and begin to keep the link. Raises `RequestFailed` or `Unreachable`."""
        if self._root is not None:
            raise AntiphonError("the client has been started already")
        context = self._context
        try:
            if self._sign_in is not None:
                user = await self._sign_in(context.rest)
                context.token = user.token
                context.user.set(user)
                context.me = UserName(id=user.id, name=user.name, role=user.role)
                context.link.set(Link(LinkState.CONNECTING, context.clock.now()))
        except BaseException:  # also when cancelled: what was opened is closed, and the cause goes on
            await context.rest.close()
            raise
        context.rest.http.on_signed_out = self._supervisor.suspect
        ready = asyncio.Event()
        self._root = asyncio.create_task(self._run(ready), name="antiphon:client")
        await ready.wait()
        return self

    async def close(self) -> None:
        """End the link and everything that belongs to it. Raises what went wrong inside, if anything
        unexpected did.
        """
        root, self._root = self._root, None
        self._closing.set()
        if root is not None:
            await asyncio.shield(root)

    async def sign_out(self) -> None:
        """End the session on the server too. The client then stays, signed out, until it is closed."""
        try:
            await self._context.rest.accounts.sign_out()
        except SignedOut:
            log.debug("the session had ended before it was signed out")
        finally:
            self._supervisor.end("signed out")
            self._context.token = None

    async def live(self) -> None:
        """Wait until the link is live. Raises `AntiphonError` when it will not be."""
        link = await self._context.until_link(lambda link: link.state is LinkState.LIVE or self._context.over)
        if link.state is not LinkState.LIVE:
            raise AntiphonError(f"the link is {link.state.value}: {link.reason or 'nobody is signed in'}")

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, ready: asyncio.Event) -> None:
        """Own all work of this client: one group, whose end is the end of every task."""
        context = self._context
        reason: str | None = None
        try:
            async with asyncio.TaskGroup() as group:
                tasks = context.tasks = Tasks(group)
                ready.set()
                tasks.spawn(self._inbox.consume(self._take, self._overflowed), "inbox")
                if context.token is not None:
                    tasks.spawn(self._keep_link(), "link")
                await self._closing.wait()
                self._channels.reading.close()
                tasks.cancel_all()
        except BaseExceptionGroup:
            reason = "an internal error; see the log"
            log.exception("the client ends because of an error that it cannot mend")
            raise
        finally:
            ready.set()
            context.tasks = None
            self._typing.clear()
            self._outbox.close()
            self._listeners.close()
            await context.rest.close()
            context.link.set(Link(LinkState.CLOSED, context.clock.now(), reason=reason))

    async def _keep_link(self) -> None:
        """Keep the link; once signed out, nobody waits for what cannot come."""
        await self._supervisor.run()
        reason = self._context.link.value.reason or "signed out"
        self._typing.clear()
        self._context.user.set(None)
        self._outbox.end(reason)
        self._listeners.end(reason)

    # State

    @property
    def url(self) -> str:
        """The server's address."""
        return self._context.url

    @property
    def token(self) -> str | None:
        """The token that stands for the person."""
        return self._context.token

    @property
    def rest(self) -> Rest:
        """The server's REST door, typed."""
        return self._context.rest

    @property
    def link(self) -> Store[Link]:
        """The state of the link."""
        return self._context.link

    @property
    def config(self) -> Store[ServerConfig | None]:
        """The server's configuration."""
        return self._context.config

    @property
    def version(self) -> Store[Version | None]:
        """The server's version."""
        return self._context.version

    @property
    def user(self) -> Store[SessionUser | None]:
        """The person signed in."""
        return self._context.user

    @property
    def channels(self) -> Store[tuple[ChannelEntry, ...]]:
        """The channels: standard, group, direct; by name, direct ones by their last message."""
        return self._channel_list.store

    @property
    def chats(self) -> Store[tuple[ChatEntry, ...]]:
        """The chats, newest first."""
        return self._chat_list.store

    @property
    def typing(self) -> Store[Typing]:
        """Who types, by channel id; in a thread by `channel id/message id`."""
        return self._typing.store

    @property
    def me(self) -> UserName | None:
        """Who the client is, as soon as the server has told it; it stays known when the link is lost."""
        return self._context.me

    @property
    def windows(self) -> Store[tuple[Window, ...]]:
        """The windows, the one touched last at the end."""
        return self._windows.store

    @property
    def unsent(self) -> int:
        """How many messages wait in the outbox."""
        return len(self._outbox)

    @property
    def old_dialect(self) -> bool:
        """Whether the server speaks as Open WebUI 0.6 does."""
        return self._context.old_dialect

    # Handles

    def open_window(self) -> Window:
        """Open a window: a place where the person looks."""
        return self._windows.open()

    def channel(self, id_: str) -> Channel:
        """Give the handle of a channel."""
        return self._channels.handle(id_)

    def chat(self, id_: str) -> Chat:
        """Give the handle of a chat."""
        return self._chats.handle(id_)

    async def new_chat(
        self, text: str, model: str, *, message_id: str | None = None, turn_id: str | None = None
    ) -> Chat:
        """Ask the first question of a new chat; returns when the server has taken it."""
        chat = await self._chats.make(text, model, message_id, turn_id)
        self._catch_up.chat_refetch.ask()
        chat.refresh_soon()
        return chat

    async def models(self) -> tuple[ModelInfo, ...]:
        """Fetch the models that this person may ask."""
        return tuple(await self.rest.completions.models())

    async def people(self, query: str = "") -> tuple[UserEntry, ...]:
        """Fetch the people whose name or address holds `query`."""
        return tuple((await self.rest.accounts.people(query)).users)

    @property
    def has_more_chats(self) -> bool:
        """Whether there are more chats than `chats` holds."""
        return self._chat_list.has_more

    async def load_more_chats(self) -> bool:
        """Fetch a further page of chats; give whether there are still more."""
        return await self._catch_up.chat_pages.load_more()

    async def direct(self, user_id: str) -> Channel:
        """Find or make the conversation with one person."""
        record = await self.rest.channels.direct(user_id)
        self._catch_up.channel_refetch.ask()
        return self.channel(record.id)

    def reconnect(self) -> None:
        """Do not wait for the next attempt: the person said so, or the network came back."""
        self._supervisor.hurry()

    # Events

    def on(self, kind: type[Any], callback: Callable[[Any], Any]) -> Unsubscribe:
        """Call `callback` with each event of a class of `antiphon.wire`, after the stores have changed."""
        return self._listeners.on(kind, callback, self._context.background())

    def events(self, *kinds: type[Any]) -> EventStream:
        """Give the events of these classes as an asynchronous iterator."""
        return self._listeners.stream(*kinds)

    def answer(self, kind: type[Any], handler: Handler) -> Unsubscribe:
        """Let `handler` answer the server's calls of one class."""
        return self._calls.handle(kind, handler)

    # The way in

    def _arrived(self, name: str, payload: Any, answer: Answer | None) -> None:
        """Take what a socket brings. Plain and quick: it only puts into the inbox."""
        event = wire.parse_event(name, payload)
        if not self._inbox.put(event, answer) and answer is not None:
            self._calls.refuse(answer, "This client is too busy.")

    def _take(self, received: Received) -> None:
        event = received.event
        self.counts.take(event)
        if received.answer is not None:
            self._calls.take(event, received.answer)
        match event:
            case wire.ChannelEnvelope() | wire.ChannelCreated():
                self._channels.apply(event, received.stamp)
            case wire.ChatEnvelope():
                self._chats.apply(event, received.stamp)
            case wire.AccessUpdated():
                self._supervisor.ask_catch_up()
            case wire.Unknown() | wire.Malformed():
                log.debug("an event was not understood: %s %s", event.name, event.type)
        self._listeners.tell(event)

    def _read_what_is_looked_at(self) -> None:
        """Mark as read what a focused window shows, as soon as it is known to be unread (W-27)."""
        for entry in self._channel_list.store.value:
            if entry.unread_count and self._windows.looked_at(("channel", entry.id)):
                self._channels.reading.read(entry.id)

    def _overflowed(self, dropped: int) -> None:
        log.warning("%d events were dropped because too many came at once; catching up", dropped)
        self._supervisor.ask_catch_up()

    async def _catch_up_now(self) -> None:
        self._typing.clear()
        await self._catch_up.run()
        self._channels.reading.caught_up(lambda id_: self._windows.looked_at(("channel", id_)))

    async def _fetch_tags(self) -> None:
        self.tags.set(tuple(await self.rest.chats.tags()))
