"""The client: one link to one server as one person, with stores that stay true."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypedDict, TypeVar, Unpack, overload

from antiphon.client.attention.windows import Window
from antiphon.client.calls.calls import Handler
from antiphon.client.channels.affairs import open_channel
from antiphon.client.channels.channel import Channel
from antiphon.client.channels.finding import find_channel
from antiphon.client.chats.chat import Chat
from antiphon.client.clock import Clock, Delays, SystemClock
from antiphon.client.context import Context, SignIn
from antiphon.client.errors import AntiphonError, SignedOut
from antiphon.client.kept.drafts import Drafts
from antiphon.client.link.link import Link, LinkState
from antiphon.client.link.network import NetworkTransport
from antiphon.client.link.transport import Transport
from antiphon.client.listeners import EventStream
from antiphon.client.logins import Logins
from antiphon.client.outbox.outbox import Outbox
from antiphon.client.rest import Rest
from antiphon.client.state import State
from antiphon.client.store import Store, Unsubscribe
from antiphon.client.stores import Stores
from antiphon.client.wiring import Parts
from antiphon.wire import ChannelForm, ChannelRecord, Counts, ModelInfo, ServerEvent, UserEntry, UserName

log = logging.getLogger(__name__)

E = TypeVar("E")
F = TypeVar("F")


class Options(TypedDict, total=False):
    """What every way to make a client takes besides the address and the person."""

    clock: Clock | None
    delays: Delays | None
    transport: Transport | None
    data_dir: Path | None
    durable: bool
    attempts: int | None


class Client(State):
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
        data_dir: Path | None = None,
        durable: bool = True,
        attempts: int | None = None,
    ) -> None:
        """`data_dir` keeps what must survive a restart (None: the folder for a person's data);
        `durable=False` keeps all in memory. `attempts` limits the attempts in a row to reach the server.
        """
        self._url = url.rstrip("/")
        self._clock = clock or SystemClock()
        self._delays = delays or Delays()
        self._transport = transport or NetworkTransport()
        self._data_dir, self._durable, self._attempts = data_dir, durable, attempts
        state = LinkState.SIGNED_OUT if token is None else LinkState.CONNECTING
        super().__init__(Stores(Store(Link(state, self._clock.now()))))
        self._sign_in: SignIn | None = None
        self._switching = asyncio.Lock()
        self.counts = Counts()
        self._parts = self._make(token)

    def _make(self, token: str | None) -> Parts:
        """Make the parts for one person."""
        rest = Rest(self._transport.exchange(self._url, self._delays), lambda: context.token)
        context = Context(
            self._url,
            rest,
            self._clock,
            self._delays,
            self._stores.link,
            token,
            config=self._stores.config,
            version=self._stores.version,
            user=self._stores.user,
            data_dir=self._data_dir,
            durable=self._durable,
            attempts=self._attempts,
        )
        return Parts(context, self._stores, self._transport, self.counts)

    @classmethod
    def sign_in(
        cls, url: str, email: str, password: str, *, renew: bool = True, **options: Unpack[Options]
    ) -> Self:
        """Make a client that signs in with a password when it is entered; `options` are those of `Client`.

        It signs in again by itself when the session runs out, unless `renew` is off.
        """
        client = cls(url, **options)
        client._sign_in = lambda rest: rest.accounts.sign_in(email, password)
        client._context.sign_in_again = client._sign_in if renew else None
        return client

    @classmethod
    def sign_up(
        cls, url: str, name: str, email: str, password: str, *, renew: bool = True, **options: Unpack[Options]
    ) -> Self:
        """Make a client that makes an account when it is entered, and otherwise does as `sign_in`."""
        client = cls(url, **options)
        client._sign_in = lambda rest: rest.accounts.sign_up(name, email, password)
        if renew:
            client._context.sign_in_again = lambda rest: rest.accounts.sign_in(email, password)
        return client

    @classmethod
    def from_login(cls, url: str | None = None, **options: Unpack[Options]) -> Self:
        """Make a client for whom `antiphon login` has signed in, at `url` or at the current server.

        `ANTIPHON_SERVER` and `ANTIPHON_TOKEN` come first. Raises `AntiphonError` where nobody is signed in.
        """
        login = Logins().find(url)
        return cls(login.url, token=login.token, **options)

    # Life

    async def start(self) -> Self:
        """Sign in if that is wanted, and begin to keep the link. Raises `RequestFailed` or `Unreachable`."""
        if self._parts.started:
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
        await self._parts.start()
        return self

    async def close(self) -> None:
        """End the link and everything that belongs to it."""
        async with self._switching:
            await self._parts.close()

    async def switch(self, token: str) -> None:
        """Become another person, with a new socket (W-35).

        Everything of the former one is forgotten first: the stores stay the same objects and are emptied, the
        handles, windows, listeners and handlers end with the person they were made for; so does a listener
        that calls this, and the switch is made all the same.
        """
        await asyncio.shield(asyncio.create_task(self._switch(token), name="antiphon:switch"))

    async def _switch(self, token: str) -> None:
        async with self._switching:
            if not self._parts.started:
                raise AntiphonError("the client is not running: give the token when it is made")
            self._parts.listeners.end("another person signs in")
            await self._parts.close(LinkState.CONNECTING)
            self._stores.forget_person()
            self._parts = self._make(token)
            await self._parts.start()

    async def sign_out(self) -> None:
        """End the session on the server too. The client then stays, signed out, until it is closed."""
        self._context.sign_in_again = None
        try:
            await self._context.rest.accounts.sign_out()
        except SignedOut:
            log.debug("the session had ended before it was signed out")
        finally:
            self._parts.supervisor.end("signed out")
            self._context.token = None

    async def live(self) -> None:
        """Wait until the link is live. Raises `AntiphonError` when it will not be."""
        ends = {LinkState.LIVE, LinkState.GAVE_UP, LinkState.SIGNED_OUT, LinkState.CLOSED}
        link = await self._context.until_link(lambda link: link.state in ends)
        if link.state is not LinkState.LIVE:
            raise AntiphonError(f"the link is {link.state.value}: {link.reason or 'nobody is signed in'}")

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def _context(self) -> Context:
        return self._parts.context

    # State

    @property
    def url(self) -> str:
        """The server's address."""
        return self._url

    @property
    def token(self) -> str | None:
        """The token that stands for the person."""
        return self._context.token

    @property
    def rest(self) -> Rest:
        """The server's REST door, typed."""
        return self._context.rest

    @property
    def clock(self) -> Clock:
        """Where the client takes the time from."""
        return self._clock

    @property
    def delays(self) -> Delays:
        """Every duration of the client."""
        return self._delays

    @property
    def me(self) -> UserName | None:
        """Who the client is, as soon as the server has told it; it stays known when the link is lost."""
        return self._context.me

    @property
    def unsent(self) -> int:
        """How many messages wait in the outbox."""
        return len(self._parts.outbox)

    @property
    def outbox(self) -> Outbox:
        """The messages that are not sent yet: `retry`, `edit`, `discard` them by their `temp_id`."""
        return self._parts.outbox

    @property
    def drafts(self) -> Drafts:
        """What the person has begun to write, by conversation."""
        return self._parts.drafts

    @property
    def old_dialect(self) -> bool:
        """Whether the server speaks as Open WebUI 0.6 does."""
        return self._context.old_dialect

    # Handles

    def open_window(self) -> Window:
        """Open a window: a place where the person looks."""
        return self._parts.windows.open()

    def channel(self, id_: str) -> Channel:
        """Give the handle of a channel."""
        return self._parts.channels.handle(id_)

    async def find_channel(self, name: str) -> Channel:
        """Find a channel by what a person calls it: `general`, `#general`, `@Ann` for a conversation with
        her, or its id. Raises `NotFound`, and `AntiphonError` where several are called that.
        """
        held = self._parts.channel_list
        entries = self.channels.value if held.loaded else await self.rest.channels.list()
        return self.channel(find_channel(entries, name).id)

    def chat(self, id_: str) -> Chat:
        """Give the handle of a chat."""
        return self._parts.chats.handle(id_)

    async def new_chat(
        self, text: str, model: str, *, message_id: str | None = None, turn_id: str | None = None
    ) -> Chat:
        """Ask the first question of a new chat; returns when the server has taken it."""
        chat = await self._parts.chats.make(text, model, message_id, turn_id)
        self._parts.catch_up.chat_refetch.ask()
        chat.refresh_soon()
        return chat

    def temporary_chat(self) -> Chat:
        """Give a chat that is stored nowhere and that no other window hears of; it ends with its handle."""
        return self._parts.chats.temporary()

    async def models(self) -> tuple[ModelInfo, ...]:
        """Fetch the models that this person may ask."""
        return tuple(await self.rest.completions.models())

    async def people(self, query: str = "") -> tuple[UserEntry, ...]:
        """Fetch the people whose name or address holds `query`."""
        return tuple((await self.rest.accounts.people(query)).users)

    @property
    def has_more_chats(self) -> bool:
        """Whether there are more chats than `chats` holds."""
        return self._parts.chat_list.has_more

    async def load_more_chats(self) -> bool:
        """Fetch a further page of chats; give whether there are still more."""
        return await self._parts.catch_up.chat_pages.load_more()

    async def direct(self, user_id: str) -> Channel:
        """Find or make the conversation with one person; one that was hidden is shown again."""
        return self._made(await self.rest.channels.direct(user_id))

    async def create_channel(self, name: str, *, description: str = "", **more: Any) -> Channel:
        """Make a channel that everybody may read and write in; `more` are keys of `ChannelForm`, as
        `access_grants` for a channel that is not for everybody. Mostly for administrators.
        """
        return self._made(await self.rest.channels.create(open_channel(name, description, more)))

    async def create_group(self, name: str, *user_ids: str) -> Channel:
        """Make a group of these people and oneself."""
        form = ChannelForm(name=name, type="group", user_ids=list(user_ids))
        return self._made(await self.rest.channels.create(form))

    def _made(self, record: ChannelRecord) -> Channel:
        self._parts.channel_list.made()
        return self.channel(record.id)

    def reconnect(self) -> None:
        """Do not wait for the next attempt, and begin again if the client gave up: the person said so, or the
        network came back. A link that seems to stand is asked for a sign of life, and caught up.
        """
        self._parts.supervisor.hurry()

    @property
    def faults(self) -> int:
        """How many errors of its own the client has survived; each is in the log."""
        return self._context.faults.count

    # Events

    def on(self, kind: type[E], callback: Callable[[E], Any]) -> Unsubscribe:
        """Call `callback` with each event of a class of `antiphon.wire`, after the stores have changed, or of
        one of `antiphon.client.link.lifecycle`.
        """
        return self._parts.listeners.on(kind, callback, self._context.background)

    @overload
    def events(self) -> EventStream[ServerEvent]: ...
    @overload
    def events(self, kind: type[E], /) -> EventStream[E]: ...
    @overload
    def events(self, kind: type[E], other: type[F], /) -> EventStream[E | F]: ...
    @overload
    def events(self, *kinds: type[Any]) -> EventStream[Any]: ...
    def events(self, *kinds: type[Any]) -> EventStream[Any]:
        """Give the events of these classes as an asynchronous iterator; without any, all that the server
        sends.
        """
        return self._parts.listeners.stream(*kinds)

    def answer(self, kind: type[Any], handler: Handler) -> Unsubscribe:
        """Let `handler` answer the server's calls of one class."""
        return self._parts.calls.handle(kind, handler)
