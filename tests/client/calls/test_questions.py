"""Questions of a server to the person: each answered exactly once, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from tests.client.hands import QUICK
from tests.client.peer import Peer, ok, serving, until

from antiphon import Client
from antiphon.client.calls.answers import BadReply
from antiphon.client.calls.questions import Question, QuestionOver
from antiphon.client.errors import AntiphonError
from antiphon.wire import Confirmation, ExecutePython, ExecuteScript

FORM = {
    "questions": [
        {
            "id": "size",
            "question": "Which size?",
            "options": [
                {"label": "Small", "description": "one"},
                {"label": "Large", "description": "two"},
            ],
        },
        {"id": "why", "question": "Why?", "options": []},
    ],
    "allow_other": True,
    "timeout_ms": 120_000,
}
ELICITED = {
    "mode": "form",
    "message": "Who are you?",
    "requestedSchema": {"properties": {"name": {"type": "string"}}, "required": ["name"]},
    "server_name": "people",
}
_numbers = itertools.count()


def call(
    kind: str, data: Any, chat_id: str = "k", message_id: str = "t", id_: str | None = None
) -> dict[str, Any]:
    """Build a call, as 0.12.4 does when it has an interaction's id."""
    own = {"interaction_id": id_} if id_ else {}
    payload = {**data, **own} if isinstance(data, dict) else data
    return {"chat_id": chat_id, "message_id": message_id, "data": {"type": kind, "data": payload}}


def asking(peer: Peer, kind: str, data: Any, **more: Any) -> asyncio.Task[Any]:
    """Ask in the background."""
    return asyncio.create_task(peer.call(call(kind, data, **more)), name=f"asking {next(_numbers)}")


def quick(**delays: float) -> Any:
    """Give quick delays with some of them changed."""
    return replace(QUICK, **delays)


async def test_a_confirmation_is_awaited_and_answered() -> None:
    """The application hears of it, answers, and the server has exactly that."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        heard: list[Question] = []
        client.on(Question, heard.append)
        await client.live()
        answer = asking(peer, "confirmation", {"title": "Go on?", "message": "Shall it?"})
        await until(lambda: heard)
        question = heard[0]
        assert (question.kind, question.title, question.message, question.chat_id) == (
            "confirmation",
            "Go on?",
            "Shall it?",
            "k",
        )
        with pytest.raises(BadReply):
            await question.answer("yes")
        assert client.questions.value == (question,)
        await question.answer(True)
        assert await answer is True
        assert await question.ended() == "answered"
        assert client.questions.value == ()
        with pytest.raises(QuestionOver):
            await question.answer(False)
        question.dismiss()


@pytest.mark.parametrize(
    ("kind", "data", "answer", "acked"),
    [
        ("confirmation", {"title": "t"}, False, False),
        ("confirmation", {"tool_call": {"id": "1", "name": "rm", "arguments": {}}}, True, True),
        ("input", {"title": "t", "placeholder": "name", "value": "prefilled"}, "Ada", "Ada"),
        ("input", {"title": "t"}, "", ""),
        ("input", {"title": "t", "type": "password"}, " x ", " x "),
        ("input", {"title": "t", "type": "select", "options": ["a", {"value": "b", "label": "B"}]}, "b", "b"),
        (
            "request:user_input",
            FORM,
            {"size": "Large", "why": "because"},
            {
                "status": "answered",
                "answers": {
                    "size": {"type": "option", "option_index": 1, "label": "Large", "description": "two"},
                    "why": {"type": "other", "text": "because"},
                },
            },
        ),
        ("request:elicitation", ELICITED, {"name": "Ada"}, {"action": "accept", "content": {"name": "Ada"}}),
        ("request:elicitation", {"mode": "url", "url": "http://x"}, None, {"action": "accept"}),
    ],
)
async def test_answers_travel_in_the_shape_that_the_server_reads(
    kind: str, data: dict[str, Any], answer: object, acked: object
) -> None:
    """W-40: an empty text is an empty text and no yes; the others have shapes of their own."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        client.questions.subscribe(lambda _: None)
        await client.live()
        answering = asking(peer, kind, data)
        await until(lambda: client.questions.value)
        question = client.questions.value[0]
        if kind == "input":
            assert question.prefill == data.get("value", "")
        await question.answer(answer)
        assert await answering == acked
        assert type(await answering) is type(acked)


@pytest.mark.parametrize(
    ("kind", "data", "dismissed", "declined"),
    [
        ("confirmation", {"title": "t"}, False, False),
        ("input", {"title": "t", "value": "prefilled"}, False, False),
        ("request:user_input", FORM, *[{"status": "cancelled", "answers": {}}] * 2),
        ("request:elicitation", ELICITED, {"action": "cancel"}, {"action": "decline"}),
    ],
)
async def test_a_dismissed_question_is_answered_too(
    kind: str, data: dict[str, Any], dismissed: object, declined: object
) -> None:
    """W-39: what Escape did not tell is told; and nobody who could answer means the same, at once."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        await client.live()
        assert await peer.call(call(kind, data)) == dismissed
        release = client.questions.subscribe(lambda _: None)
        for way, acked in (("dismiss", dismissed), ("decline", declined)):
            answering = asking(peer, kind, data)
            await until(lambda: client.questions.value)
            question = client.questions.value[0]
            if way == "dismiss":
                question.dismiss()
            else:
                await question.decline()
            assert await answering == acked
        release()
        assert await peer.call(call(kind, data)) == dismissed


@pytest.mark.parametrize(
    ("kind", "data", "answer"),
    [
        ("confirmation", {"title": "t"}, None),
        ("input", {"title": "t"}, True),
        ("input", {"title": "t", "type": "select", "options": ["a"]}, "b"),
        ("request:user_input", FORM, {"size": "Small"}),
        ("request:user_input", FORM, {"size": 7, "why": "x"}),
        ("request:user_input", FORM, {"size": 0, "why": "x", "who": "y"}),
        ("request:user_input", {**FORM, "allow_other": False}, {"size": "Huge", "why": "x"}),
        ("request:elicitation", ELICITED, {}),
        ("request:elicitation", ELICITED, {"name": object()}),
    ],
)
async def test_an_answer_that_does_not_fit_is_said_and_the_question_stays(
    kind: str, data: dict[str, Any], answer: object
) -> None:
    """Nothing reaches the server but an answer that it can read."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        client.questions.subscribe(lambda _: None)
        await client.live()
        answering = asking(peer, kind, data)
        await until(lambda: client.questions.value)
        question = client.questions.value[0]
        with pytest.raises(BadReply) as raised:
            await question.answer(answer)
        assert str(raised.value)
        assert question.outcome is None
        question.dismiss()
        await answering


async def test_several_questions_queue_and_none_takes_anothers_place() -> None:
    """W-39: three at once stand in their order, and each gets its own answer."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        client.questions.subscribe(lambda _: None)
        await client.live()
        answers = []
        for number in range(3):
            answers.append(asking(peer, "input", {"title": f"{number}"}))
            await until(lambda number=number: len(client.questions.value) == number + 1)
        first, second, third = client.questions.value
        assert [question.title for question in (first, second, third)] == ["0", "1", "2"]
        await second.answer("two")
        third.dismiss()
        await first.answer("one")
        assert [await answer for answer in answers] == ["one", "two", False]


async def test_a_question_closes_by_itself_before_the_server_gives_up() -> None:
    """60 s in 0.6.41: what comes later would be heard by nobody."""
    early = quick(answer_margin=59.95)  # A second is left in any case.
    async with serving(release="0.6.41") as peer, Client(peer.url, token="token-me", delays=early) as client:
        heard: list[Question] = []
        client.on(Question, heard.append)
        await client.live()
        assert await peer.call(call("confirmation", {"title": "t"})) is False
        assert heard[0].outcome == "timed out"
        assert heard[0].deadline is not None


async def test_what_the_server_settles_elsewhere_is_withdrawn() -> None:
    """request:interaction:done, and a stopped answer: the question goes, and its call is answered too."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        client.questions.subscribe(lambda _: None)
        await client.live()
        answering = asking(peer, "confirmation", {"title": "t"}, id_="i1")
        await until(lambda: client.questions.value)
        question = client.questions.value[0]
        assert question.deadline is None  # The server says itself when it does not wait any more.
        await peer.emit("events", call("request:interaction:done", {"interaction_id": "other"}))
        await peer.emit("events", call("request:interaction:done", {"interaction_id": "i1"}))
        assert await answering is False
        assert question.outcome == "withdrawn"
        stopped = asking(peer, "request:user_input", FORM, id_="i2")
        await until(lambda: client.questions.value)
        await peer.emit("events", call("chat:tasks:cancel", None, message_id="another"))
        await peer.emit("events", call("chat:tasks:cancel", None))
        assert (await stopped)["status"] == "cancelled"


async def test_a_question_survives_the_link_and_its_answer_goes_to_the_newest_call() -> None:
    """0.12.4 asks again with the same id: it is the same question, asked of the application once."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        heard: list[Question] = []
        client.on(Question, heard.append)
        await client.live()
        lost = asking(peer, "confirmation", {"title": "t"}, id_="i1")
        await until(lambda: heard)
        peer.cut()
        await until(lambda: not client.link.value.state.joined)
        await client.live()
        assert client.questions.value == (heard[0],)
        # The server looks for a session in the chat's room.
        await until(lambda: ("events:chat", {"chat_id": "k", "data": {"type": "join"}}) in peer.said)
        again = asking(peer, "confirmation", {"title": "t"}, id_="i1")
        await until(lambda: len(heard[0].calls) == 2)
        await heard[0].answer(True)
        assert await again is True
        assert len(heard) == 1
        # An answer that may have been lost with the link is given again.
        assert await peer.call(call("confirmation", {"title": "t"}, id_="i1")) is True
        assert len(heard) == 1
        lost.cancel()


async def test_a_deleted_chat_takes_its_questions_along() -> None:
    """Deleted here, or found gone: nobody waits for that answer any more, and the call is answered."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        client.questions.subscribe(lambda _: None)
        await client.live()
        answering = asking(peer, "confirmation", {"title": "t"}, id_="i1")
        other = asking(peer, "confirmation", {"title": "t"}, chat_id="other", id_="i2")
        await until(lambda: len(client.questions.value) == 2)
        peer.hooks["DELETE /api/v1/chats/k"] = _ok
        await client.chat("k").delete()
        assert await answering is False
        assert [question.chat_id for question in client.questions.value] == ["other"]
        client.questions.value[0].dismiss()
        await other


async def test_a_question_of_the_old_release_ends_with_its_link() -> None:
    """0.6.41 does not ask again: the answer would reach nobody."""
    async with serving(release="0.6.41") as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        heard: list[Question] = []
        client.on(Question, heard.append)
        await client.live()
        lost = asking(peer, "input", {"title": "t"})
        await until(lambda: heard)
        peer.cut()
        assert await heard[0].ended() == "withdrawn"
        lost.cancel()


async def test_closing_the_client_answers_what_is_open() -> None:
    """The server hears it at once, not after a minute: questions, and calls under way."""
    async with serving() as peer:
        begun = asyncio.Event()

        async def run(_: ExecutePython) -> object:
            begun.set()
            return await asyncio.Event().wait()

        async with Client(peer.url, token="token-me", delays=QUICK) as client:
            client.questions.subscribe(lambda _: None)
            client.answer(ExecutePython, run)
            await client.live()
            question = asking(peer, "confirmation", {"title": "t"}, id_="i1")
            python = asking(peer, "execute:python", {"id": "1", "code": "1", "session_id": "s"})
            await until(lambda: client.questions.value and begun.is_set())
        assert await question is False
        assert set(await python) == {"error"}


async def test_a_question_that_nobody_can_see_any_more_is_dismissed() -> None:
    """W-39: the last window closes; a page that only loads again finds its question still there."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=quick(unwatched=0.6)) as client:
        client.questions.subscribe(lambda _: None)
        await client.live()
        window = client.open_window()
        answering = asking(peer, "confirmation", {"title": "t"})
        await until(lambda: client.questions.value)
        question = client.questions.value[0]
        window.close()
        window = client.open_window()
        await until(lambda: client._parts.questions._unseen == 0 and client.questions.value)
        assert question.outcome is None
        window.close()
        assert await question.ended() == "dismissed"
        assert await answering is False
        assert client._parts.questions.timers == 0


async def test_a_question_whose_last_listener_leaves_is_dismissed() -> None:
    """The same for whoever listened without a window."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=quick(unwatched=0.06)) as client:
        heard: list[Question] = []
        release = client.on(Question, heard.append)
        await client.live()
        answering = asking(peer, "input", {"title": "t"})
        await until(lambda: heard)
        release()
        assert await answering is False
        assert heard[0].outcome == "dismissed"


async def test_a_page_script_is_never_run_and_cannot_be_handled() -> None:
    """W-41: neither by default nor by a handler."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        client.questions.subscribe(lambda _: None)
        with pytest.raises(AntiphonError, match="script"):
            client.answer(ExecuteScript, _never)
        await client.live()
        answer = await peer.call(call("execute", {"code": "return 1"}))
        assert set(answer) == {"error"}
        assert "script" in answer["error"]


async def test_a_call_ends_with_its_link_and_leaves_nothing_behind() -> None:
    """A handler that outlives the link is ended: nobody would hear its answer, and it would hold a place."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        ended: list[str] = []
        begun = asyncio.Event()

        async def run(_: ExecutePython) -> object:
            begun.set()
            try:
                return await asyncio.Event().wait()
            finally:
                ended.append("ended")

        client.answer(ExecutePython, run)
        await client.live()
        lost = asking(peer, "execute:python", {"id": "1", "code": "1", "session_id": "s"})
        await begun.wait()
        peer.cut()
        await until(lambda: ended)
        assert len(client._parts.calls) == 0
        lost.cancel()


async def test_a_handler_of_ones_own_comes_before_the_questions() -> None:
    """Who answers confirmations by a rule is not asked."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        client.questions.subscribe(lambda _: None)

        async def yes(_: Confirmation) -> object:
            return True

        client.answer(Confirmation, yes)
        await client.live()
        assert await peer.call(call("confirmation", {"title": "t"})) is True
        assert client.questions.value == ()


async def _ok(_: web.Request) -> web.StreamResponse:
    return ok(True)


async def _never(_: object) -> object:
    raise AssertionError("it was run")
