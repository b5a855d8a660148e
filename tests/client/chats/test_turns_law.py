"""The law of a chat's turns: any mix of pieces, losses, repeats and fetches ends in the server's document.

And on the way: what is shown of an answer is always a beginning of it, without a hole and without a repeat;
it never becomes shorter; what has ended does not run again; and no turn vanishes.

Three dialects write the same answers: 0.6.41 sends the whole text each time, 0.12.4 pieces without a place,
ours pieces that say where they belong. Requests are made, served and answered at any moments, in any order.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.client.hands import HandClock

from antiphon.client.chats.chat import Chat
from antiphon.client.chats.chat_list import ChatList
from antiphon.client.chats.turns import RunningChanged
from antiphon.client.clock import Delays
from antiphon.client.context import Context
from antiphon.client.errors import AntiphonError, RequestFailed, Unreachable
from antiphon.client.link.link import Link, LinkState
from antiphon.client.store import Store
from antiphon.wire import ChatEnvelope, ChatMessage, ChatRow, parse_event

Dialect = Literal["0.6.41", "0.12.4", "ours"]


@dataclass
class Server:
    """One chat, at most one run, and what it tells while somebody listens."""

    dialect: Dialect
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    current: str | None = None
    running: str | None = None
    told: deque[dict[str, Any]] = field(default_factory=deque)
    listening: bool = True
    words: Any = field(default_factory=lambda: itertools.count(1))

    def ask(self) -> None:
        """Take a question, from any window, and begin its answer."""
        number = len(self.messages) // 2 + 1
        question, answer = f"q{number}", f"a{number}"
        if self.current is not None:
            self.messages[self.current]["childrenIds"].append(question)
        self.messages[question] = {
            "id": question, "parentId": self.current, "childrenIds": [answer], "role": "user",
            "content": f"question {number}",
        }  # fmt: skip
        self.messages[answer] = {
            "id": answer, "parentId": question, "childrenIds": [], "role": "assistant", "content": "",
            "model": "m",
        }  # fmt: skip
        self.current = self.running = answer
        self.tell(question, "chat:list", {"chat_id": "k"})

    def write(self) -> None:
        """Write a piece of the answer: stored first, then told."""
        assert self.running is not None
        message = self.messages[self.running]
        before, piece = message["content"], f"word{next(self.words)} "
        message["content"] = before + piece
        message["output"] = [self.item(message["content"])]
        if self.dialect == "0.6.41":
            del message["output"]
            self.tell(self.running, "chat:completion", {"content": message["content"]})
            return
        place = {"offset": len(before)} if self.dialect == "ours" else {}
        delta = {
            "type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0,
            "delta": piece, **place,
        }  # fmt: skip
        self.tell(self.running, "response:completion", delta)

    def end(self, how: Literal["done", "failed", "stopped"]) -> None:
        """End the run: stored, told, gone."""
        assert self.running is not None
        id_, self.running = self.running, None
        message = self.messages[id_]
        message["done"] = True
        whole = {"content": message["content"]}
        if "output" in message:
            whole["output"] = message["output"]
        if how == "done":
            self.tell(id_, "chat:completion", {"done": True, **whole})
        elif how == "failed":
            message["error"] = {"content": "no more"}
            self.tell(id_, "chat:message:error", {"error": {"content": "no more"}})
        else:
            self.tell(
                id_, "chat:tasks:cancel", {"output": message.get("output")} if "output" in whole else None
            )

    def item(self, text: str) -> dict[str, Any]:
        """Build the one output item of an answer."""
        part = {"type": "output_text", "text": text}
        return {"type": "message", "id": "i", "role": "assistant", "content": [part]}

    def tell(self, message_id: str, type_: str, data: Any) -> None:
        """Tell whoever listens."""
        if self.listening:
            event = {"chat_id": "k", "message_id": message_id, "data": {"type": type_, "data": data}}
            self.told.append(deepcopy(event))

    def row(self) -> ChatRow:
        """Give the document as it is stored."""
        history = {"messages": deepcopy(self.messages), "currentId": self.current}
        return ChatRow.model_validate(
            {
                "id": "k", "user_id": "me", "title": "T", "updated_at": 1, "created_at": 1,
                "chat": {"title": "T", "models": ["m"], "history": history},
            }
        )  # fmt: skip


@dataclass
class Request:
    """A request under way: made, then served, then answered."""

    serve: Callable[[], Any]
    answer: asyncio.Future[Any]
    served: bool = False
    result: Any = None


class Work:
    """Background work on the machine's own loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.tasks: set[asyncio.Task[Any]] = set()
        self.closed = False

    def spawn(self, work: Any, name: str) -> asyncio.Task[Any]:
        """Start work."""
        task = self.loop.create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task


class Wire:
    """The REST door whose answers the machine gives when it likes."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.requests: list[Request] = []
        self.chats = self.completions = self

    async def ask(self, serve: Any) -> Any:
        """Make a request and wait for its answer."""
        request = Request(serve, asyncio.get_running_loop().create_future())
        self.requests.append(request)
        return await request.answer

    async def get(self, _: str) -> ChatRow:
        """Fetch the document."""
        return await self.ask(self.server.row)  # type: ignore[no-any-return]

    async def tasks(self, _: str) -> list[str]:
        """Fetch the runs."""
        return await self.ask(lambda: [self.server.running] if self.server.running else [])  # type: ignore[no-any-return]


class TurnsMachine(RuleBasedStateMachine):
    """A chat of ours and a model of the server; every rule is a thing that happens to one of them."""

    @initialize(dialect=st.sampled_from(["0.6.41", "0.12.4", "ours"]), pieces=st.integers(0, 5))
    def begin(self, dialect: Dialect, pieces: int) -> None:
        """Open a chat whose answer is being written."""
        self.loop = asyncio.new_event_loop()
        self.server = Server(dialect)
        self.wire = Wire(self.server)
        self.clock = HandClock()
        self.link = Store(Link(LinkState.LIVE, 0.0))
        self.context = Context("", self.wire, self.clock, Delays(random=lambda: 0.5), self.link)  # type: ignore[arg-type]
        self.work = Work(self.loop)
        self.context.tasks = self.work  # type: ignore[assignment]
        self.connections = 1
        self.context.sid = lambda: f"s{self.connections}"
        self.seen: dict[str, tuple[str, bool]] = {}
        self.unaware = False  # an event was lost, and none came after it
        self.behind = False  # the link has returned, and catching up has not begun
        self.chat = Chat("k", self.context, ChatList(lambda: None))
        self.running: list[bool] = [False]
        self.chat.subscribe(
            lambda change: self.running.append(change.running) if isinstance(change, RunningChanged) else None
        )
        self.server.ask()
        for _ in range(pieces):
            self.server.write()
        self.server.told.clear()
        self.refetch()

    # What the server does

    @rule(pieces=st.integers(0, 4), heard=st.integers(0, 6))
    def the_model_writes(self, pieces: int, heard: int) -> None:
        """The model writes; where nothing runs another window asked before, and all that this one hears of
        that is what the answer writes.
        """
        if self.server.running is None:
            self.server.ask()
        for _ in range(pieces):
            self.server.write()
        self.hear(heard)

    @precondition(lambda self: self.server.running is not None)
    @rule(how=st.sampled_from(["done", "failed", "stopped"]))
    def the_answer_ends(self, how: Literal["done", "failed", "stopped"]) -> None:
        """The answer ends."""
        self.server.end(how)

    # What the network does

    @precondition(lambda self: self.server.told)
    @rule(count=st.integers(1, 6), twice=st.booleans())
    def events_arrive(self, count: int, twice: bool) -> None:
        """Events arrive, in order; where a piece says where it belongs it may come twice."""
        self.hear(count, twice=twice and self.server.dialect == "ours")

    @precondition(lambda self: self.server.dialect == "ours" and self.server.told)
    @rule()
    def an_event_is_lost(self) -> None:
        """One event is lost, and nothing tells of it but the next one."""
        if self.server.told[0]["data"]["type"] == "response:completion":
            self.server.told.popleft()
            self.unaware = True

    @precondition(lambda self: self.server.dialect == "ours" and not self.server.told)
    @precondition(lambda self: self.server.running is not None)
    @rule()
    def a_piece_is_lost_and_the_next_one_comes(self) -> None:
        """What tells of a loss may come while the chat is being fetched for the first time."""
        self.server.write()
        self.server.told.clear()
        self.server.write()
        self.hear(1)

    @precondition(lambda self: self.server.listening)
    @rule()
    def the_link_is_lost(self) -> None:
        """The link is lost, with what was on its way."""
        self.server.listening = False
        self.server.told.clear()
        self.link.set(Link(LinkState.WAITING, 0.0))
        for request in tuple(self.wire.requests):
            self.fail(request, Unreachable("lost", sent=True))

    @precondition(lambda self: not self.server.listening)
    @rule()
    def the_link_returns(self) -> None:
        """The link returns; events may come before catching up begins."""
        self.server.listening = self.behind = True
        self.connections += 1
        self.unaware = False
        self.link.set(Link(LinkState.CATCHING_UP, 0.0))

    @precondition(lambda self: self.behind and self.server.listening)
    @rule()
    def it_catches_up(self) -> None:
        """Catching up fetches the chat."""
        self.behind = False
        self.link.set(Link(LinkState.LIVE, 0.0))
        self.chat.missed()
        self.refetch()

    @precondition(lambda self: self.server.listening)
    @rule()
    def somebody_refreshes(self) -> None:
        """Whatever asks for the document."""
        self.refetch()

    @precondition(lambda self: self.wire.requests)
    @rule(which=st.integers(0, 9))
    def the_server_serves_a_request(self, which: int) -> None:
        """The server looks at a request; its answer is under way."""
        self.serve(self.wire.requests[which % len(self.wire.requests)])

    @precondition(lambda self: self.wire.requests)
    @rule(which=st.integers(0, 9), count=st.integers(1, 3))
    def answers_arrive(self, which: int, count: int) -> None:
        """Answers arrive, maybe before that of an earlier request."""
        for _ in range(min(count, len(self.wire.requests))):
            request = self.wire.requests[which % len(self.wire.requests)]
            self.serve(request)
            self.finish(request)

    @precondition(lambda self: self.server.listening and self.server.running is not None)
    @rule(pieces=st.integers(1, 4))
    def a_document_overtakes_what_is_told(self, pieces: int) -> None:
        """What was told is still on its way when a document comes that has it."""
        for _ in range(pieces):
            self.server.write()
        self.refetch()
        for _ in range(3):
            for request in tuple(self.wire.requests):
                self.serve(request)
                self.finish(request)

    @precondition(lambda self: self.wire.requests)
    @rule(which=st.integers(0, 9))
    def the_server_stumbles(self, which: int) -> None:
        """A request fails."""
        self.fail(self.wire.requests[which % len(self.wire.requests)], RequestFailed(500, "oops"))

    @rule()
    def time_passes(self) -> None:
        """Time passes."""
        self.clock.advance(5)
        self.turn()

    # The law

    @invariant()
    def running_is_told_as_it_is(self) -> None:
        """Whoever follows the changes knows whether an answer is being written."""
        if hasattr(self, "chat"):
            assert self.running[-1] == self.chat.running

    @invariant()
    def what_is_shown_is_a_beginning_of_the_answer(self) -> None:
        """No hole, no repeat, nothing taken back, at no moment (W-45, W-15)."""
        if not hasattr(self, "chat"):
            return
        for id_, message in self.server.messages.items():
            turn = self.chat.turn(id_)
            text, done = self.seen.get(id_, ("", False))
            if turn is None:
                assert id_ not in self.seen, f"{id_} has vanished"
                continue
            assert message["content"].startswith(turn.content), id_
            assert turn.content.startswith(text), f"{id_} became shorter"
            assert turn.done or not done, f"{id_} had ended"
            self.seen[id_] = (turn.content, bool(turn.done))

    @invariant()
    def at_rest_it_is_what_the_server_has(self) -> None:
        """Where nothing is under way, and nothing was lost unheard, no later event is needed."""
        if not hasattr(self, "chat") or self.unaware or self.behind or not self.server.listening:
            return
        if self.wire.requests or self.server.told or self.clock.timers:
            return
        if self.server.dialect != "0.12.4" or self.server.running is None:
            self.compare()

    def teardown(self) -> None:
        """Come to rest and compare: while the answer is being written, and at its end."""
        if not hasattr(self, "chat"):
            return
        try:
            self.settle()
            self.at_rest_it_is_what_the_server_has()
            if self.server.running:
                for _ in range(6):
                    # Whoever joined in the middle must hear something before it knows where that belongs.
                    self.server.write()
                self.settle()
                self.compare()
                assert self.chat.running
            if self.server.running:
                self.server.end("done")
            self.settle()
            if not self.chat.turns() or self.chat.turns()[-1].id != self.server.current:
                # A question elsewhere whose answer wrote nothing is told of by no event of this chat.
                self.refetch()
                self.settle()
            self.compare()
            assert not self.chat.running
            self.server.ask()
            self.server.write()
            self.settle()
            self.compare()
            self.what_is_shown_is_a_beginning_of_the_answer()
        finally:
            for task in tuple(self.work.tasks):
                task.cancel()
            self.turn()
            self.loop.close()

    def settle(self) -> None:
        """Let everything that is under way come to its end."""
        if not self.server.listening:
            self.the_link_returns()
        if self.behind:
            self.it_catches_up()
        for _ in range(100):
            while self.server.told:
                self.take(self.server.told.popleft())
            for request in tuple(self.wire.requests):
                self.serve(request)
                self.finish(request)
            self.clock.advance(5)
            self.turn()
            if not self.wire.requests and not self.server.told:
                return
        raise AssertionError("it does not come to rest")

    def compare(self) -> None:
        """What we hold is what a fresh fetch gives."""
        history = self.server.row().chat.history
        assert history is not None
        truth, id_ = list[ChatMessage](), history.current_id
        while id_ is not None:
            truth.insert(0, history.messages[id_])
            id_ = truth[0].parent_id
        held = self.chat.turns()
        assert [turn.id for turn in held] == [turn.id for turn in truth]
        for mine, theirs in zip(held, truth, strict=True):
            for name in ("role", "content", "parent_id", "children_ids", "error"):
                assert getattr(mine, name) == getattr(theirs, name), (mine.id, name)
            assert bool(mine.done) == bool(theirs.done), mine.id

    # Helpers

    def hear(self, count: int, *, twice: bool = False) -> None:
        """Take the next events."""
        for _ in range(min(count, len(self.server.told))):
            event = self.server.told.popleft()
            self.take(event)
            if twice:
                self.take(event)

    def take(self, event: dict[str, Any]) -> None:
        """Take an event."""
        parsed = parse_event("events", deepcopy(event))
        assert isinstance(parsed, ChatEnvelope), parsed
        self.unaware = False
        self.chat.apply(parsed, self.context.arrivals.next())  # type: ignore[arg-type]  # checked above
        self.turn()

    def refetch(self) -> None:
        """Ask for the document, as catching up does: again until it is there."""

        async def fetch() -> None:
            try:
                await self.chat.refresh()
            except AntiphonError:
                if self.server.listening:
                    self.refetch()

        self.work.spawn(fetch(), "fetch")
        self.turn()

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

    def fail(self, request: Request, error: AntiphonError) -> None:
        """Lose a request or its answer."""
        self.wire.requests.remove(request)
        if not request.answer.done():
            request.answer.set_exception(error)
        self.turn()

    def turn(self) -> None:
        """Let the loop run until nothing moves without us."""
        for _ in range(12):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()


TurnsMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestTurnsLaw = TurnsMachine.TestCase
