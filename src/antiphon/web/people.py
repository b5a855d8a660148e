"""Who is on this page: one client for each signed-in person, shared by all their tabs."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from antiphon.client import Client
from antiphon.client.errors import AntiphonError
from antiphon.client.link.link import LinkState
from antiphon.client.outbox.ledger import unsent_in

from .person import Person
from .row_cache import RowCache
from .stream import SIGNED_OUT

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from antiphon.client.link.link import Link

    from .sessions import Session, Sessions
    from .settings import PageSettings
    from .stream import Stream

log = logging.getLogger(__name__)


class People:
    """Everyone whose client is open. A client closes `client_idle` seconds after its last stream."""

    def __init__(self, settings: PageSettings, sessions: Sessions) -> None:
        self._settings = settings
        self._sessions = sessions
        self._cache = RowCache()
        self._persons: dict[str, Person] = {}
        self._starting: dict[str, asyncio.Task[Person]] = {}
        self._idle: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waking: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._persons)

    def __iter__(self) -> Iterator[Person]:
        return iter(tuple(self._persons.values()))

    @property
    def streams(self) -> list[Stream]:
        """All open streams."""
        return [stream for person in self._persons.values() for stream in person.streams]

    async def of(self, session: Session) -> Person:
        """Return the person of a session, with their client open."""
        person = self._persons.get(session.key)
        if person is not None:
            self._rest(person)
            return person
        task = self._starting.get(session.key)
        if task is None:
            task = self._starting[session.key] = asyncio.create_task(self._start(session))
            task.add_done_callback(lambda _: self._starting.pop(session.key, None))
        return await asyncio.shield(task)

    async def _start(self, session: Session) -> Person:
        client = Client(self._settings.server_url, token=session.token, data_dir=self._settings.client_dir)
        await client.start()
        return self.adopt(session, client)

    def wake(self) -> None:
        """Send what was taken from browsers before this page was restarted: nobody need come back for it."""
        self._waking = self._spawn(self._wake())

    async def _wake(self) -> None:
        seen: set[str] = set()
        for session in self._sessions.current():
            if session.user_id in seen:
                continue
            if await unsent_in(self._settings.client_dir, self._settings.server_url, session.user_id):
                seen.add(session.user_id)
                log.info("messages of a person wait from before the restart: their client starts")
                await self.of(session)

    def adopt(self, session: Session, client: Client) -> Person:
        """Take over a client that has just signed in."""
        person = self._persons[session.key] = Person(session, client, self._settings, self._cache)
        release: list[Callable[[], None]] = []

        def on_link(link: Link) -> None:
            if link.state is LinkState.SIGNED_OUT and session.key in self._persons:
                for unsubscribe in release:
                    unsubscribe()
                self._spawn(self.sign_out(session))

        release.append(client.link.subscribe(on_link))
        self._rest(person)
        return person

    def join(self, person: Person, stream: Stream) -> None:
        """A tab of a person opened a stream."""
        person.streams.add(stream)
        handle = self._idle.pop(person.session.key, None)
        if handle is not None:
            handle.cancel()

    def leave(self, person: Person, stream: Stream) -> None:
        """That stream has ended."""
        person.streams.discard(stream)
        self._rest(person)

    def _rest(self, person: Person) -> None:
        """Close the client later, unless a stream comes first."""
        key = person.session.key
        handle = self._idle.pop(key, None)
        if handle is not None:
            handle.cancel()
        if not person.streams and self._persons.get(key) is person:
            loop = asyncio.get_running_loop()
            self._idle[key] = loop.call_later(self._settings.client_idle, self._close_idle, person)

    def _close_idle(self, person: Person) -> None:
        key = person.session.key
        self._idle.pop(key, None)
        if person.streams or self._persons.get(key) is not person:
            return
        if person.client.unsent:
            self._rest(person)  # a message still waits for the server: it was promised to be sent
            return
        del self._persons[key]
        self._spawn(person.close())

    async def sign_out(self, session: Session) -> None:
        """End a session here and on the server; its tabs are told."""
        await self._sessions.end(session)
        person = self._persons.pop(session.key, None)
        handle = self._idle.pop(session.key, None)
        if handle is not None:
            handle.cancel()
        if person is None:
            return
        if person.client.link.value.state is not LinkState.SIGNED_OUT:
            with suppress(AntiphonError):  # a server that is away forgets the token by its expiry
                await person.client.sign_out()
        await person.close(SIGNED_OUT)

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("starting or closing a person's client failed", exc_info=task.exception())

    async def close(self, last: bytes | None = None) -> None:
        """Close everyone's client."""
        for handle in self._idle.values():
            handle.cancel()
        self._idle.clear()
        if self._waking is not None:
            self._waking.cancel()
        for task in tuple(self._starting.values()):
            task.cancel()
        persons = list(self._persons.values())
        self._persons.clear()
        await asyncio.gather(*(person.close(last) for person in persons), return_exceptions=True)
