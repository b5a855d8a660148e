"""Own changes: shown at once, settled by what the server says, and back again when it refuses (W-22)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.client.channels.channel_model import ME, OTHER
from tests.client.channels.channel_stage import Stage, stage

from antiphon.client.channels.timeline import Inserted, Removed, Replaced
from antiphon.client.errors import NotFound, Refused, Unreachable

NOT_YOURS = Refused(403, "Not yours.")


async def with_message(now: Stage, user: Any = ME, text: str = "hello") -> str:
    """Open the channel with one message in it; give its id."""
    id_ = now.server.post(user, text).id
    now.server.told.clear()
    await now.loaded()
    return id_


def shown(now: Stage, id_: str) -> Any:
    """Give a message as its row shows it."""
    row = now.channel.timeline.row(id_)
    assert row is not None
    return row.message


def names(now: Stage, id_: str) -> list[tuple[str, list[str]]]:
    """Give the reactions shown."""
    return [(one.name, [user.id for user in one.users]) for one in shown(now, id_).reactions]


async def test_w22_an_edit_is_shown_at_once_and_stays() -> None:
    """The new text stands before the server has answered, and the answer says that it is stored."""
    async with stage() as now:
        id_ = await with_message(now)
        changes: list[Any] = []
        now.channel.timeline.subscribe(changes.append)
        editing = asyncio.ensure_future(now.channel.edit(id_, "better"))
        await now.turn()
        assert now.texts() == ["better"]
        row = now.channel.timeline.row(id_)
        assert row is not None
        assert row.changing
        await now.answer()
        await editing
        assert now.texts() == ["better"]
        assert shown(now, id_).updated_at == now.server.messages[id_].updated_at
        assert [type(change) for change in changes] == [Replaced, Replaced]
        assert not changes[-1].row.changing


async def test_w22_a_refused_edit_goes_and_the_person_is_told() -> None:
    """The text of before is back, and the caller gets the server's words."""
    async with stage() as now:
        id_ = await with_message(now)
        editing = asyncio.ensure_future(now.channel.edit(id_, "better"))
        await now.turn()
        assert now.texts() == ["better"]
        await now.answer(NOT_YOURS)
        with pytest.raises(Refused, match="Not yours"):
            await editing
        assert now.texts() == ["hello"]
        row = now.channel.timeline.row(id_)
        assert row is not None
        assert not row.changing


async def test_w22_what_comes_meanwhile_is_there_after_a_refusal() -> None:
    """The server's state goes on below: a refused change uncovers what it is now, not what it was."""
    async with stage() as now:
        id_ = await with_message(now)
        editing = asyncio.ensure_future(now.channel.edit(id_, "mine"))
        await now.turn()
        now.server.edit(id_, "the administrator's")
        now.server.react(id_, OTHER, "+1", True)
        now.hear()
        assert now.texts() == ["mine"]
        assert names(now, id_) == [("+1", ["other"])]
        await now.answer(NOT_YOURS)
        with pytest.raises(Refused):
            await editing
        assert now.texts() == ["the administrator's"]


async def test_w22_a_refused_deletion_brings_the_row_back_to_its_place() -> None:
    """It vanishes at once, and is inserted before the row that followed it."""
    async with stage() as now:
        first = await with_message(now)
        now.server.post(OTHER, "second")
        now.hear()
        changes: list[Any] = []
        now.channel.timeline.subscribe(changes.append)
        deleting = asyncio.ensure_future(now.channel.delete(first))
        await now.turn()
        assert now.texts() == ["second"]
        await now.answer(NOT_YOURS)
        with pytest.raises(Refused):
            await deleting
        assert now.texts() == ["hello", "second"]
        second = now.channel.timeline.rows()[1].key
        assert [type(change) for change in changes] == [Removed, Inserted]
        assert changes[-1].before == second


async def test_a_deleted_message_that_is_gone_already_counts_as_deleted() -> None:
    """Somebody else was faster: nobody needs to hear of that."""
    async with stage() as now:
        id_ = await with_message(now)
        now.server.delete(id_)
        now.server.told.clear()
        deleting = asyncio.ensure_future(now.channel.delete(id_))
        await now.answer()
        await deleting
        assert now.texts() == []


async def test_w22_a_refused_reaction_goes() -> None:
    """It is shown at once, beside those of others, and taken away alone."""
    async with stage() as now:
        id_ = await with_message(now, OTHER)
        now.server.react(id_, OTHER, "+1", True)
        now.hear()
        reacting = asyncio.ensure_future(now.channel.react(id_, "+1"))
        await now.turn()
        assert names(now, id_) == [("+1", ["other", "me"])]
        await now.answer(NOT_YOURS)
        with pytest.raises(Refused):
            await reacting
        assert names(now, id_) == [("+1", ["other"])]


async def test_a_reaction_stays_until_its_event_and_needs_no_fetch() -> None:
    """Its answer says nothing of the others; the event does."""
    async with stage() as now:
        id_ = await with_message(now, OTHER)
        reacting = asyncio.ensure_future(now.channel.react(id_, "heart"))
        await now.answer()
        await reacting
        assert names(now, id_) == [("heart", ["me"])]
        now.hear()
        row = now.channel.timeline.row(id_)
        assert row is not None
        assert not row.changing
        now.clock.advance(60)
        await now.turn()
        assert now.door.requests == []


async def test_an_event_that_never_comes_is_made_up_for_by_a_look() -> None:
    """A reaction that stood already is answered well and told to nobody."""
    async with stage() as now:
        id_ = await with_message(now, OTHER)
        reacting = asyncio.ensure_future(now.channel.react(id_, "heart"))
        await now.answer()
        await reacting
        now.server.told.clear()
        now.server.react(id_, ME, "heart", False)
        now.server.told.clear()
        now.clock.advance(5)
        await now.answer()
        assert names(now, id_) == []


async def test_an_event_older_than_a_reaction_does_not_take_it_away() -> None:
    """What somebody else did a moment before comes a moment after: the own reaction stays on show."""
    async with stage() as now:
        id_ = await with_message(now, OTHER)
        now.server.react(id_, OTHER, "+1", True)
        reacting = asyncio.ensure_future(now.channel.react(id_, "heart"))
        await now.answer()
        await reacting
        told = now.server.told.popleft()
        late = list(now.server.told)
        now.server.told.clear()
        now.server.told.append(told)
        now.hear()
        assert names(now, id_) == [("+1", ["other"]), ("heart", ["me"])]
        now.server.told.extend(late)
        now.hear()
        assert names(now, id_) == [("+1", ["other"]), ("heart", ["me"])]


async def test_changes_of_one_message_reach_the_server_one_after_the_other() -> None:
    """Pressed twice in a hurry, the last wish is the one that stays."""
    async with stage() as now:
        id_ = await with_message(now, OTHER)
        first = asyncio.ensure_future(now.channel.react(id_, "+1"))
        second = asyncio.ensure_future(now.channel.unreact(id_, "+1"))
        await now.turn()
        assert names(now, id_) == []
        assert len(now.door.requests) == 1
        await now.answer()
        await now.answer()
        await asyncio.gather(first, second)
        now.hear()
        assert names(now, id_) == []
        assert now.server.messages[id_].reactions == []


@pytest.mark.parametrize("release", ["0.12.4", "0.6.41"])
async def test_w22_a_pin_is_shown_at_once_in_the_row_and_in_the_list(release: str) -> None:
    """W-79: 0.6.41 tells nobody, so the message is looked at instead of waited for."""
    async with stage(release) as now:
        now.server.tells_pins = release != "0.6.41"
        id_ = await with_message(now)
        opening = asyncio.ensure_future(now.channel.pinned().open())
        await now.answer_all()
        await opening
        pinning = asyncio.ensure_future(now.channel.pin(id_))
        await now.turn()
        assert shown(now, id_).is_pinned
        assert [message.id for message in now.channel.pinned().store.value] == [id_]
        await now.answer()
        await pinning
        now.hear()
        await now.answer_all()
        row = now.channel.timeline.row(id_)
        assert row is not None
        assert not row.changing
        assert row.message.pinned_at == now.server.messages[id_].pinned_at


async def test_w22_a_refused_pin_goes_from_the_row_and_from_the_list() -> None:
    """Both show what is so."""
    async with stage() as now:
        id_ = await with_message(now)
        opening = asyncio.ensure_future(now.channel.pinned().open())
        await now.answer_all()
        await opening
        pinning = asyncio.ensure_future(now.channel.pin(id_))
        await now.answer(NOT_YOURS)
        with pytest.raises(Refused):
            await pinning
        assert not shown(now, id_).is_pinned
        assert now.channel.pinned().store.value == ()


async def test_a_change_whose_answer_was_lost_is_looked_at() -> None:
    """It may have been done: the person is told that it is not certain, and the row shows what is so."""
    async with stage() as now:
        id_ = await with_message(now)
        editing = asyncio.ensure_future(now.channel.edit(id_, "better"))
        await now.turn()
        now.door.requests[0].work()
        now.server.told.clear()
        await now.answer(Unreachable("cut", sent=True))
        with pytest.raises(Unreachable):
            await editing
        await now.answer()
        assert now.texts() == ["better"]


async def test_a_cancelled_change_is_looked_at_too() -> None:
    """Whoever gives up waiting has not taken the request back."""
    async with stage() as now:
        id_ = await with_message(now)
        pinning = asyncio.ensure_future(now.channel.pin(id_))
        await now.turn()
        now.door.requests.pop(0).work()
        now.server.told.clear()
        pinning.cancel()
        await now.turn()
        assert not shown(now, id_).is_pinned
        await now.answer()
        assert shown(now, id_).is_pinned


async def test_a_deletion_takes_what_was_wished_of_the_message_with_it() -> None:
    """The change that was under way is answered with 404, and its caller is told."""
    async with stage() as now:
        id_ = await with_message(now)
        editing = asyncio.ensure_future(now.channel.edit(id_, "better"))
        await now.turn()
        now.server.delete(id_)
        now.hear()
        assert now.texts() == []
        await now.answer()
        with pytest.raises(NotFound):
            await editing
        assert now.texts() == []
