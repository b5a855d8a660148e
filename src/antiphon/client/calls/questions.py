"""Questions of the server to the person: confirmation, input, request:user_input, request:elicitation.

They queue in the order of asking (W-39), and each is answered exactly once: by the person, by dismissal, or
before the server stops waiting. 0.12.4 gives each an id and asks again over a new link; the question is the
same then, and its answer goes to the newest call.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable
from typing import Any, Literal, cast
from uuid import uuid4

from antiphon import wire
from antiphon.client.attention.windows import Windows
from antiphon.client.calls.answers import QUESTIONS, answer_of, choices, refusal
from antiphon.client.calls.calls import Call
from antiphon.client.clock import Cancel
from antiphon.client.context import Context
from antiphon.client.errors import AntiphonError
from antiphon.client.listeners import EventListeners
from antiphon.client.store import Store

log = logging.getLogger(__name__)

Kind = Literal["confirmation", "input", "user_input", "elicitation"]
Outcome = Literal["answered", "declined", "dismissed", "timed out", "withdrawn"]
"""How a question ended; withdrawn: it was settled elsewhere, or nobody waits for its answer any more."""

OLD_LIMIT = 60.0
"""Seconds that 0.6.41 waits for any answer."""
LIMITS = (60.0, 240.0)
"""Between these 0.12.4 holds the time that a form itself names."""
USUAL_LIMIT = 120.0
"""Seconds for a form that names none."""
REMEMBERED = 100
"""Answers that are kept for a server that asks again, because they were lost with the link."""
LOOKS = 3
"""Times that it is seen that nobody watches, before a question is dismissed."""

_KINDS: dict[str, Kind] = {
    "confirmation": "confirmation",
    "input": "input",
    "request:user_input": "user_input",
    "request:elicitation": "elicitation",
}


class QuestionOver(AntiphonError):
    """The question has ended already; `outcome` says how."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"the question is over: {outcome}")
        self.outcome = outcome


class Question:
    """Something that only the person can answer, once.

    `form` is what the server sent: `wire.Question` (confirmation), `wire.InputQuestion`, `wire.UserInputForm`
    or `wire.ElicitationForm`. `deadline` (unix seconds) is when it closes by itself; None where the server
    waits without limit. `outcome` is None while it is open.
    """

    def __init__(self, owner: Questions, call: Call, id_: str, deadline: float | None) -> None:
        event: Any = call.event
        self.id = id_
        self.kind: Kind = _KINDS[event.type]
        self.chat_id: str | None = event.chat_id
        self.message_id: str | None = event.message_id
        self.form: Any = event.payload
        self.deadline = deadline
        self.outcome: Outcome | None = None
        self._owner = owner
        self._ended = asyncio.Event()
        self.calls = [call]
        """The calls that wait for the answer, the newest last."""

    @property
    def title(self) -> str:
        """The heading, or who asks; may be empty."""
        return getattr(self.form, "title", None) or getattr(self.form, "server_name", None) or ""

    @property
    def message(self) -> str:
        """What is asked; may be empty."""
        return getattr(self.form, "message", None) or ""

    @property
    def prefill(self) -> str:
        """What the text box of an `input` holds at first (W-40)."""
        value = getattr(self.form, "value", None)
        return "" if value is None else str(value)

    @property
    def choices(self) -> tuple[Any, ...]:
        """What an `input` of type "select" offers."""
        return choices(self.form) if self.kind == "input" else ()

    async def answer(self, value: object = None) -> None:
        """Give the person's answer; returns when it is sent.

        A confirmation takes True or False, an `input` text (an empty one too) or one of its choices, a
        `user_input` a mapping from question id to an option's number or label or to words of one's own, an
        elicitation its fields by name (nothing, where it only leads to an address).
        Raises `BadReply` (a `ValueError`) when it does not fit, and then the question stays open, and
        `QuestionOver`.
        """
        self._still_open()
        await _all(self._owner.settle(self, answer_of(self.calls[-1].event, value), "answered"))

    async def decline(self) -> None:
        """Say no: to an elicitation as such, to others as when they are dismissed. Raises `QuestionOver`."""
        self._still_open()
        no: object = refusal(self.calls[-1].event, "")
        if self.kind == "elicitation":
            no = {"action": "decline"}
        await _all(self._owner.settle(self, no, "declined"))

    def dismiss(self) -> None:
        """Close it without an answer, as Escape does: the server hears that it was cancelled (W-39). Does
        nothing to a question that is over.
        """
        if self.outcome is None:
            self._owner.cancel(self, "dismissed")

    async def ended(self) -> Outcome:
        """Wait until it is over, and tell how it ended."""
        await self._ended.wait()
        return cast("Outcome", self.outcome)

    def end(self, outcome: Outcome) -> None:
        """It is over. For the store of questions alone."""
        self.outcome = outcome
        self._ended.set()

    def _still_open(self) -> None:
        if self.outcome is not None:
            raise QuestionOver(self.outcome)

    def __repr__(self) -> str:
        return f"<Question {self.kind} {self.id} {self.outcome or 'open'}>"


class Questions:
    """The open questions, the one asked first at the front. It owns a timer for each, and one more."""

    def __init__(
        self,
        context: Context,
        windows: Windows,
        listeners: EventListeners,
        store: Store[tuple[Question, ...]] | None = None,
    ) -> None:
        self.store: Store[tuple[Question, ...]] = Store(()) if store is None else store
        self._context = context
        self._windows = windows
        self._listeners = listeners
        self._deadlines: dict[Question, Cancel] = {}
        self._lost: dict[Question, Cancel] = {}
        self._given: OrderedDict[str, object] = OrderedDict()
        self._look: Cancel | None = None
        self._unseen = 0
        self._had_windows = False

    @property
    def timers(self) -> int:
        """How many timers run."""
        return len(self._deadlines) + len(self._lost) + (self._look is not None)

    @property
    def chat_ids(self) -> frozenset[str]:
        """The chats with open questions: the server asks again whoever is in their rooms."""
        return frozenset(question.chat_id for question in self.store.value if question.chat_id)

    # The way in

    def take(self, call: Call) -> bool:
        """Take a call; False when it is no question, or nobody is there to answer it."""
        event = call.event
        if not isinstance(event, QUESTIONS):
            return False
        id_ = event.payload.interaction_id
        if id_ is not None and id_ in self._given:
            call.settle(self._given[id_])
            return True
        asked = next((one for one in self.store.value if id_ is not None and one.id == id_), None)
        if asked is not None:
            asked.calls.append(call)
            _cancel(self._lost.pop(asked, None))
            return True
        if not self._listened():
            return False
        self._add(call, id_)
        return True

    def apply(self, event: object) -> None:
        """Take an event that may end questions."""
        match event:
            case wire.InteractionDone():
                self._withdraw(lambda one: one.id == event.payload.interaction_id)
            case wire.TasksCancelled():
                place = (event.chat_id, event.message_id)
                self._withdraw(lambda one: (one.chat_id, one.message_id) == place)

    def chat_gone(self, chat_id: str) -> None:
        """A chat was deleted, or is not ours to see any more."""
        self._withdraw(lambda one: one.chat_id == chat_id)

    def link_lost(self) -> None:
        """The calls are lost; a release that asks again does so within a minute."""
        for question in self.store.value:
            if question.form.interaction_id is None:
                self.cancel(question, "withdrawn")
            elif question not in self._lost:
                self._lost[question] = self._context.clock.call_later(
                    self._context.delays.question_kept, _Later(self, question, "withdrawn")
                )

    def close(self) -> None:
        """The client ends, or nobody is signed in any more: everything open is cancelled."""
        for question in self.store.value:
            self.cancel(question, "withdrawn")
        self._given.clear()

    # The way out

    def settle(self, question: Question, answer: object, outcome: Outcome) -> list[Awaitable[None]]:
        """End a question; what comes back ends when the answer is sent."""
        _cancel(self._deadlines.pop(question, None))
        _cancel(self._lost.pop(question, None))
        if question.form.interaction_id is not None:
            self._given[question.id] = answer
            while len(self._given) > REMEMBERED:
                self._given.popitem(last=False)
        question.end(outcome)
        sent = [call.settle(answer) for call in reversed(question.calls)]
        self.store.set(tuple(one for one in self.store.value if one is not question))
        if not self.store.value:
            self._unseen = 0
            look, self._look = self._look, None
            _cancel(look)
        return [one for one in sent if one is not None]

    def cancel(self, question: Question, outcome: Outcome) -> None:
        """End a question without an answer of the person's."""
        if question.outcome is None:
            if outcome == "timed out":
                log.info("a question was not answered in time")
            self.settle(question, refusal(question.calls[-1].event, f"The question was {outcome}."), outcome)

    # Inside

    def _add(self, call: Call, id_: str | None) -> None:
        clock = self._context.clock
        limit = OLD_LIMIT if self._context.old_dialect else _limit(call.event)
        left = None if limit is None else max(limit - self._context.delays.answer_margin, 1.0)
        deadline = None if left is None else clock.now() + left
        question = Question(self, call, id_ or uuid4().hex, deadline)
        if left is not None:
            self._deadlines[question] = clock.call_later(left, _Later(self, question, "timed out"))
        if self._look is None:
            self._had_windows = bool(self._windows.store.value)
            self._look_later()
        self.store.set((*self.store.value, question))
        if question.outcome is None:
            self._listeners.tell(question)

    def _withdraw(self, which: Any) -> None:
        for question in self.store.value:
            if which(question):
                self.cancel(question, "withdrawn")

    def _listened(self) -> bool:
        return bool(self.store.subscribers) or self._listeners.wants(Question)

    def _watched(self) -> bool:
        """Whether anybody can see the questions: a listener, and a window where there was one."""
        windows = bool(self._windows.store.value)
        self._had_windows = self._had_windows or windows
        return self._listened() and (windows or not self._had_windows)

    def _look_later(self) -> None:
        self._look = self._context.clock.call_later(self._context.delays.unwatched / LOOKS, self._look_again)

    def _look_again(self) -> None:
        self._unseen = 0 if self._watched() else self._unseen + 1
        self._look_later()
        if self._unseen >= LOOKS:
            self._unseen = 0
            for question in self.store.value:
                self.cancel(question, "dismissed")


class _Later:
    """Ends a question when its time has come."""

    def __init__(self, questions: Questions, question: Question, outcome: Outcome) -> None:
        self._questions, self._question, self._outcome = questions, question, outcome

    def __call__(self) -> None:
        self._questions.cancel(self._question, self._outcome)


def _limit(event: Any) -> float | None:
    """Give the seconds that the server waits; None: until it says that it does not any more."""
    form = event.payload
    names_its_own = isinstance(event, wire.UserInputRequest | wire.ElicitationRequest)
    if names_its_own or getattr(form, "tool_call", None) is not None:
        said = getattr(form, "timeout_ms", None)
        usable = isinstance(said, int | float) and not isinstance(said, bool)
        seconds = float(cast("float", said)) / 1000 if usable else USUAL_LIMIT
        return min(max(seconds, LIMITS[0]), LIMITS[1])
    return OLD_LIMIT if form.interaction_id is None else None


def _cancel(timer: Cancel | None) -> None:
    if timer is not None:
        timer()


async def _all(sent: list[Awaitable[None]]) -> None:
    for one in sent:
        await one
