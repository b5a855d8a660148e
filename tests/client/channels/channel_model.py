"""A model of one channel on a server, as simple as can be, and a REST door whose answers a test gives when it
likes.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from antiphon.client.channels.timeline import Change, Inserted, Removed, Replaced, Row, Timeline
from antiphon.client.errors import NotFound, Rejected
from antiphon.wire import (
    ChannelDetail,
    ChannelEntry,
    ChannelRecord,
    Message,
    MessageEdit,
    MessageForm,
    Reaction,
    ReactionUser,
    UserName,
)

PAGE = 4
NO_ROOT = "The message that this belongs under is not there."
DELETED = "This message was posted before, and deleted since."
ME, OTHER = UserName(id="me", name="Me", role="user"), UserName(id="other", name="Other", role="user")
CHANNEL = {"id": "c", "user_id": "me", "name": "general", "created_at": 1, "updated_at": 1}


@dataclass
class Server:
    """What is stored, and what it tells while somebody listens."""

    messages: dict[str, Message] = field(default_factory=dict)
    by_temp_id: dict[str, str] = field(default_factory=dict)
    told: deque[tuple[str, Message, str | None]] = field(default_factory=deque)
    listening: bool = True
    tells_pins: bool = True
    read_at: int = 0
    ids: Any = field(default_factory=lambda: itertools.count(1))
    time: int = 1_800_000_000_000_000_000

    def tick(self, step: int = 1) -> int:
        """Let time pass."""
        self.time += step
        return self.time

    # What people do

    def post(
        self,
        user: UserName,
        content: str,
        *,
        temp_id: str | None = None,
        reply_to: str | None = None,
        parent: str | None = None,
        step: int = 1,
    ) -> Message:
        """Post a message; the same `temp_id` again gives the first one, unless that was deleted."""
        if temp_id is not None and temp_id in self.by_temp_id:
            if self.by_temp_id[temp_id] not in self.messages:
                raise Rejected(410, DELETED)
            return self.messages[self.by_temp_id[temp_id]]
        if parent is not None and parent not in self.messages:
            raise Rejected(400, NO_ROOT)
        message = self.shell(f"m{next(self.ids):04}", user, content, reply_to, parent, step)
        self.messages[message.id] = message
        if temp_id is not None:
            self.by_temp_id[temp_id] = message.id
        self.tell("created", message.id, temp_id)
        if parent is not None:
            self.tell("replied", parent)
        return message

    def shell(
        self,
        id_: str,
        user: UserName,
        content: str,
        reply_to: str | None = None,
        parent: str | None = None,
        step: int = 1,
    ) -> Message:
        """Build a message."""
        now = self.tick(step)
        return Message(
            id=id_,
            user_id=user.id,
            channel_id="c",
            reply_to_id=reply_to,
            parent_id=parent,
            is_pinned=False,
            pinned_by=None,
            pinned_at=None,
            content=content,
            data={},
            meta=None,
            created_at=now,
            updated_at=now,
            user=user,
            reply_to_message=None,
            latest_reply_at=None,
            reply_count=0,
            reactions=[],
        )

    def edit(self, id_: str, content: str) -> Message:
        """Change a text."""
        self._need(id_)
        self._set(id_, content=content, updated_at=self.tick())
        self.tell("changed", id_)
        return self.shown(id_)

    def react(self, id_: str, user: UserName, name: str, on: bool) -> None:
        """React, or take it back; a second time changes nothing and tells nothing."""
        self._need(id_)
        held = {r.name: [u.id for u in r.users] for r in self.messages[id_].reactions}
        users = held.setdefault(name, [])
        if (user.id in users) is on:
            return
        users.append(user.id) if on else users.remove(user.id)
        names = {ME.id: ME.name, OTHER.id: OTHER.name}
        reactions = [
            Reaction(name=n, users=[ReactionUser(id=u, name=names[u]) for u in us], count=len(us))
            for n, us in held.items()
            if us
        ]
        self._set(id_, reactions=reactions)
        self.tell("reacted", id_)

    def pin(self, id_: str, user: UserName, on: bool) -> Message:
        """Pin or unpin."""
        self._need(id_)
        by, at = (user.id, self.tick()) if on else (None, None)
        self._set(id_, is_pinned=on, pinned_by=by, pinned_at=at)
        if self.tells_pins:
            self.tell("changed", id_)
        return self.shown(id_)

    def delete(self, id_: str) -> None:
        """Delete a message, with the thread under it."""
        self._need(id_)
        message = self.shown(id_)
        for one in [one for one in self.messages.values() if one.parent_id == id_]:
            del self.messages[one.id]
        del self.messages[id_]
        if self.listening:
            self.told.append(("deleted", message, None))
        if message.parent_id is not None:
            self.tell("replied", message.parent_id)

    def read(self) -> None:
        """This person has read everything until now."""
        self.read_at, self.time = self.time, self.time + 1

    # What it answers

    def shown(self, id_: str) -> Message:
        """Give a message with its quote and counters, as events and pages do."""
        message = self.messages[id_]
        quoted = self.messages.get(message.reply_to_id or "")
        replies = [one.created_at for one in self.messages.values() if one.parent_id == id_]
        counters = {"reply_count": len(replies), "latest_reply_at": max(replies, default=None)}
        return message.model_copy(update={"reply_to_message": quoted, **counters})

    def newest_first(self, parent: str | None = None) -> list[Message]:
        """List the messages as pages do."""
        here = [one for one in self.messages.values() if one.parent_id == parent]
        ordered = sorted(here, key=lambda m: (m.created_at, m.id), reverse=True)
        return [self.shown(m.id) for m in ordered]

    def page(self, parent: str | None, skip: int, limit: int, before: str | None) -> list[Message]:
        """Give a page; a short one of a thread ends with its root (W-19)."""
        if parent is not None:
            self._need(parent)
        messages = self.newest_first(parent)
        if before is not None:
            places = [(m.created_at, m.id) for m in messages if m.id == before]
            if not places:
                raise NotFound(404, "The message to read on from is not in this channel.")
            messages = [m for m in messages if (m.created_at, m.id) < places[0]]
        page = messages[skip : skip + limit]
        if parent is not None and len(page) < limit:
            page.append(self.shown(parent).model_copy(update={"reply_count": 0, "latest_reply_at": None}))
        return page

    def pinned(self) -> list[Message]:
        """List the pinned messages, the last pinned first."""
        pinned = [self.shown(m.id) for m in self.messages.values() if m.is_pinned]
        return sorted(pinned, key=lambda m: (-(m.pinned_at or 0), m.id))

    def entry(self) -> ChannelEntry:
        """Give the channel as its person's list has it."""
        here = [m for m in self.messages.values() if m.parent_id is None]
        unread = [m for m in here if m.user_id != ME.id and m.created_at > self.read_at]
        last = max((m.created_at for m in here), default=None)
        return ChannelEntry(**CHANNEL, type=None, last_message_at=last, unread_count=len(unread))

    def tell(self, kind: str, id_: str, temp_id: str | None = None) -> None:
        """Tell whoever listens."""
        if self.listening:
            self.told.append((kind, self.shown(id_), temp_id))

    def _set(self, id_: str, **update: Any) -> None:
        self.messages[id_] = self.messages[id_].model_copy(update=update)

    def _need(self, id_: str) -> None:
        if id_ not in self.messages:
            raise NotFound(404, "There is no such message.")


@dataclass(eq=False)
class Request:
    """A request on its way: made, then served by the server, then answered."""

    serve: Callable[[], Any]
    answer: asyncio.Future[Any]
    own_change: bool
    served: bool = False
    result: Any = None
    error: Exception | None = None

    def work(self) -> None:
        """Let the server work on it."""
        if not self.served:
            self.served = True
            try:
                self.result = self.serve()
            except (NotFound, Rejected) as error:
                self.error = error


class Door:
    """`client.rest`, as far as a channel needs it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.requests: list[Request] = []
        self.channels = self
        self.detail: dict[str, Any] = {}
        self.affairs: list[tuple[Any, ...]] = []
        self.forbidden: Exception | None = None

    async def ask(self, serve: Callable[[], Any], *, own_change: bool = False) -> Any:
        """Make a request and wait for its answer."""
        request = Request(serve, asyncio.get_running_loop().create_future(), own_change)
        self.requests.append(request)
        return await request.answer

    async def list(self) -> list[ChannelEntry]:
        """Fetch the list."""
        return await self.ask(lambda: [self.server.entry()])  # type: ignore[no-any-return]

    async def get(self, _: str) -> ChannelDetail:
        """Fetch the channel."""
        if self.forbidden is not None:
            raise self.forbidden
        return ChannelDetail(**CHANNEL | self.detail)

    async def affair(self, *what: Any) -> Any:
        """Take any request about the channel itself."""
        self.affairs.append(what)
        return await self.ask(lambda: ChannelRecord(**CHANNEL | self.detail), own_change=True)

    async def update(self, id_: str, form: Any) -> ChannelRecord:
        """Change the channel."""
        self.detail |= form.dump()
        return await self.affair("update", form.dump())  # type: ignore[no-any-return]

    async def delete(self, id_: str) -> None:
        """Delete it."""
        await self.affair("delete")

    async def mute(self, id_: str, muted: bool) -> None:
        """Mute it."""
        await self.affair("mute", muted)

    async def hide(self, id_: str, hidden: bool) -> None:
        """Hide it."""
        await self.affair("hide", hidden)

    async def add_members(self, id_: str, form: Any) -> None:
        """Add people."""
        await self.affair("add", form.user_ids)

    async def remove_members(self, id_: str, form: Any) -> None:
        """Take people out."""
        await self.affair("remove", form.user_ids)

    async def data(self, id_: str, message_id: str) -> Any:
        """Fetch what a message carries."""
        return await self.ask(lambda: self.server.messages[message_id].data)

    async def messages(
        self, _: str, skip: int = 0, limit: int = PAGE, *, before: str | None = None
    ) -> list[Message]:
        """Fetch a page."""
        return await self.ask(lambda: self.server.page(None, skip, limit, before))  # type: ignore[no-any-return]

    async def thread(
        self, _: str, parent: str, skip: int = 0, limit: int = PAGE, *, before: str | None = None
    ) -> list[Message]:
        """Fetch a page of a thread."""
        return await self.ask(lambda: self.server.page(parent, skip, limit, before))  # type: ignore[no-any-return]

    async def message(self, _: str, id_: str) -> Message:
        """Fetch one message."""

        def serve() -> Message:
            self.server._need(id_)
            return self.server.shown(id_)

        return await self.ask(serve)  # type: ignore[no-any-return]

    async def pinned(self, _: str, page: int = 1) -> list[Message]:
        """Fetch pinned messages."""
        return await self.ask(lambda: self.server.pinned()[(page - 1) * PAGE : page * PAGE])  # type: ignore[no-any-return]

    async def post(self, _: str, form: MessageForm) -> Message:
        """Post a message; the answer has fewer keys than the event."""

        def serve() -> Message:
            stored = self.server.post(
                ME, form.content, temp_id=form.temp_id, reply_to=form.reply_to_id, parent=form.parent_id
            )
            left_out = {"user", "reactions", "reply_count", "latest_reply_at", "reply_to_message"}
            return Message(**{name: getattr(stored, name) for name in set(Message.model_fields) - left_out})

        return await self.ask(serve)  # type: ignore[no-any-return]

    async def edit(self, _: str, id_: str, form: MessageEdit) -> Message:
        """Change a text."""
        return await self.ask(lambda: self.server.edit(id_, form.content), own_change=True)  # type: ignore[no-any-return]

    async def remove(self, _: str, id_: str) -> None:
        """Delete a message."""
        await self.ask(lambda: self.server.delete(id_), own_change=True)

    async def react(self, _: str, id_: str, name: str) -> None:
        """React."""
        await self.ask(lambda: self.server.react(id_, ME, name, True), own_change=True)

    async def unreact(self, _: str, id_: str, name: str) -> None:
        """Take a reaction back."""
        await self.ask(lambda: self.server.react(id_, ME, name, False), own_change=True)

    async def pin(self, _: str, id_: str, pinned: bool) -> Message:
        """Pin or unpin."""
        return await self.ask(lambda: self.server.pin(id_, ME, pinned), own_change=True)  # type: ignore[no-any-return]


class View:
    """Follows a timeline by its changes alone, as a page does."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.rows: list[Row] = list(timeline.rows())
        timeline.subscribe(self._take)

    def _take(self, change: Change) -> None:
        keys = [row.key for row in self.rows]
        match change:
            case Inserted(row, before):
                self.rows.insert(len(keys) if before is None else keys.index(before), row)
            case Replaced(key, row):
                self.rows[keys.index(key)] = row
            case Removed(key):
                del self.rows[keys.index(key)]
            case _:
                self.rows = list(self.timeline.rows())
