"""Everyone who is connected: their sessions, their rooms, and what is sent to them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from antiphon.server.live.calls import SECONDS, Calls, NoSuchSession
from antiphon.server.live.engine import FanOut, SocketServer, as_application
from antiphon.server.live.handshake import refuse, token_in
from antiphon.server.live.session import Session
from antiphon.server.live.wire import MAX_FRAME_BYTES
from antiphon.server.security.principals import Principal
from antiphon.server.security.tokens import Token

__all__ = ["ANONYMOUS_SECONDS", "PATH", "Live", "Session"]

logger = logging.getLogger("antiphon.server.live")

PATH = "/ws/socket.io"
ANONYMOUS_SECONDS = 15.0
"""How long a socket may stay without saying who it is."""
DRAIN_SECONDS = 0.5
"""How long sockets have to take their leave; half as long again until they are cut."""
# asyncio's timers are for weeks, not for years: a token that ends later is looked at again then.
_LONGEST_TIMER = 7 * 86_400.0

Authenticate = Callable[[str | None], Awaitable[tuple[Principal, Token] | None]]
RoomsOf = Callable[[Principal], Awaitable[Iterable[str]]]
Handler = Callable[[Session, dict[str, Any]], Awaitable[Any]]
Watcher = Callable[[Session], Awaitable[None]]


class Live:
    """The socket's end of the server, at `/ws/socket.io`.

    A socket with a valid token in its handshake is in all its rooms before the client hears that it is
    connected. Without one it is in no room, may only send `user-join`, and is closed after
    `anonymous_seconds`. Events of one socket are handled in order. Rooms are `user:{id}`, `channel:{id}` and
    `chat:{id}`.
    """

    def __init__(
        self,
        authenticate: Authenticate,
        rooms_of: RoomsOf,
        *,
        anonymous_seconds: float = ANONYMOUS_SECONDS,
        ping_interval: int = 25,
        ping_timeout: int = 20,
    ) -> None:
        self._authenticate = authenticate
        self._rooms_of = rooms_of
        self._anonymous_seconds = anonymous_seconds
        self.ignored: Counter[str] = Counter()
        """How often something was left unhandled, by why."""
        self._handlers: dict[str, Handler] = {}
        self._arrived: list[Watcher] = []
        self._left: list[Watcher] = []
        self._sessions: dict[str, Session] = {}
        self._by_user: defaultdict[str, dict[str, Session]] = defaultdict(dict)
        self._tasks: set[asyncio.Task[None]] = set()
        self._calls = Calls()
        self._draining = False
        self._server = SocketServer(
            strangers_seconds=anonymous_seconds,
            acknowledged=self._acknowledged,
            async_mode="asgi",
            always_connect=False,
            transports=["websocket", "polling"],
            cors_allowed_origins=None,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            max_http_buffer_size=MAX_FRAME_BYTES,
            http_compression=False,
        )
        self._rooms: FanOut = self._server.manager
        self._server.on("connect", self._connect)
        self._server.on("disconnect", self._disconnected)
        self._server.on("*", self._event)
        self._app: ASGIApp = as_application(self._server)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or connection under `PATH`."""
        if self._draining:
            await refuse(scope, send)
            return
        await self._app(scope, receive, send)

    # What the rest of the server uses

    async def emit(self, event: str, payload: dict[str, Any], room: str, *, skip: str | None = None) -> None:
        """Send an event to everyone in a room, but not to the socket `skip`. Never waits."""
        self._rooms.send(event, payload, room, skip)

    async def to_session(self, sid: str, event: str, payload: dict[str, Any]) -> None:
        """Send an event to one socket."""
        self._rooms.send(event, payload, sid)

    async def call(
        self, user_id: str, sid: str, event: str, payload: dict[str, Any], *, seconds: float = SECONDS
    ) -> Any:
        """Send an event to one of this person's own sockets, and give what it answers: any JSON value, once.

        Fails (`calls.CallFailed`) at once where the socket is not this person's, at once when it goes before
        it has answered, and after `seconds`. Not for handlers of that socket's own events: its answer is read
        after they are done.
        """
        session = self._sessions.get(sid)
        if session is None or session.principal is None or session.principal.id != user_id:
            raise NoSuchSession
        return await self._calls.ask(
            sid, lambda number: self._rooms.send(event, payload, sid, number=number), seconds
        )

    def on(self, event: str, handler: Handler) -> None:
        """Handle an event of signed-in sockets; its payload is always an object. What it returns is the
        ack.
        """
        self._handlers[event] = handler

    def on_arrival(self, watcher: Watcher) -> None:
        """Be told when a socket has said who it is."""
        self._arrived.append(watcher)

    def on_departure(self, watcher: Watcher) -> None:
        """Be told when a signed-in socket is gone; its rooms can still be asked for."""
        self._left.append(watcher)

    def sessions_of(self, user_id: str) -> tuple[str, ...]:
        """The socket ids of a person's open sockets, the oldest first."""
        return tuple(self._by_user.get(user_id, ()))

    def session(self, sid: str) -> Session | None:
        """The session with this socket id."""
        return self._sessions.get(sid)

    def principals(self) -> list[Principal]:
        """Everyone who has a socket open."""
        each = (next(iter(of.values())).principal for of in self._by_user.values())
        return [principal for principal in each if principal is not None]

    @property
    def people(self) -> int:
        """How many people have a socket open."""
        return len(self._by_user)

    def rooms_of_session(self, sid: str) -> frozenset[str]:
        """The rooms a socket is in."""
        return frozenset(self._rooms.rooms_of(sid)) - {sid}

    def in_room(self, sid: str, room: str) -> bool:
        """Whether a socket is in a room."""
        return sid in self._rooms.rooms.get("/", {}).get(room, ())

    def members(self, room: str) -> tuple[Session, ...]:
        """The sessions in a room."""
        sids = self._rooms.rooms.get("/", {}).get(room, ())
        return tuple(self._sessions[sid] for sid in list(sids) if sid in self._sessions)

    async def enter(self, user_id: str, room: str) -> None:
        """Bring all of a person's sockets into a room."""
        for sid, session in list(self._by_user.get(user_id, {}).items()):
            session.barred.discard(room)
            self.enter_session(sid, room)

    def enter_session(self, sid: str, room: str) -> None:
        """Bring one socket into a room."""
        self._rooms.basic_enter_room(sid, "/", room)

    async def leave(self, user_id: str, room: str) -> None:
        """Take all of a person's sockets out of a room, those that are just entering too."""
        for sid, session in list(self._by_user.get(user_id, {}).items()):
            if session.joining:
                session.barred.add(room)
            self.leave_session(sid, room)

    def leave_session(self, sid: str, room: str) -> None:
        """Take one socket out of a room."""
        self._rooms.basic_leave_room(sid, "/", room)

    async def close_room(self, room: str) -> None:
        """Take everyone out of a room, those who are just entering too."""
        for session in self._sessions.values():
            if session.joining:
                session.barred.add(room)
        for sid in list(self._rooms.rooms.get("/", {}).get(room, ())):
            self.leave_session(sid, room)

    async def refresh(self, user_id: str) -> None:
        """Look at a person again on all their sockets: who they are now, and which rooms they belong in."""
        for session in list(self._by_user.get(user_id, {}).values()):
            await self.refresh_session(session)

    async def refresh_session(self, session: Session) -> None:
        """The same for one socket."""
        found = await self._authenticate(session.token.text if session.token else None)
        if found is None:
            await self.close(session.sid, "signed out")
        else:
            await self._join(session, *found)

    async def close(self, sid: str, reason: str, code: int = 1008) -> None:
        """Tell a socket that it is disconnected, and close it."""
        engine_sid = self._rooms.eio_sid_from_sid(sid, "/")
        await self._server.disconnect(sid)
        if engine_sid is not None:
            await self._server.eio.end(engine_sid, code, reason)

    async def close_token(self, jti: str) -> None:
        """Close every socket that came with this token."""
        for sid, session in list(self._sessions.items()):
            if session.token is not None and session.token.jti == jti:
                await self.close(sid, "signed out")

    async def close_all(self, reason: str) -> None:
        """Close every socket as at a restart (1012): each client comes back by itself, and catches up."""
        for sid in list(self._sessions):
            engine_sid = self._rooms.eio_sid_from_sid(sid, "/")
            if engine_sid is not None:
                await self._server.eio.end(engine_sid, 1012, reason)

    async def drain(self) -> None:
        """Close every socket for good with a reason (within 1.5 s), and leave no task behind.

        They are closed below Socket.IO, as by a lost connection, so that every client comes back by itself.
        """
        self._draining = True
        await self._server.eio.stop(1012, "the server is going down", DRAIN_SECONDS)
        for session in list(self._sessions.values()):
            self._forget(session)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # What the library calls

    async def _connect(self, sid: str, _environ: dict[str, Any], auth: Any = None) -> bool:
        self._server.eio.met(self._rooms.eio_sid_from_sid(sid, "/"))
        session = Session(sid)
        self._sessions[sid] = session
        try:
            found = await self._authenticate(token_in(auth))
            if found is None:
                self._at(session, self._anonymous_seconds, "nobody signed in")
            else:
                await self._join(session, *found)
        except BaseException:  # also when cancelled: what was opened is closed, and the cause goes on
            # The library does not report the end of a socket that never came to be.
            self._forget(session)
            raise
        return sid in self._sessions

    async def _disconnected(self, sid: str, _reason: str = "") -> None:
        session = self._sessions.get(sid)
        if session is None:
            return
        self._calls.gone(sid)
        try:
            if session.principal is not None:
                for watcher in self._left:
                    await watcher(session)
        finally:
            self._forget(session)
            engine_sid = self._rooms.eio_sid_from_sid(sid, "/")
            if engine_sid is not None:
                self._server.eio.release(engine_sid)
                # A client may say goodbye and leave its connection open.
                self._server.eio.expect(engine_sid, self._anonymous_seconds)

    async def _event(self, event: str, sid: str, *arguments: Any) -> Any:
        session = self._sessions.get(sid)
        payload = arguments[0] if arguments else {}
        if session is None:
            return None
        if not isinstance(payload, dict):
            self.ignored["payload is no object"] += 1
            return None
        await session.pace.keep()
        if event == "user-join":
            return await self._user_join(session, payload)
        if session.principal is None:
            self.ignored["nobody signed in"] += 1
            return None
        token = session.token.text if session.token else None
        if event == "heartbeat" and await self._authenticate(token) is None:
            # Another process may have ended this session: a password reset on the command line does.
            await self.close(session.sid, "signed out")
            return None
        handler = self._handlers.get(event)
        if handler is None:
            self.ignored["unknown event"] += 1
            return None
        return await handler(session, payload)

    async def _acknowledged(self, sid: str, number: int | None, arguments: list[Any]) -> None:
        if not self._calls.answered(sid, number, arguments):
            self.ignored["answer to no call"] += 1
            session = self._sessions.get(sid)
            if session is not None:
                await session.pace.keep()

    async def _user_join(self, session: Session, payload: dict[str, Any]) -> dict[str, str] | None:
        found = await self._authenticate(token_in(payload.get("auth")))
        if found is None or session.sid not in self._sessions:
            return None
        principal, token = found
        await self._join(session, principal, token)
        return {"id": principal.id, "name": principal.name}

    async def _join(self, session: Session, principal: Principal, token: Token) -> None:
        """Put a socket into exactly the rooms of this person, whoever it belonged to before."""
        arrived = session.principal is None or session.principal.id != principal.id
        if arrived:
            self._calls.gone(session.sid)
            self._unlink(session)
            for room in self.rooms_of_session(session.sid):
                self.leave_session(session.sid, room)
        session.principal, session.token = principal, token
        self._by_user[principal.id][session.sid] = session
        # From here on `leave` is heard; what it says while the rooms are read is in `barred`.
        if not session.joining:
            session.barred.clear()
        session.joining += 1
        try:
            rooms = set(await self._rooms_of(principal)) | {f"user:{principal.id}"}
            if session.sid not in self._sessions:
                return
            rooms -= session.barred
            for room in self.rooms_of_session(session.sid) - rooms:
                if not room.startswith("chat:"):
                    self.leave_session(session.sid, room)
            for room in rooms:
                self.enter_session(session.sid, room)
        finally:
            session.joining -= 1
        end = token.expires_at
        self._at(session, None if end is None else end - time.time(), "the session is over")
        if arrived:
            for watcher in self._arrived:
                await watcher(session)

    # Timers and tasks

    def _at(self, session: Session, seconds: float | None, reason: str) -> None:
        """Close the session after this time, in place of what was set before."""
        if session.deadline is not None:
            session.deadline.cancel()
            session.deadline = None
        if seconds is None:
            return
        loop = asyncio.get_running_loop()
        if seconds > _LONGEST_TIMER:
            again = seconds - _LONGEST_TIMER
            session.deadline = loop.call_later(_LONGEST_TIMER, self._at, session, again, reason)
        else:
            session.deadline = loop.call_later(max(0.0, seconds), self._end, session, reason)

    def _end(self, session: Session, reason: str) -> None:
        self._start(self.close(session.sid, reason))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("closing a socket failed", exc_info=task.exception())

    def _forget(self, session: Session) -> None:
        self._calls.gone(session.sid)
        if session.deadline is not None:
            session.deadline.cancel()
            session.deadline = None
        self._sessions.pop(session.sid, None)
        self._unlink(session)

    def _unlink(self, session: Session) -> None:
        if session.principal is not None:
            sessions = self._by_user.get(session.principal.id)
            if sessions is not None:
                sessions.pop(session.sid, None)
                if not sessions:
                    del self._by_user[session.principal.id]
