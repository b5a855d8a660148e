"""Calls: events for whose acknowledgement the server waits, to one socket of one person."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.server.raw import eventually, raw_socket, until_frame
from tests.server.serving import Person, Server

from antiphon.server.live import calls
from antiphon.server.live.calls import CallFailed, CallLate, NoSuchSession, SessionGone, TooManyCalls

QUESTION = {"chat_id": "c", "message_id": "m", "data": {"type": "confirmation", "data": {"title": "Sure?"}}}


def sid_of(server: Server, person: Person) -> str:
    """The id of a person's newest socket."""
    return server.state.live.sessions_of(person.id)[-1]


def asked(server: Server, person: Person, sid: str, **options: Any) -> asyncio.Task[Any]:
    """A call under way."""
    return asyncio.create_task(server.state.live.call(person.id, sid, "events", QUESTION, **options))


async def number_of(raw: Any) -> str:
    """The number under which the socket was asked, once it is."""
    frame = await until_frame(raw, "42")
    number = frame[2 : frame.index("[")]
    assert json.loads(frame[2 + len(number) :]) == ["events", QUESTION]
    return number


@pytest.mark.parametrize("answer", [True, False, None, "", "words", 0, {"status": True, "output": [1]}, []])
async def test_a_call_gives_what_the_socket_answers(server: Server, bob: Person, answer: Any) -> None:
    """Any JSON value, also one that a careless reader would take for no answer."""
    window = await bob.connect()
    window.client.on("events", lambda question: [answer] if question == QUESTION else "something else")
    given = await server.state.live.call(bob.id, window.sid, "events", QUESTION)
    assert given == [answer]
    assert len(server.state.live._calls) == 0


async def test_an_answer_without_a_value_is_null(server: Server, bob: Person) -> None:
    """A client whose handler returns nothing acknowledges with an empty list."""
    async with raw_socket(server, bob) as raw:
        call = asked(server, bob, sid_of(server, bob))
        await raw.send_str(f"43{await number_of(raw)}[]")
        assert await call is None


async def test_a_call_goes_to_one_socket_and_no_other(server: Server, bob: Person) -> None:
    """Another window of the same person is not asked."""
    other = await bob.connect()
    async with raw_socket(server, bob) as raw:
        call = asked(server, bob, sid_of(server, bob))
        await raw.send_str(f"43{await number_of(raw)}[true]")
        assert await call is True
    await other.settle()
    assert other.of("events") == []


async def test_w36_a_call_reaches_only_a_session_of_the_callers_own(
    server: Server, bob: Person, cleo: Person
) -> None:
    """W-36: whoever knew the id of another person's session could have scripts and tools run in it."""
    window = await cleo.connect()
    live = server.state.live
    with pytest.raises(NoSuchSession) as of_another:
        await live.call(bob.id, window.sid, "events", QUESTION)
    with pytest.raises(NoSuchSession) as of_nobody:
        await live.call(bob.id, "no-such-session", "events", QUESTION)
    assert str(of_another.value) == str(of_nobody.value)
    with pytest.raises(NoSuchSession):
        await live.call(cleo.id, f"user:{cleo.id}", "events", QUESTION)
    await window.settle()
    assert window.of("events") == []


async def test_w36_nobody_else_answers_a_call(server: Server, bob: Person, cleo: Person) -> None:
    """W-36: an acknowledgement counts from the socket that was asked, whatever number another one gives."""
    async with raw_socket(server, bob) as asked_one, raw_socket(server, cleo) as other:
        call = asked(server, bob, sid_of(server, bob))
        number = await number_of(asked_one)
        await other.send_str(f'43{number}["forged"]')
        await eventually(server, lambda: server.state.live.ignored["answer to no call"] == 1)
        assert not call.done()
        await asked_one.send_str(f'43{number}["genuine"]')
        assert await call == "genuine"


async def test_w36_a_socket_that_becomes_somebody_elses_answers_no_more(
    server: Server, bob: Person, cleo: Person
) -> None:
    """W-36: the second person would answer what the first was asked."""
    async with raw_socket(server, bob) as raw:
        call = asked(server, bob, sid_of(server, bob))
        number = await number_of(raw)
        await raw.send_str(f'420["user-join",{{"auth":{{"token":"{cleo.token}"}}}}]')
        with pytest.raises(SessionGone):
            await call
        await raw.send_str(f"43{number}[true]")
        await eventually(server, lambda: server.state.live.ignored["answer to no call"] == 1)


@pytest.mark.parametrize("way", ["closed by the client", "signed out", "cut", "goodbye", "the end"])
async def test_w37_a_call_fails_at_once_when_the_session_goes(server: Server, bob: Person, way: str) -> None:
    """W-37: the answer waited for the whole time limit, though nobody was left to give it."""
    async with raw_socket(server, bob) as raw:
        call = asked(server, bob, sid_of(server, bob), seconds=3_600)
        await number_of(raw)
        match way:
            case "closed by the client":
                await raw.close()
            case "signed out":
                await bob.post("/api/v1/auths/signout")
            case "cut":
                next(iter(server.state.live._server.eio.wires.values())).cut()
            case "goodbye":
                await raw.send_str("41")
            case "the end":
                await server.app.drain()
        with pytest.raises(SessionGone):
            async with asyncio.timeout(5):
                await call
    assert len(server.state.live._calls) == 0


async def test_a_call_by_polling_fails_at_once_when_the_session_goes(server: Server, bob: Person) -> None:
    """W-37: polling has no connection that could break; its end counts alike."""
    window = await bob.connect(transports=["polling"])
    never = asyncio.Event()

    async def wait(_question: Any) -> None:
        await never.wait()

    window.client.on("events", wait)
    call = asked(server, bob, window.sid, seconds=3_600)
    await eventually(server, lambda: len(server.state.live._calls) == 1)
    await window.close()
    with pytest.raises(SessionGone):
        async with asyncio.timeout(5):
            await call
    never.set()


async def test_a_call_is_answered_once(server: Server, bob: Person) -> None:
    """A second answer, one under a number that nobody gave, and one without any change nothing."""
    async with raw_socket(server, bob) as raw:
        call = asked(server, bob, sid_of(server, bob))
        number = await number_of(raw)
        for packet in (
            f'43{number}["first"]',
            f'43{number}["second"]',
            '430["x"]',
            '43["x"]',
            '43987654["x"]',
        ):
            await raw.send_str(packet)
        assert await call == "first"
        await eventually(server, lambda: server.state.live.ignored["answer to no call"] == 4)
        again = asked(server, bob, sid_of(server, bob))
        later = await number_of(raw)
        assert later != number
        await raw.send_str(f'43{later}["again"]')
        assert await again == "again"


async def test_an_answer_that_takes_too_long_fails_and_comes_to_nothing(server: Server, bob: Person) -> None:
    """The time limit is the caller's; what is answered later finds nobody, and the socket goes on."""
    async with raw_socket(server, bob) as raw:
        call = asked(server, bob, sid_of(server, bob), seconds=0.05)
        number = await number_of(raw)
        with pytest.raises(CallLate):
            await call
        await raw.send_str(f"43{number}[true]")
        await eventually(server, lambda: server.state.live.ignored["answer to no call"] == 1)
        assert len(server.state.live._calls) == 0


async def test_a_caller_that_goes_leaves_nothing_waiting(server: Server, bob: Person) -> None:
    """A run that is stopped ends its question."""
    async with raw_socket(server, bob) as raw:
        call = asked(server, bob, sid_of(server, bob))
        await number_of(raw)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert len(server.state.live._calls) == 0


async def test_what_waits_for_one_socket_is_bounded(
    server: Server, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket that never answers is not asked without end; each refusal is a `CallFailed`."""
    monkeypatch.setattr(calls, "MOST_AT_ONCE", 2)
    async with raw_socket(server, bob) as raw:
        sid = sid_of(server, bob)
        first, second = asked(server, bob, sid), asked(server, bob, sid)
        numbers = [await number_of(raw), await number_of(raw)]
        with pytest.raises(TooManyCalls) as refusal:
            await server.state.live.call(bob.id, sid, "events", QUESTION)
        assert isinstance(refusal.value, CallFailed)
        await raw.send_str(f"43{numbers[1]}[2]")
        await raw.send_str(f"43{numbers[0]}[1]")
        assert (await first, await second) == (1, 2)
