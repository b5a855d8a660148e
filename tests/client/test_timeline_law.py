"""The law of the timeline: any mix of events, pages, answers, drops and catching up ends in the server's
state.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.client.hands import HandClock

from antiphon.client import channel as channel_module
from antiphon.client.channel import Channel
from antiphon.client.clock import Delays
from antiphon.client.context import Context
from antiphon.client.errors import Unreachable
from antiphon.client.link import Link, LinkState
from antiphon.client.outbox import Outbox, Sending
from antiphon.client.reading import Reading
from antiphon.client.store import Store
from antiphon.client.timeline import Change, Inserted, Removed, Replaced, Row
from antiphon.wire import (
    ChannelDetail,
    Message,
    MessageForm,
    PostedMessage,
    Reaction,
    ReactionUser,
    UserName,
    Version,
)

PAGE = 4
ME, OTHER = UserName(id="me", name="Me", role="user"), UserName(id="other", name="Other", role="user")


@dataclass
class Server:
    """A server as simple as can be: a list, and what it tells while somebody listens."""

    messages: dict[str, Message] = field(default_factory=dict)
    by_temp_id: dict[str, str] = field(default_factory=dict)
    told: deque[tuple[str, Message, str | None]] = field(default_factory=deque)
    listening: bool = True
    ids: Any = field(default_factory=lambda: itertools.count(1))
    time: int = 1_800_000_000_000_000_000

    def tick(self, step: int = 1) -> int:
        """Let time pass."""
        self.time += step
        return self.time

    def post(
        self,
        user: UserName,
        content: str,
        *,
        temp_id: str | None = None,
        reply_to: str | None = None,
        step: int = 1,
    ) -> Message:
        """Post a message."""
        if temp_id is not None and temp_id in self.by_temp_id:
            return self.messages.get(self.by_temp_id[temp_id]) or self.shell(
                self.by_temp_id[temp_id], user, content
            )
        message = self.shell(f"m{next(self.ids):04}", user, content, reply_to, step)
        self.messages[message.id] = message
        if temp_id is not None:
            self.by_temp_id[temp_id] = message.id
        self.tell("created", message.id, temp_id)
        return message

    def shell(
        self, id_: str, user: UserName, content: str, reply_to: str | None = None, step: int = 1
    ) -> Message:
        """Build a message."""
        now = self.tick(step)
        return Message(
            id=id_,
            user_id=user.id,
            channel_id="c",
            reply_to_id=reply_to,
            parent_id=None,
            is_pinned=False,
            content=content,
            data={},
            created_at=now,
            updated_at=now,
            user=user,
            reply_to_message=None,
            latest_reply_at=None,
            reply_count=0,
            reactions=[],
        )

    def change(self, id_: str, **update: Any) -> None:
        """Change a message."""
        self.messages[id_] = self.messages[id_].model_copy(update=update)
        self.tell("changed", id_, None)

    def delete(self, id_: str) -> None:
        """Delete a message."""
        message = self.shown(id_)
        del self.messages[id_]
        if self.listening:
            self.told.append(("deleted", message, None))

    def shown(self, id_: str) -> Message:
        """Give a message with its quote, as events and pages do."""
        message = self.messages[id_]
        quoted = self.messages.get(message.reply_to_id or "")
        return message.model_copy(update={"reply_to_message": quoted})

    def tell(self, kind: str, id_: str, temp_id: str | None) -> None:
        """Tell whoever listens."""
        if self.listening:
            self.told.append((kind, self.shown(id_), temp_id))

    def newest_first(self) -> list[Message]:
        """List the messages as pages do."""
        ordered = sorted(self.messages.values(), key=lambda m: (m.created_at, m.id), reverse=True)
        return [self.shown(m.id) for m in ordered]


@dataclass
class Request:
    """A request on its way: made, then served by the server, then answered."""

    serve: Any
    answer: asyncio.Future[Any]
    served: bool = False
    result: Any = None


class Wire:
    """The REST door whose answers the machine gives when it likes."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.requests: list[Request] = []
        self.channels = self

    async def ask(self, serve: Any) -> Any:
        """Make a request and wait for its answer."""
        request = Request(serve, asyncio.get_running_loop().create_future())
        self.requests.append(request)
        return await request.answer

    async def get(self, _: str) -> ChannelDetail:
        """Fetch the channel."""
        return ChannelDetail(id="c", user_id="me", name="general", created_at=1, updated_at=1)

    async def messages(self, _: str, skip: int = 0, limit: int = PAGE) -> list[Message]:
        """Fetch a page."""
        return await self.ask(lambda: self.server.newest_first()[skip : skip + limit])  # type: ignore[no-any-return]

    async def post(self, _: str, form: MessageForm) -> Message:
        """Post a message."""

        def serve() -> Message:
            stored = self.server.post(ME, form.content, temp_id=form.temp_id, reply_to=form.reply_to_id)
            fields = set(Message.model_fields) - {"user", "reactions", "reply_count", "latest_reply_at"}
            return Message(**{name: getattr(stored, name) for name in fields - {"reply_to_message"}})

        return await self.ask(serve)  # type: ignore[no-any-return]


class Loop:
    """Background work on the machine's own loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.tasks: set[asyncio.Task[Any]] = set()
        self.closed = False

    def spawn(self, work: Any, name: str) -> asyncio.Task[Any]:
        """Start work."""
        task = self.loop.create_task(work, name=name)
        self.tasks.add(task)
        return task


class TimelineMachine(RuleBasedStateMachine):
    """A channel of ours and a model of the server; every rule is a thing that happens to one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.server = Server()
        self.wire = Wire(self.server)
        self.clock = HandClock()
        link = Store(Link(LinkState.LIVE, 0.0))
        self.context = Context("", self.wire, self.clock, Delays(random=lambda: 0.5), link)  # type: ignore[arg-type]
        self.work = Loop(self.loop)
        self.context.tasks = self.work  # type: ignore[assignment]
        self.context.me = ME
        self.context.version.set(Version(version="0.12.4", antiphon="0.1.0"))
        self.outbox = Outbox(self.context)
        self.channel = Channel("c", self.context, self.outbox, Reading(self.context, lambda _: None))
        self.timeline = self.channel.timeline
        self.sendings: list[Sending] = []
        self.temp_ids = itertools.count(1)
        self.shown: list[Row] = []
        self.timeline.subscribe(self.on_change)

    @initialize(count=st.integers(0, 14))
    def history(self, count: int) -> None:
        """Begin with some messages."""
        for n in range(count):
            self.server.post(OTHER if n % 3 else ME, f"old {n}")
        self.server.told.clear()
        self.spawn(self.channel.refresh())

    # What the server's people do

    @rule(step=st.integers(0, 2), quote=st.none() | st.integers(0, 30), own=st.booleans())
    def somebody_posts(self, step: int, quote: int | None, own: bool) -> None:
        """Somebody posts."""
        reply_to = self.pick(quote) if quote is not None else None
        self.server.post(ME if own else OTHER, f"text {self.server.time}", reply_to=reply_to, step=step)

    @rule(which=st.integers(0, 30))
    def somebody_edits(self, which: int) -> None:
        """Somebody edits."""
        if (id_ := self.pick(which)) is not None:
            self.server.change(id_, content=f"edited {self.server.time}", updated_at=self.server.tick())

    @rule(which=st.integers(0, 30))
    def somebody_deletes(self, which: int) -> None:
        """Somebody deletes."""
        if (id_ := self.pick(which)) is not None:
            self.server.delete(id_)

    @rule(which=st.integers(0, 30), name=st.sampled_from(["+1", "heart"]))
    def somebody_reacts_or_takes_it_back(self, which: int, name: str) -> None:
        """Somebody reacts or takes it back."""
        if (id_ := self.pick(which)) is not None:
            held = self.server.messages[id_].reactions
            left = [r for r in held if r.name != name]
            added = (
                []
                if len(left) < len(held)
                else [Reaction(name=name, users=[ReactionUser(id="other", name="Other")], count=1)]
            )
            self.server.change(id_, reactions=left + added)

    @rule(which=st.integers(0, 30))
    def somebody_pins_or_unpins(self, which: int) -> None:
        """Somebody pins or unpins."""
        if (id_ := self.pick(which)) is not None:
            self.server.change(id_, is_pinned=not self.server.messages[id_].is_pinned)

    @rule(which=st.integers(0, 30))
    def somebody_replies_in_a_thread(self, which: int) -> None:
        """Somebody replies in a thread."""
        if (id_ := self.pick(which)) is not None:
            count = self.server.messages[id_].reply_count + 1
            self.server.change(id_, reply_count=count, latest_reply_at=self.server.tick())

    # What reaches us

    @rule(count=st.integers(1, 4))
    def events_arrive(self, count: int) -> None:
        """Events arrive."""
        for _ in range(min(count, len(self.server.told))):
            self.take(*self.server.told.popleft())
        self.turn()

    @rule(which=st.integers(0, 5))
    def a_request_is_served(self, which: int) -> None:
        """A request is served."""
        waiting = [request for request in self.wire.requests if not request.served]
        if waiting:
            self.serve(waiting[which % len(waiting)])

    @rule(which=st.integers(0, 5), lost=st.booleans())
    def an_answer_arrives(self, which: int, lost: bool) -> None:
        """An answer arrives."""
        if self.wire.requests:
            request = self.wire.requests[which % len(self.wire.requests)]
            if lost and not request.served:
                self.fail(request, sent=False)
            elif request.served:
                if lost:
                    self.fail(request, sent=True)
                else:
                    self.finish(request)

    # What we do

    @rule(quote=st.none() | st.integers(0, 30))
    def we_send(self, quote: int | None) -> None:
        """We send."""
        temp_id = f"t{next(self.temp_ids)}"
        reply_to = self.pick(quote) if quote is not None else None
        self.sendings.append(self.channel.send(f"mine {temp_id}", temp_id=temp_id, reply_to_id=reply_to))
        self.turn()

    @rule()
    def we_scroll_back(self) -> None:
        """We scroll back."""
        if self.context.link.value.state is LinkState.LIVE:
            self.spawn(self.channel.load_earlier(PAGE))

    @precondition(lambda self: self.server.listening)
    @rule()
    def the_link_breaks(self) -> None:
        """The link breaks."""
        self.server.listening = False
        self.server.told.clear()
        self.context.link.set(Link(LinkState.WAITING, 0.0))
        self.turn()

    @precondition(lambda self: not self.server.listening)
    @rule(shown=st.booleans())
    def the_link_returns(self, shown: bool) -> None:
        """The link returns."""
        self.server.listening = True
        self.context.link.set(Link(LinkState.LIVE, 0.0))
        if not shown:
            self.channel.forget()
        self.spawn(self.channel.refresh())

    @rule()
    def time_passes(self) -> None:
        """Time passes."""
        self.clock.advance(5)
        self.turn()

    # The law

    @invariant()
    def the_changes_told_make_up_the_rows(self) -> None:
        """The changes told make up the rows."""
        assert [row.key for row in self.shown] == [row.key for row in self.timeline.rows()]
        assert self.shown == list(self.timeline.rows())

    @invariant()
    def pending_rows_stand_last(self) -> None:
        """Pending rows stand last."""
        states = [row.state == "confirmed" for row in self.timeline.rows()]
        assert states == sorted(states, reverse=True)

    @invariant()
    def no_message_stands_twice(self) -> None:
        """No message stands twice."""
        ids = [row.message.id for row in self.timeline.rows()]
        assert len(ids) == len(set(ids))

    def teardown(self) -> None:
        """Come to rest and compare."""
        try:
            self.settle()
            self.compare()
        finally:
            for task in self.work.tasks:
                task.cancel()
            self.turn()
            self.loop.close()
        super().teardown()

    def settle(self) -> None:
        """Let everything that is under way come to its end."""
        if not self.server.listening:
            self.the_link_returns(shown=True)
        for _ in range(200):
            while self.server.told:
                self.take(*self.server.told.popleft())
            for request in tuple(self.wire.requests):
                self.serve(request)
                self.finish(request)
            self.clock.advance(5)
            self.turn()
            if not self.wire.requests and not self.server.told and not len(self.outbox):
                break
        else:
            raise AssertionError("it does not come to rest")
        if not self.timeline.loaded:
            self.spawn(self.channel.refresh())
            self.settle()

    def compare(self) -> None:
        """What we hold is what a fresh fetch gives, down to the oldest row that we hold."""
        held = [row.message for row in self.timeline.rows()]
        truth = self.server.newest_first()[::-1]
        if self.timeline.has_earlier and held:
            truth = truth[-len(held) :]
        elif self.timeline.has_earlier:
            truth = []
        assert [m.id for m in held] == [m.id for m in truth]
        for mine, theirs in zip(held, truth, strict=True):
            for name in set(Message.model_fields) - {"reply_to_message"}:
                assert getattr(mine, name) == getattr(theirs, name), (mine.id, name)
            # Of a quote, what is shown: a pin or a reaction on the quoted message is not.
            quotes = (mine.reply_to_message, theirs.reply_to_message)
            assert len({(quote.id, quote.content) if quote else None for quote in quotes}) == 1, mine.id
        assert all(row.state == "confirmed" for row in self.timeline.rows())
        posted = [sending.temp_id for sending in self.sendings]
        assert set(posted) <= set(self.server.by_temp_id), "a message was lost"
        assert all(sending.state == "confirmed" for sending in self.sendings)

    # Helpers

    def pick(self, which: int | None) -> str | None:
        """Choose a message."""
        ids = list(self.server.messages)
        return ids[which % len(ids)] if ids and which is not None else None

    def take(self, kind: str, message: Message, temp_id: str | None) -> None:
        """Take an event."""
        stamp = self.context.arrivals.next()
        if kind == "created":
            posted = PostedMessage(**dict(message), temp_id=temp_id)
            if not (message.user_id == "me" and temp_id and self.outbox.confirmed(posted, temp_id, stamp)):
                self.timeline.created(posted, stamp)
        elif kind == "deleted":
            self.timeline.deleted(message.id)
        else:
            self.timeline.changed(message, stamp)

    def serve(self, request: Request) -> None:
        """Let the server work on a request."""
        if not request.served:
            request.served, request.result = True, request.serve()

    def finish(self, request: Request) -> None:
        """Let the answer arrive."""
        self.wire.requests.remove(request)
        if not request.answer.done():
            request.answer.set_result(request.result)
        self.turn()

    def fail(self, request: Request, *, sent: bool) -> None:
        """Lose a request or its answer."""
        self.wire.requests.remove(request)
        if not request.answer.done():
            request.answer.set_exception(Unreachable("lost", sent=sent))
        self.turn()

    def spawn(self, work: Any) -> None:
        """Start work."""

        async def careful() -> None:
            try:
                await work
            except Unreachable:
                # As catching up does: what could not be reached is asked for again.
                if self.server.listening:
                    self.spawn(self.channel.refresh())

        self.work.spawn(careful(), "work")
        self.turn()

    def turn(self) -> None:
        """Let the loop run until nothing moves without us."""
        for _ in range(30):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()

    def on_change(self, change: Change) -> None:
        """Follow the changes as a view does."""
        keys = [row.key for row in self.shown]
        match change:
            case Inserted(row, before):
                self.shown.insert(len(keys) if before is None else keys.index(before), row)
            case Replaced(key, row):
                self.shown[keys.index(key)] = row
            case Removed(key):
                del self.shown[keys.index(key)]
            case _:
                self.shown = list(self.timeline.rows())


@pytest.fixture(autouse=True, scope="module")
def _short_pages() -> Any:
    """Pages of four, so that a short history already has several."""
    patch = pytest.MonkeyPatch()
    patch.setattr(channel_module, "PAGE", PAGE)
    yield
    patch.undo()


TimelineMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestTimelineLaw = TimelineMachine.TestCase
