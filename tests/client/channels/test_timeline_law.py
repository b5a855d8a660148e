"""The law of a channel: any mix of events, pages, answers, own changes, refusals, drops and catching up ends
in the server's state.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.client.channels.channel_model import DELETED, ME, NO_ROOT, OTHER, PAGE, Door, Request, Server, View
from tests.client.hands import HandClock

from antiphon.client.attention.windows import Windows
from antiphon.client.channels import channel as channel_module
from antiphon.client.channels import pinned as pinned_module
from antiphon.client.channels import thread as thread_module
from antiphon.client.channels.channel_list import ChannelList
from antiphon.client.channels.reducer import ChannelReducer
from antiphon.client.channels.thread import Thread
from antiphon.client.channels.typing import TypingPeople
from antiphon.client.clock import Delays
from antiphon.client.context import Context
from antiphon.client.errors import NotFound, Refused, Unreachable
from antiphon.client.link.link import Link, LinkState
from antiphon.client.outbox.outbox import Outbox, Sending
from antiphon.client.store import Store
from antiphon.wire import (
    ChannelEnvelope,
    Message,
    MessageCreated,
    MessageDeleted,
    MessageReplied,
    MessageUpdated,
    ReactionAdded,
    Version,
)

KINDS: dict[str, type[ChannelEnvelope[Any]]] = {
    "created": MessageCreated,
    "changed": MessageUpdated,
    "replied": MessageReplied,
    "reacted": ReactionAdded,
    "deleted": MessageDeleted,
}
WHICH = st.integers(0, 30)


class Loop:
    """Background work on the machine's own loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.tasks: set[asyncio.Task[Any]] = set()
        self.errors: list[BaseException] = []
        self.closed = False

    def spawn(self, work: Any, name: str) -> asyncio.Task[Any]:
        """Start work."""
        task = self.loop.create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.errors.append(error)


class ChannelMachine(RuleBasedStateMachine):
    """A channel of ours and a model of the server; every rule is a thing that happens to one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.server = Server()
        self.door = Door(self.server)
        self.clock = HandClock()
        link = Store(Link(LinkState.LIVE, 0.0))
        self.context = Context("", self.door, self.clock, Delays(random=lambda: 0.5), link)  # type: ignore[arg-type]
        self.work = Loop(self.loop)
        self.context.tasks = self.work  # type: ignore[assignment]
        self.context.me = ME
        self.context.say = self.say
        self.list = ChannelList(lambda: self.spawn(self.fetch_list()), None, lambda: False)
        self.windows = Windows()
        self.window = self.windows.open()
        typing = TypingPeople(self.clock, self.context.delays)
        self.outbox = Outbox(self.context)
        self.reducer = ChannelReducer(self.context, self.list, typing, self.windows, self.outbox)
        self.channel = self.reducer.handle("c")
        self.timeline = self.channel.timeline
        self.pinned = self.channel.pinned()
        self.threads: dict[str, Thread] = {}
        self.views = [View(self.timeline)]
        self.sendings: list[Sending] = []
        self.refused: set[str] = set()
        self.temp_ids = itertools.count(1)
        self.exact_times = True
        self.list.store.subscribe(lambda _: self.look())

    @initialize(count=st.integers(0, 14), tells_pins=st.booleans(), exact_times=st.booleans())
    def history(self, count: int, tells_pins: bool, exact_times: bool) -> None:
        """Begin with some messages, on a server that tells of pins or, as 0.6.41, does not."""
        self.server.tells_pins, self.exact_times = tells_pins, exact_times
        self.context.version.set(Version(version="0.12.4" if tells_pins else "0.6.41", antiphon="0.1.0"))
        for n in range(count):
            self.server.post(OTHER if n % 3 else ME, f"old {n}")
        self.server.told.clear()
        self.spawn(self.catch_up())

    # What the server's people do

    @rule(step=st.integers(0, 2), quote=st.none() | WHICH, own=st.booleans())
    def somebody_posts(self, step: int, quote: int | None, own: bool) -> None:
        """Somebody posts; this person may, from another device."""
        step = max(step, 1) if self.exact_times else step
        reply_to = self.root(quote) if quote is not None else None
        self.server.post(ME if own else OTHER, f"text {self.server.time}", reply_to=reply_to, step=step)

    @rule(which=WHICH, own=st.booleans())
    def somebody_replies_in_a_thread(self, which: int, own: bool) -> None:
        """Somebody replies in a thread, most often in one that is open here."""
        root = self.root(which)
        if root is not None:
            self.server.post(ME if own else OTHER, f"reply {self.server.time}", parent=root)

    @rule(which=WHICH)
    def somebody_edits(self, which: int) -> None:
        """Somebody edits."""
        if (id_ := self.pick(which)) is not None:
            self.server.edit(id_, f"edited {self.server.time}")

    @rule(which=WHICH)
    def somebody_deletes(self, which: int) -> None:
        """Somebody deletes."""
        if (id_ := self.pick(which)) is not None:
            self.server.delete(id_)

    @rule(which=WHICH, name=st.sampled_from(["+1", "heart"]), on=st.booleans(), own=st.booleans())
    def somebody_reacts_or_takes_it_back(self, which: int, name: str, on: bool, own: bool) -> None:
        """Somebody reacts or takes it back."""
        if (id_ := self.pick(which)) is not None:
            self.server.react(id_, ME if own else OTHER, name, on)

    @precondition(lambda self: self.server.tells_pins)
    @rule(which=WHICH, on=st.booleans())
    def somebody_pins_or_unpins(self, which: int, on: bool) -> None:
        """Somebody pins or unpins."""
        if (id_ := self.pick(which)) is not None:
            self.server.pin(id_, OTHER, on)

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
        waiting = [request for request in self.door.requests if not request.served]
        if waiting:
            waiting[which % len(waiting)].work()

    @rule(which=st.integers(0, 5), fate=st.sampled_from(["answered", "answered", "lost", "refused"]))
    def an_answer_arrives(self, which: int, fate: str) -> None:
        """An answer arrives, is lost, or is a refusal."""
        if not self.door.requests:
            return
        request = self.door.requests[which % len(self.door.requests)]
        if fate == "lost":
            self.answer(request, Unreachable("lost", sent=request.served))
        elif request.served:
            self.answer(request, request.error)
        elif fate == "refused" and request.own_change:
            self.answer(request, Refused(403, "Not yours."))

    # What we do

    @rule(quote=st.none() | WHICH, thread=st.booleans(), which=WHICH)
    def we_send(self, quote: int | None, thread: bool, which: int) -> None:
        """We send, in the channel or in a thread that is open."""
        temp_id = f"t{next(self.temp_ids)}"
        reply_to = self.root(quote) if quote is not None and not thread else None
        roots = list(self.threads)
        parent = roots[which % len(roots)] if thread and roots else None
        text = f"mine {temp_id}"
        self.sendings.append(
            self.inside(
                lambda: self.channel.send(text, temp_id=temp_id, reply_to_id=reply_to, parent_id=parent)
            )
        )

    @rule(which=WHICH)
    def we_edit(self, which: int) -> None:
        """We edit."""
        if (id_ := self.pick(which)) is not None:
            self.spawn(self.channel.edit(id_, f"edited by us {next(self.temp_ids)}"))

    @rule(which=WHICH)
    def we_delete(self, which: int) -> None:
        """We delete."""
        if (id_ := self.pick(which)) is not None:
            self.spawn(self.channel.delete(id_))

    @rule(which=WHICH, name=st.sampled_from(["+1", "heart"]), on=st.booleans())
    def we_react_or_take_it_back(self, which: int, name: str, on: bool) -> None:
        """We react or take it back."""
        if (id_ := self.pick(which)) is not None:
            self.spawn(self.channel.react(id_, name) if on else self.channel.unreact(id_, name))

    @rule(which=WHICH, on=st.booleans())
    def we_pin_or_unpin(self, which: int, on: bool) -> None:
        """We pin or unpin."""
        if (id_ := self.pick(which)) is not None:
            self.spawn(self.channel.pin(id_, on))

    @rule(which=WHICH)
    def we_open_a_thread(self, which: int) -> None:
        """We open a thread, and follow it from then on."""
        if len(self.threads) < 2 and (root := self.root(which)) is not None and root not in self.threads:
            self.threads[root] = thread = self.channel.thread(root)
            self.views.append(View(thread.timeline))
            if self.live:
                self.spawn(thread.open())

    @rule(which=WHICH, thread=st.booleans())
    def we_scroll_back(self, which: int, thread: bool) -> None:
        """We scroll back."""
        if self.live:
            threads = list(self.threads.values())
            place = threads[which % len(threads)] if thread and threads else self.channel
            self.spawn(place.load_earlier(PAGE))

    @rule(more=st.booleans())
    def we_look_at_the_pins(self, more: bool) -> None:
        """We look at the pinned messages."""
        if self.live:
            self.spawn(self.pinned.load_more() if more else self.pinned.open())

    @rule(here=st.booleans())
    def we_look_or_turn_away(self, here: bool) -> None:
        """We look at the channel, or at something else."""
        self.window.focus(True)
        self.window.show_channel("c") if here else self.window.show_nothing()
        self.inside(self.look)
        self.inside(self.reducer.reading.left)
        self.turn()

    @precondition(lambda self: self.server.listening)
    @rule()
    def the_link_breaks(self) -> None:
        """The link breaks."""
        self.server.listening = False
        self.server.told.clear()
        self.inside(lambda: self.context.link.set(Link(LinkState.WAITING, 0.0)))
        self.turn()

    @precondition(lambda self: not self.server.listening)
    @rule(shown=st.booleans())
    def the_link_returns(self, shown: bool) -> None:
        """The link returns."""
        self.server.listening = True
        self.inside(lambda: self.context.link.set(Link(LinkState.CATCHING_UP, 0.0)))
        if not shown:
            self.channel.forget()
        self.spawn(self.catch_up())

    @rule()
    def time_passes(self) -> None:
        """Time passes."""
        self.inside(lambda: self.clock.advance(5))
        self.turn()

    # The law

    @invariant()
    def the_changes_told_make_up_the_rows(self) -> None:
        """The changes told make up the rows."""
        for view in self.views:
            rows = list(view.timeline.rows())
            assert view.rows == rows, (view.rows, rows)

    @invariant()
    def pending_rows_stand_last(self) -> None:
        """Pending rows stand last."""
        for view in self.views:
            states = [row.state == "confirmed" for row in view.rows]
            assert states == sorted(states, reverse=True)

    @invariant()
    def no_message_stands_twice(self) -> None:
        """No message stands twice."""
        for view in self.views:
            ids = [row.message.id for row in view.rows]
            assert len(ids) == len(set(ids))

    def teardown(self) -> None:
        """Come to rest and compare."""
        try:
            self.settle()
            self.compare()
        finally:
            for task in tuple(self.work.tasks):
                task.cancel()
            self.turn()
            self.loop.close()
        super().teardown()

    def settle(self) -> None:
        """Let everything that is under way come to its end; then what was not fetched yet is."""
        if not self.server.listening:
            self.the_link_returns(shown=True)
        self.rest()
        if not self.timeline.loaded:
            self.spawn(self.channel.refresh())
        for thread in self.threads.values():
            if not thread.timeline.loaded and not thread.gone.value:
                self.spawn(thread.open())
        self.spawn(self.pinned.refresh())
        self.rest()

    def rest(self) -> None:
        """Serve and answer until nothing is under way."""
        for _ in range(200):
            while self.server.told:
                self.take(*self.server.told.popleft())
            for request in tuple(self.door.requests):
                request.work()
                self.answer(request, request.error)
            self.inside(lambda: self.clock.advance(5))
            self.turn()
            if not self.door.requests and not self.server.told and not len(self.outbox):
                return
        raise AssertionError("it does not come to rest")

    def compare(self) -> None:
        """What we hold is what a fresh fetch gives, down to the oldest row that we hold."""
        self.compare_timeline(self.channel, None)
        for root, thread in self.threads.items():
            assert thread.gone.value is (root not in self.server.messages)
            if not thread.gone.value:
                self.compare_timeline(thread, root)
                assert thread.root.value is not None
                self.compare_message(thread.root.value, self.server.shown(root))
        pinned = self.server.pinned()
        held = self.pinned.store.value
        assert [m.id for m in held] == [m.id for m in pinned[: len(held)]]
        assert len(held) == len(pinned) or self.pinned.has_more
        for mine, theirs in zip(held, pinned, strict=False):
            self.compare_message(mine, theirs, but=frozenset({"reply_count", "latest_reply_at"}))
        sent = {sending.temp_id for sending in self.sendings if sending.state == "confirmed"}
        assert {s.state for s in self.sendings if s.temp_id not in sent} <= {"failed"}
        refused = {s.temp_id: s.error for s in self.sendings if s.temp_id not in sent}
        assert set(refused.values()) <= {NO_ROOT, DELETED}
        stored = set(self.server.by_temp_id) - {id_ for id_, error in refused.items() if error == DELETED}
        assert sent == stored & {s.temp_id for s in self.sendings}, "a message was lost"
        if self.exact_times:
            entry, truth = self.list.store.value[0], self.server.entry()
            assert (entry.unread_count, entry.last_message_at) == (truth.unread_count, truth.last_message_at)

    def compare_timeline(self, place: Any, parent: str | None) -> None:
        """Compare the rows of a channel or thread."""
        rows = [row for row in place.timeline.rows() if row.state == "confirmed"]
        assert not any(row.changing for row in rows), "an own change was never settled"
        held = [row.message for row in rows]
        truth = self.server.newest_first(parent)[::-1]
        if place.timeline.has_earlier:
            truth = truth[-len(held) :] if held else []
        assert [m.id for m in held] == [m.id for m in truth]
        for mine, theirs in zip(held, truth, strict=True):
            self.compare_message(mine, theirs)
            # Of a quote, what is shown: a pin or a reaction on the quoted message is not.
            quotes = (mine.reply_to_message, theirs.reply_to_message)
            assert len({(quote.id, quote.content) if quote else None for quote in quotes}) == 1, mine.id

    def compare_message(self, mine: Message, theirs: Message, but: frozenset[str] = frozenset()) -> None:
        """Compare two messages; the order of reactions means nothing."""
        for name in set(Message.model_fields) - {"reply_to_message", "reactions"} - but:
            assert getattr(mine, name) == getattr(theirs, name), (mine.id, name)
        reactions = [
            {(r.name, frozenset(u.id for u in r.users), r.count) for r in m.reactions} for m in (mine, theirs)
        ]
        assert reactions[0] == reactions[1], mine.id

    # Helpers

    @property
    def live(self) -> bool:
        """Whether the link is live."""
        return self.context.link.value.state is LinkState.LIVE

    def pick(self, which: int) -> str | None:
        """Choose a message."""
        ids = list(self.server.messages)
        return ids[which % len(ids)] if ids else None

    def root(self, which: int) -> str | None:
        """Choose a message that a thread can hang from; one with an open thread in every second case."""
        opened = [root for root in self.threads if root in self.server.messages]
        if opened and which % 2:
            return opened[which % len(opened)]
        ids = [message.id for message in self.server.messages.values() if message.parent_id is None]
        return ids[which % len(ids)] if ids else None

    def take(self, kind: str, message: Message, temp_id: str | None) -> None:
        """Take an event."""
        payload = message.dump() | ({"temp_id": temp_id} if kind == "created" else {})
        payload |= {"name": "+1"} if kind == "reacted" else {}
        data = {"type": KINDS[kind].TYPES[0], "data": payload}
        envelope = {"channel_id": "c", "message_id": message.id, "data": data, "user": OTHER.dump()}
        event: Any = KINDS[kind].load(envelope)
        self.inside(lambda: self.reducer.apply(event, self.context.arrivals.next()))

    def say(self, name: str, payload: dict[str, Any]) -> bool:
        """Carry what the client says: here only that the channel was read."""
        if self.server.listening:
            self.server.read()
        return self.server.listening

    def look(self) -> None:
        """What is looked at is read."""
        entry = self.list.get("c")
        if entry is not None and entry.unread_count and self.windows.looked_at(("channel", "c")):
            self.reducer.reading.read("c")

    async def fetch_list(self) -> None:
        """Fetch the list."""
        asked_at = self.context.arrivals.next()
        self.list.load(await self.door.list(), asked_at)

    async def catch_up(self) -> None:
        """Catch up: what could not be reached is asked for again."""
        works = [self.fetch_list, self.channel.refresh]
        while works and self.server.listening:
            try:
                await works[0]()
            except Unreachable:
                continue
            works.pop(0)
        if not works and self.server.listening:
            self.context.link.set(Link(LinkState.LIVE, 0.0))
            self.reducer.reading.caught_up()

    def answer(self, request: Request, error: Exception | None) -> None:
        """Let an answer arrive."""
        if not self.server.tells_pins:
            # Where no event tells of a pin, one that was told before it must not come after its answer.
            while self.server.told:
                self.take(*self.server.told.popleft())
        self.door.requests.remove(request)
        if not request.answer.done():
            if error is not None:
                request.answer.set_exception(error)
            else:
                request.answer.set_result(request.result)
        self.turn()

    def spawn(self, work: Any) -> None:
        """Start work."""

        async def careful() -> None:
            try:
                await work
            except (Refused, NotFound):
                pass  # The person is told.
            except Unreachable:
                # As catching up does: what could not be reached is asked for again.
                if self.server.listening:
                    self.spawn(self.catch_up())

        self.work.spawn(careful(), "work")
        self.turn()

    def inside(self, call: Any) -> Any:
        """Call something as the loop does."""

        async def work() -> Any:
            return call()

        return self.loop.run_until_complete(work())

    def turn(self) -> None:
        """Let the loop run until nothing moves without us."""
        if self.loop.is_running():
            return
        for _ in range(30):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()
        assert not self.work.errors


@pytest.fixture(autouse=True, scope="module")
def _short_pages() -> Any:
    """Pages of four, so that a short history already has several."""
    patch = pytest.MonkeyPatch()
    for module in (channel_module, thread_module):
        patch.setattr(module, "PAGE", PAGE)
    patch.setattr(pinned_module, "PINNED_PAGE", PAGE)
    yield
    patch.undo()


ChannelMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestTimelineLaw = ChannelMachine.TestCase
