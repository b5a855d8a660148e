"""The law of calls, by machine: each has exactly one answer, in its shape, before the server stops waiting.

Whatever happens in between: answers, dismissals, time, a link that goes and comes, the server asking again,
windows and listeners that leave, chats that are deleted, the end of the client.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.client.hands import HandClock

from antiphon.client.attention.windows import Window, Windows
from antiphon.client.calls.calls import MOST_AT_ONCE, Calls
from antiphon.client.calls.questions import Question, Questions
from antiphon.client.clock import Delays
from antiphon.client.context import Context
from antiphon.client.link.link import Link, LinkState
from antiphon.client.listeners import EventListeners
from antiphon.client.rest import Rest
from antiphon.client.rest.exchange import HttpExchange
from antiphon.client.store import Store
from antiphon.wire import parse_event

KINDS = {
    "confirmation": {"title": "t"},
    "input": {"title": "t"},
    "request:user_input": {"questions": [{"id": "q"}], "timeout_ms": 90_000},
    "request:elicitation": {"mode": "form", "requestedSchema": {}},
}
ANSWERS: dict[str, tuple[object, object]] = {
    "confirmation": (True, True),
    "input": ("", ""),
    "user_input": ({"q": "x"}, {"status": "answered", "answers": {"q": {"type": "other", "text": "x"}}}),
    "elicitation": ({}, {"action": "accept", "content": {}}),
}
REFUSED = {
    "confirmation": False,
    "input": False,
    "request:user_input": {"status": "cancelled", "answers": {}},
    "request:elicitation": {"action": "cancel"},
}
LIMITS = {"request:user_input": 90.0, "request:elicitation": 120.0}


class _Done:
    """Work that is done already."""

    def __await__(self) -> Iterator[None]:
        return iter(())

    def add_done_callback(self, callback: Any) -> None:
        callback(self)

    def cancel(self) -> None:
        """It cannot be cancelled any more."""


class _AtOnce:
    """A place for background work in which all work ends at once."""

    closed = False

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> Any:
        try:
            work.send(None)
        except StopIteration:
            return _Done()
        raise AssertionError(f"{name} waits")


@dataclass(eq=False)
class Asked:
    """A call as the server sees it."""

    kind: str
    id_: str | None
    at: float
    over_link: int
    acks: list[tuple[float, object]] = field(default_factory=list)


class Model(RuleBasedStateMachine):
    """Drives the real parts with a clock whose hands it turns."""

    @initialize()
    def begin(self) -> None:
        """A client that is live, with somebody who listens."""
        self.clock = HandClock()
        link = Store(Link(LinkState.LIVE, 0.0))
        rest = Rest(HttpExchange("", Delays()), lambda: None)
        self.context = Context("", rest, self.clock, Delays(), link)
        self.context.tasks = _AtOnce()  # type: ignore[assignment]  # all that calls need of it
        self.windows = Windows(now=self.clock.now)
        self.listeners = EventListeners()
        self.calls = Calls(self.context)
        self.questions = Questions(self.context, self.windows, self.listeners)
        self.calls.ask = self.questions.take
        self.asked: list[Asked] = []
        self.heard: list[Question] = []
        self.open: list[Window] = []
        self.ids = 0
        self.links = 0
        self.up = True
        self.release = self.listeners.on(Question, self.heard.append, self.context.background)
        self.listening = True

    def _ask(self, kind: str, id_: str | None) -> None:
        asked = Asked(kind, id_, self.clock.monotonic(), self.links)
        self.asked.append(asked)
        data = KINDS[kind] | ({"interaction_id": id_} if id_ else {})
        event = parse_event(
            "events", {"chat_id": "k", "message_id": "t", "data": {"type": kind, "data": data}}
        )

        async def answer(value: object) -> None:
            asked.acks.append((self.clock.monotonic(), value))

        self.calls.take(event, answer)

    @precondition(lambda self: self.up)
    @rule(kind=st.sampled_from(sorted(KINDS)), named=st.booleans())
    def ask(self, kind: str, named: bool) -> None:
        """The server asks something new, with an id (0.12.4) or without."""
        self.ids += 1
        self._ask(kind, f"i{self.ids}" if named else None)

    @precondition(lambda self: self.up and any(asked.id_ for asked in self.asked))
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        """0.12.4 asks again what it has asked."""
        earlier = data.draw(st.sampled_from([asked for asked in self.asked if asked.id_]))
        before = len(self.heard)
        held = [question for question in self.questions.store.value if question.id == earlier.id_]
        self._ask(earlier.kind, earlier.id_)
        if held:
            assert len(self.heard) == before
            assert [one for one in self.questions.store.value if one.id == earlier.id_] == held

    @precondition(lambda self: self.questions.store.value)
    @rule(data=st.data(), way=st.sampled_from(["answer", "dismiss", "decline"]))
    def settle(self, data: st.DataObject, way: str) -> None:
        """The person answers one of the questions; the newest call gets that."""
        question = data.draw(st.sampled_from(self.questions.store.value))
        newest = [asked for asked in self.asked if not asked.acks and asked.id_ == question.id]
        given, travels = ANSWERS[question.kind]
        if way == "dismiss":
            question.dismiss()
        else:
            _run(question.answer(given) if way == "answer" else question.decline())
        if way == "answer" and newest:
            assert newest[-1].acks[0][1] == travels

    @rule(seconds=st.sampled_from([1.0, 6.0, 20.0, 55.0, 130.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)

    @precondition(lambda self: self.up)
    @rule()
    def lose_the_link(self) -> None:
        """The link goes."""
        self.up = False
        self.links += 1
        self.context.link.set(Link(LinkState.WAITING, self.clock.now()))
        self.calls.link_lost()
        self.questions.link_lost()

    @precondition(lambda self: not self.up)
    @rule()
    def come_back(self) -> None:
        """And comes."""
        self.up = True
        self.context.link.set(Link(LinkState.LIVE, self.clock.now()))

    @precondition(lambda self: self.up and any(asked.id_ for asked in self.asked))
    @rule(data=st.data())
    def done_elsewhere(self, data: st.DataObject) -> None:
        """The server has settled it."""
        asked = data.draw(st.sampled_from([asked for asked in self.asked if asked.id_]))
        inner = {"type": "request:interaction:done", "data": {"interaction_id": asked.id_}}
        self.questions.apply(parse_event("events", {"chat_id": "k", "message_id": "t", "data": inner}))
        assert asked.acks

    @rule(way=st.sampled_from(["stopped", "deleted"]))
    def no_answer_is_wanted_any_more(self, way: str) -> None:
        """The answer was stopped, or its chat deleted."""
        if way == "deleted":
            self.questions.chat_gone("k")
        else:
            inner = {"type": "chat:tasks:cancel", "data": None}
            self.questions.apply(parse_event("events", {"chat_id": "k", "message_id": "t", "data": inner}))
        assert not self.questions.store.value

    @rule()
    def open_a_window(self) -> None:
        """The person opens a window."""
        self.open.append(self.windows.open())

    @precondition(lambda self: self.open)
    @rule()
    def close_a_window(self) -> None:
        """And closes it."""
        self.open.pop().close()

    @rule()
    def listen_or_stop(self) -> None:
        """The application's listener comes and goes."""
        if self.listening:
            self.release()
        else:
            self.release = self.listeners.on(Question, self.heard.append, self.context.background)
        self.listening = not self.listening

    @invariant()
    def no_call_has_two_answers(self) -> None:
        """And each that was answered was answered in its shape, in time."""
        for asked in getattr(self, "asked", []):
            assert len(asked.acks) <= 1
            limit = LIMITS.get(asked.kind, 60.0 if asked.id_ is None else None)
            for at, value in asked.acks:
                answered = [travels for _, travels in ANSWERS.values()]
                assert value in (REFUSED[asked.kind], {"action": "decline"}, *answered)
                assert limit is None or at < asked.at + limit
            if not asked.acks and limit is not None:
                assert self.clock.monotonic() < asked.at + limit

    @invariant()
    def what_waits_is_what_is_open(self) -> None:
        """Every call without an answer belongs to an open question; nothing else is kept, no timer either."""
        if not hasattr(self, "questions"):
            return
        waiting = [asked for asked in self.asked if not asked.acks]
        open_ = self.questions.store.value
        assert len(waiting) == len(self.calls) == sum(len(question.calls) for question in open_)
        assert len(open_) <= MOST_AT_ONCE
        assert all(question.outcome is None for question in open_)
        assert len({id(question) for question in self.heard}) == len(self.heard)
        assert self.questions.timers == len(self.clock.timers)
        assert open_ or not self.clock.timers

    def teardown(self) -> None:
        """The client ends: nothing is left without its answer."""
        if hasattr(self, "questions"):
            self.questions.close()
            _run(self.calls.close())
            assert all(len(asked.acks) == 1 for asked in self.asked)
            assert not self.clock.timers


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


TestEachCallHasOneAnswer = Model.TestCase
TestEachCallHasOneAnswer.settings = settings(max_examples=150, stateful_step_count=30)
