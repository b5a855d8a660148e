"""Threads, pins, groups and refusals between two clients and the server, as processes."""

from __future__ import annotations

import pytest
from tests.client.peer import until
from tests.live.test_client_with_server import PASSWORD, QUICK, general, server
from tests.processes import AntiphonProcess

from antiphon import Client
from antiphon.client.errors import AntiphonError, Refused

__all__ = ["server"]


async def test_two_people_talk_in_a_thread_and_its_root_goes(server: AntiphonProcess) -> None:
    """W-31: replies, typing and counters reach both; without its root the thread says that it is gone."""
    async with (
        Client.sign_up(server.url, "Ann", "ann@example.com", PASSWORD, delays=QUICK) as ann,
        Client.sign_up(server.url, "Bob", "bob@example.com", PASSWORD, delays=QUICK) as bob,
    ):
        await ann.live()
        await bob.live()
        channel = general(ann)
        await ann.channel(channel).open()
        await bob.channel(channel).open()
        root = await ann.channel(channel).send("a question")
        here, there = ann.channel(channel).thread(root.id), bob.channel(channel).thread(root.id)
        await here.open()
        await there.open()
        there.typing()
        await until(lambda: f"{channel}/{root.id}" in ann.typing.value)
        sent = [await there.send(f"answer {n}") for n in range(60)]
        await until(lambda: len(here.timeline.rows()) == 60)
        await until(lambda: here.root.value is not None and here.root.value.reply_count == 60)
        assert f"{channel}/{root.id}" not in ann.typing.value
        assert [row.message.content for row in ann.channel(channel).timeline.rows()] == ["a question"]
        here.forget()
        await here.open()
        assert len(here.timeline.rows()) == 50
        assert await ann.channel(channel).find(sent[0].id) is here
        assert [row.message.content for row in here.timeline.rows()] == [f"answer {n}" for n in range(60)]
        await ann.channel(channel).delete(root.id)
        await until(lambda: there.gone.value)
        with pytest.raises(AntiphonError):
            await there.open()


async def test_w22_what_the_server_refuses_is_back_as_it_was(server: AntiphonProcess) -> None:
    """Somebody else's message can be neither edited nor deleted, and stands as before."""
    async with (
        Client.sign_up(server.url, "Ann", "ann@example.com", PASSWORD, delays=QUICK) as ann,
        Client.sign_up(server.url, "Bob", "bob@example.com", PASSWORD, delays=QUICK) as bob,
    ):
        await ann.live()
        await bob.live()
        channel = general(ann)
        await bob.channel(channel).open()
        message = await ann.channel(channel).send("mine")
        await until(lambda: bob.channel(channel).timeline.row(message.id))
        for work in (
            bob.channel(channel).edit(message.id, "not yours"),
            bob.channel(channel).delete(message.id),
        ):
            with pytest.raises(Refused):
                await work
        row = bob.channel(channel).timeline.row(message.id)
        assert row is not None
        assert (row.message.content, row.changing) == ("mine", False)
        assert bob.channel(channel).detail.value is not None
        pins = ann.channel(channel).pinned()
        await pins.open()
        await bob.channel(channel).pin(message.id)
        await until(lambda: [one.id for one in pins.store.value] == [message.id])


async def test_members_come_and_go_live(server: AntiphonProcess) -> None:
    """W-71: a group appears at who is added and goes at who is removed; a hidden conversation comes back."""
    async with (
        Client.sign_up(server.url, "Ann", "ann@example.com", PASSWORD, delays=QUICK) as ann,
        Client.sign_up(server.url, "Bob", "bob@example.com", PASSWORD, delays=QUICK) as bob,
    ):
        await ann.live()
        await bob.live()
        assert bob.me is not None
        group = await ann.create_group("plans")
        await group.open()
        await group.add_members(bob.me.id)
        await until(lambda: any(entry.name == "plans" for entry in bob.channels.value))
        await until(lambda: group.detail.value is not None and group.detail.value.user_count == 2)
        assert {person.name for person in (await group.members()).users} == {"Ann", "Bob"}
        await group.send("hello")
        await until(lambda: any(e.name == "plans" and e.unread_count == 1 for e in bob.channels.value))
        await group.remove_members(bob.me.id)
        await until(lambda: all(entry.name != "plans" for entry in bob.channels.value))
        direct = await ann.direct(bob.me.id)
        await until(lambda: any(entry.id == direct.id for entry in bob.channels.value))
        await bob.channel(direct.id).hide()
        assert all(entry.id != direct.id for entry in bob.channels.value)
        await direct.send("are you there?")
        await until(lambda: any(e.id == direct.id and e.unread_count == 1 for e in bob.channels.value))
        await bob.channel(direct.id).mute()
        await until(lambda: any(e.id == direct.id and e.is_channel_muted for e in bob.channels.value))
