"""Who is typing: theirs and ours."""

from __future__ import annotations

from tests.client.hands import HandClock

from antiphon.client.channels.typing import OwnTyping, TypingPeople
from antiphon.client.clock import Delays
from antiphon.wire import ChannelTyping, parse_event


def sign(user: str, *, active: bool = True, thread: str | None = None) -> ChannelTyping:
    """Build the event of somebody typing in channel c."""
    event = parse_event(
        "events:channel",
        {
            "channel_id": "c",
            "message_id": thread,
            "data": {"type": "typing", "data": {"typing": active}},
            "user": {"id": user, "name": user.title(), "role": "user"},
        },
    )
    assert isinstance(event, ChannelTyping)
    return event


def names(people: TypingPeople, where: str = "c") -> list[str]:
    """Name those who type there."""
    return [person.name for person in people.store.value.get(where, ())]


def test_a_person_stops_typing_five_seconds_after_the_last_sign() -> None:
    """Each sign starts the five seconds again."""
    clock = HandClock()
    people = TypingPeople(clock, Delays())
    people.heard(sign("ann"), "me")
    clock.advance(4)
    people.heard(sign("ann"), "me")
    clock.advance(4)
    assert names(people) == ["Ann"]
    clock.advance(1.1)
    assert names(people) == []
    assert people.timers == 0


def test_an_explicit_end_is_taken_at_once() -> None:
    """W-25: typing false removes the person and their timer."""
    clock = HandClock()
    people = TypingPeople(clock, Delays())
    people.heard(sign("ann"), "me")
    people.heard(sign("ann", active=False), "me")
    assert names(people) == []
    assert people.timers == 0
    assert clock.timers == []


def test_own_typing_comes_back_and_is_ignored() -> None:
    """The server sends our own signs to us too."""
    people = TypingPeople(HandClock(), Delays())
    people.heard(sign("me"), "me")
    assert not people.store.value


def test_a_thread_is_a_place_of_its_own() -> None:
    """Typing in a thread does not show in the channel."""
    people = TypingPeople(HandClock(), Delays())
    people.heard(sign("ann", thread="m1"), "me")
    people.heard(sign("bob"), "me")
    assert names(people) == ["Bob"]
    assert names(people, "c/m1") == ["Ann"]


def test_people_stand_in_the_order_in_which_they_began() -> None:
    """A further sign does not move a person."""
    people = TypingPeople(HandClock(), Delays())
    for user in ("ann", "bob", "ann"):
        people.heard(sign(user), "me")
    assert names(people) == ["Ann", "Bob"]


def test_clearing_ends_every_timer() -> None:
    """W-25: no timer outlives the link."""
    clock = HandClock()
    people = TypingPeople(clock, Delays())
    people.heard(sign("ann"), "me")
    people.heard(sign("bob", thread="m"), "me")
    people.clear()
    assert people.timers == 0
    assert clock.timers == []
    assert not people.store.value


def test_keys_are_told_at_most_every_two_seconds_and_the_end_once() -> None:
    """W-24: a hundred keys in five seconds are three signs, and emptying the box is one end."""
    clock, said = HandClock(), list[bool]()
    own = OwnTyping(clock, Delays(), lambda active: said.append(active) or True)
    for _ in range(100):
        own.sign(True)
        clock.advance(0.05)
    assert said == [True, True, True]
    own.sign(False)
    own.sign(False)
    assert said == [True, True, True, False]


def test_after_sending_no_end_is_told() -> None:
    """The message itself ends the typing at the others."""
    said: list[bool] = []
    own = OwnTyping(HandClock(), Delays(), lambda active: said.append(active) or True)
    own.sign(True)
    own.sent()
    own.sign(False)
    assert said == [True]


def test_a_sign_that_could_not_be_told_is_told_with_the_next_key() -> None:
    """Without a link nothing is kept for later (W-11); the key after the reconnect speaks for itself."""
    clock, said, up = HandClock(), list[bool](), [False]

    def say(active: bool) -> bool:
        if up[0]:
            said.append(active)
        return up[0]

    own = OwnTyping(clock, Delays(), say)
    own.sign(True)
    up[0] = True
    own.sign(True)
    assert said == [True]
