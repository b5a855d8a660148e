"""From events to notifications: one for each event, in order, not too many, and none twice."""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.client.hands import QUICK, HandClock
from tests.client.peer import Peer, serving, until

from antiphon import Client
from antiphon.client import LinkState
from antiphon.client.attention.attention import Chime, Notification
from antiphon.client.attention.claims import (
    CLEARED_EVERY,
    KEPT_FOR,
    MOST_KEPT,
    SOUND_GAP,
    Claims,
    InProcess,
    Wish,
    in_process,
)
from antiphon.client.attention.pace import BURST, GATHER, Pace
from antiphon.client.kept.account_file import AccountFile, FileUnusable
from antiphon.wire import MessageCreated, UserSettings


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims outlive a client: none of another test's is found here."""
    monkeypatch.setenv("ANTIPHON_CLIENT_DIR", str(tmp_path))


def note(number: int, path: str = "/channels/c") -> Notification:
    """Build a notification."""
    return Notification(
        id=f"n{number}", kind="message", title="Ann (#c)", body=str(number), path=path, sound=True
    )


async def no_file() -> None:
    """Nothing is kept on disk."""


async def told(peer: Peer, text: str = "hello", channel: str = "c", **more: Any) -> dict[str, Any]:
    """Let Ann say something, under an id that no other test's server has given."""
    message = peer.add_message(text, channel=channel, **({"id": uuid4().hex} | more))
    await peer.tell("message", message, temp_id=None)
    return message


def heard_by(client: Client) -> list[Notification]:
    """Collect a client's notifications."""
    heard: list[Notification] = []
    client.on(Notification, heard.append)
    return heard


async def test_a_message_is_told_with_the_window_that_was_looked_at_last() -> None:
    """W-57: and when that window is gone, with another one."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        heard = heard_by(client)
        await client.live()
        first, second = client.open_window(), client.open_window()
        second.focus(True)
        second.focus(False)
        first.focus(True)
        await told(peer)
        await until(lambda: len(heard) == 1)
        first.close()
        await told(peer)
        await until(lambda: len(heard) == 2)
        second.close()
        await told(peer)
        await until(lambda: len(heard) == 3)
        assert [one.window for one in heard] == [first, second, None]
        assert heard[0].source == "Peer"
        assert heard[0].title == "Ann (#general)"


async def test_what_is_on_screen_is_not_told_and_what_is_behind_is() -> None:
    """W-56: through the real windows and the real list; a muted channel too."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        peer.add_channel({**peer.channels["c"], "id": "d", "name": "quiet", "is_channel_muted": True})
        heard = heard_by(client)
        await client.live()
        window = client.open_window()
        window.show_channel("c")
        window.focus(True)
        await told(peer, "seen")
        await told(peer, "muted", channel="d")
        await told(peer, "<@U:me|Me> look", channel="d")
        window.focus(False)
        await told(peer, "behind")
        await until(lambda: len(heard) == 2)
        assert [one.body for one in heard] == ["@Me look", "behind"]


async def test_one_way_of_telling_that_fails_takes_no_other_along() -> None:
    """W-55: where the system's notification raises, the application's own is still shown."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:

        def by_the_system(_: Notification) -> None:
            raise PermissionError("notifications are not allowed")

        client.on(Notification, by_the_system)
        heard = heard_by(client)
        await client.live()
        await told(peer)
        await told(peer)
        await until(lambda: len(heard) == 2)


async def test_an_event_that_comes_twice_is_told_once() -> None:
    """A claim by the event's id: what is replayed is known."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        heard = heard_by(client)
        await client.live()
        message = await told(peer)
        await peer.tell("message", message, temp_id=None)
        await told(peer, "another")
        await until(lambda: len(heard) == 2)
        assert [one.body for one in heard] == ["hello", "another"]


async def test_two_clients_of_one_process_tell_once_without_a_file() -> None:
    """Where nothing is kept on disk the claims hold within the process."""
    async with serving() as peer:
        options: dict[str, Any] = {"token": "token-me", "delays": QUICK, "durable": False}
        async with Client(peer.url, **options) as one, Client(peer.url, **options) as two:
            heard = heard_by(one), heard_by(two)
            await one.live()
            await two.live()
            for number in range(5):
                await told(peer, str(number))
            await until(lambda: len(heard[0]) + len(heard[1]) == 5)
            seen: list[object] = []
            for client in (one, two):
                client.on(MessageCreated, seen.append)
            await told(peer, "last")
            await until(lambda: len(seen) == 2 and len(heard[0]) + len(heard[1]) == 6)
            assert sorted(note.body for note in heard[0] + heard[1]) == ["0", "1", "2", "3", "4", "last"]


async def test_a_models_reply_is_told_when_it_is_written() -> None:
    """It is announced empty; its end is told once, and pinning it later tells nothing."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        heard = heard_by(client)
        await client.live()
        meta = {"model_id": "eliza", "model_name": "Eliza"}
        reply = await told(peer, "", user="me", meta=meta, parent_id="root")
        await peer.tell("message:update", {**reply, "content": "Tell"})
        end = {**reply, "content": "Tell me more", "meta": {**meta, "done": True}}
        for _ in range(2):
            await peer.tell("message:update", end)
        await told(peer, "then")
        await until(lambda: len(heard) == 2)
        assert [(one.title, one.body) for one in heard] == [
            ("Eliza (#general)", "Tell me more"),
            ("Ann (#general)", "then"),
        ]
        assert heard[0].path == "/channels/c?thread=root"


async def test_an_answer_in_the_chat_on_screen_only_chimes_if_always_wanted() -> None:
    """W-59: one sound, none over another, and none for what does not want it."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        chimes: list[Chime] = []
        client.on(Chime, chimes.append)
        heard = heard_by(client)
        await client.live()
        client.settings.set(UserSettings(ui={"notificationSoundAlways": True}))
        window = client.open_window()
        window.show_chat("k")
        window.focus(True)
        for turn in ("t1", "t2"):
            data = {"type": "chat:completion", "data": {"done": True, "content": "x", "title": "Sky"}}
            await peer.emit("events", {"chat_id": "k", "message_id": turn, "data": data})
        await told(peer, "last")
        await until(lambda: heard)
        assert [chime.id for chime in chimes] == ["answer:k:t1"]
        assert chimes[0].window is window
        assert not heard[0].sound  # A sound was made a moment ago.


async def test_the_same_notice_said_again_is_told_again() -> None:
    """Its event has no id of its own; a repetition is told from a replay by its number."""
    async with serving() as peer, Client(peer.url, token="token-me", delays=QUICK) as client:
        heard = heard_by(client)
        await client.live()
        data = {"type": "notification", "data": {"type": "warning", "content": "Careful"}}
        for _ in range(2):
            await peer.emit("events", {"chat_id": "k", "message_id": "t", "data": data})
        await until(lambda: len(heard) == 2)
        assert {(one.kind, one.level, one.body) for one in heard} == {("notice", "warning", "Careful")}


async def test_what_was_missed_is_one_notification() -> None:
    """Fifty messages in two channels while the link was down are one thing to tell; older ones are none."""
    async with serving() as peer:
        peer.add_channel({**peer.channels["c"], "id": "d", "name": "other"})
        peer.add_channel({**peer.channels["c"], "id": "e", "name": "quiet", "is_channel_muted": True})
        peer.channels["c"] |= {"unread_count": 7, "last_message_at": 5}
        async with Client(peer.url, token="token-me", delays=QUICK) as client:
            heard = heard_by(client)
            await client.live()
            await peer.stop()
            await until(lambda: client.link.value.state is LinkState.WAITING)
            peer.channels["c"] |= {"unread_count": 47, "last_message_at": 50}
            peer.channels["d"] |= {"unread_count": 10, "last_message_at": 60}
            peer.channels["e"] |= {"unread_count": 9, "last_message_at": 70}
            await peer.start()
            await client.live()
            await until(lambda: heard)
            assert [(one.kind, one.body, one.path, one.count) for one in heard] == [
                ("missed", "50 new messages in #general, #other", "/", 50)
            ]
            # The same again brings nothing: it is known.
            await peer.stop()
            await until(lambda: client.link.value.state is LinkState.WAITING)
            await peer.start()
            await client.live()
            await told(peer, "live")
            await until(lambda: len(heard) == 2)
            assert heard[1].body == "live"


async def test_what_one_process_told_another_does_not_tell_as_missed(tmp_path: Path) -> None:
    """The one whose own network was away comes back: what it missed was told on this machine."""
    async with serving() as peer:
        options: dict[str, Any] = {"token": "token-me", "delays": QUICK, "data_dir": tmp_path}
        async with Client(peer.url, **options) as there, Client(peer.url, **options) as away:
            heard = heard_by(there), heard_by(away)
            await there.live()
            await away.live()
            away._parts.notifier.catching_up()  # As when its link was lost.
            message = await told(peer, "hello")
            await until(lambda: len(heard[0]) + len(heard[1]) == 1)
            away._parts.notifier.missed._live.clear()  # It did not hear it.
            peer.channels["c"] |= {"unread_count": 1, "last_message_at": message["created_at"]}
            away._parts.notifier.caught_up()
            await told(peer, "then")
            await until(lambda: len(heard[0]) + len(heard[1]) == 2)
            assert sorted(note.body for note in heard[0] + heard[1]) == ["hello", "then"]


async def test_nobody_who_listens_means_no_claim() -> None:
    """A process that tells nothing must not keep the others from telling."""
    async with serving() as peer:
        options: dict[str, Any] = {"token": "token-me", "delays": QUICK, "durable": False}
        async with Client(peer.url, **options) as deaf, Client(peer.url, **options) as client:
            heard = heard_by(client)
            await deaf.live()
            await client.live()
            window = deaf.open_window()
            window.focus(True)
            await told(peer)
            await until(lambda: heard)


def test_a_flood_is_not_a_flood_of_notifications() -> None:
    """W-58: a burst passes one by one; of ten thousand more, each ten seconds tell as one."""
    clock, passed = HandClock(), list[Notification]()
    pace = Pace(clock, passed.append)
    for number in range(10_000):
        pace.take(note(number))
    assert len(passed) == BURST
    clock.advance(GATHER)
    assert len(passed) == BURST + 1
    assert (passed[-1].kind, passed[-1].count, passed[-1].path) == ("more", 10_000 - BURST, "/channels/c")
    assert not passed[-1].sound
    assert pace.timers == 0
    clock.advance(1000)
    for place in range(50):
        for number in range(10):
            pace.take(note(number, f"/channels/{place}"))
    clock.advance(GATHER)
    assert len(passed) == 2 * BURST + 2
    assert (passed[-1].path, passed[-1].count) == ("/", 500 - BURST)
    clock.advance(1000)
    for number in range(BURST + 1):
        pace.take(note(number))
    clock.advance(GATHER)
    assert passed[-1].body == str(BURST)  # A single one is told as it is, only later.
    pace.take(note(1))
    for _ in range(BURST):
        pace.take(note(2))
    pace.close()
    assert not clock.timers


async def test_claims_are_kept_for_a_day_and_not_more_than_some_thousands(tmp_path: Path) -> None:
    """The file does not grow with the years."""
    clock = HandClock()
    file = await AccountFile.open(tmp_path, "http://x", "me")
    try:

        async def give() -> AccountFile:
            return file

        def count(db: sqlite3.Connection) -> int:
            return int(db.execute("SELECT count(*) FROM attention_claims").fetchone()[0])

        claims = Claims(InProcess(), give, clock.now)
        await claims.claim([Wish(f"a{n}") for n in range(MOST_KEPT + 500)])
        assert await file.read(count) <= MOST_KEPT
        clock.time += KEPT_FOR + 1
        await claims.claim([Wish(f"b{n}") for n in range(CLEARED_EVERY)])
        assert await file.read(count) == CLEARED_EVERY
    finally:
        await file.close()


async def test_a_process_that_comes_first_has_its_moment_and_then_another_takes_over(tmp_path: Path) -> None:
    """W-57: two processes' claims on one file, step by step."""
    clock = HandClock()
    file = await AccountFile.open(tmp_path, "http://x", "me")
    try:

        async def give() -> AccountFile:
            return file

        first, second = (Claims(InProcess(), give, clock.now) for _ in range(2))
        await first.rank(20.0)
        granted = await second.claim([Wish("e1"), Wish("seen", seen=True)], 10.0)
        assert (granted.sounds, granted.waiting) == ({}, {"e1"})
        assert (await first.claim([Wish("e1"), Wish("seen")], 20.0)).sounds == {"e1": False}
        assert (await second.claim([Wish("e1")], 10.0, last_call=True)).sounds == {}
        # The first one is gone: it leaves the next event untold.
        assert (await second.claim([Wish("e2")], 10.0)).waiting == {"e2"}
        assert (await second.claim([Wish("e2")], 10.0, last_call=True)).sounds == {"e2": False}
        assert (await second.claim([Wish("e3")], 10.0)).sounds == {"e3": False}
        # It was only slow, and is back with its next claim.
        await first.claim([Wish("e4")], 20.0)
        assert (await second.claim([Wish("e5")], 10.0)).waiting == {"e5"}
        # Where it has no window any more it comes before nobody.
        await first.rank(0.0)
        assert (await second.claim([Wish("e5")], 10.0)).sounds == {"e5": False}
    finally:
        await file.close()


async def test_what_was_told_on_this_machine_is_not_missed_by_another_process(tmp_path: Path) -> None:
    """How far a channel was told stands in the file too."""
    file = await AccountFile.open(tmp_path, "http://x", "me")
    try:

        async def give() -> AccountFile:
            return file

        one, two = (Claims(InProcess(), give, HandClock().now) for _ in range(2))
        await one.claim([Wish("message:c:m", place="c", until=5), Wish("", place="d", until=9)])
        missed = [
            Wish(f"missed:{place}", place=place, until=until, beyond=True)
            for place, until in (("c", 5), ("d", 8))
        ]
        assert (await two.claim(missed)).sounds == {}
        assert (await two.claim([Wish("missed:c:6", place="c", until=6, beyond=True)])).sounds == {
            "missed:c:6": False
        }
        assert (await one.claim([Wish("missed:c:6'", place="c", until=6, beyond=True)])).sounds == {}
    finally:
        await file.close()


async def test_sounds_do_not_play_over_one_another(tmp_path: Path) -> None:
    """W-59: on one machine, over all processes, with and without a file."""
    clock = HandClock()
    file = await AccountFile.open(tmp_path, "http://x", "me")
    try:

        async def give() -> AccountFile:
            return file

        one, two = (Claims(InProcess(), give, clock.now) for _ in range(2))
        assert (await one.claim([Wish("a", sound=True), Wish("b", sound=True)])).sounds == {
            "a": True,
            "b": False,
        }
        assert (await two.claim([Wish("c", sound=True)])).sounds == {"c": False}
        clock.advance(SOUND_GAP + 0.1)
        assert (await two.claim([Wish("d", sound=True)])).sounds == {"d": True}
        alone = Claims(InProcess(), no_file, clock.now)
        assert (await alone.claim([Wish("e", sound=True), Wish("f", sound=True)])).sounds == {
            "e": True,
            "f": False,
        }
    finally:
        await file.close()


async def test_a_file_that_cannot_be_used_is_said_once_and_claims_hold_in_the_process(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Better told twice by two processes than not at all; and the file is tried again after a while."""
    clock, tries = HandClock(), list[int]()

    class Broken:
        async def schema(self, *_: object) -> None:
            tries.append(1)
            raise FileUnusable("disk full")

    async def give() -> Any:
        return Broken()

    claims = Claims(in_process("http://x", "broken"), give, clock.now)
    other = Claims(in_process("http://x", "broken"), no_file, clock.now)
    with caplog.at_level(logging.WARNING):
        for number in range(3):
            assert (await claims.claim([Wish(f"e{number}")])).sounds == {f"e{number}": False}
            assert (await claims.claim([Wish(f"e{number}")])).sounds == {}
            assert (await other.claim([Wish(f"e{number}")])).sounds == {}
        assert len(tries) == 1
        clock.advance(100)
        await claims.claim([Wish("later")])
    assert len(tries) == 2
    assert caplog.text.count("cannot be used") == 1


async def test_a_client_that_closes_leaves_no_timer_of_its_notifications() -> None:
    """Whatever waited for another process, or was gathered."""
    async with serving() as peer:
        delays = replace(QUICK, attention=60.0)
        client = Client(peer.url, token="token-me", delays=delays)
        async with client:
            heard_by(client)
            await client.live()
            client._parts.notifier._defer([])
            assert client._parts.notifier.timers == 1
        assert client._parts.notifier.timers == 0
