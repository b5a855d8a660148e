"""Channels: who sees them, who is told what, and what happens to those who are put out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.postgres import on_both_databases
from tests.server.serving import Person, Server

from antiphon.server.storage.tables.channels import channel_members, channels

pytestmark = on_both_databases

CHANNEL = "events:channel"


async def make(person: Person, **form: Any) -> str:
    """Make a channel; gives its id."""
    return str((await person.post("/api/v1/channels/create", form))["id"])


def names(channels: list[dict[str, Any]]) -> set[str]:
    """The names in a channel list."""
    return {channel["name"] for channel in channels}


async def test_only_administrators_make_standard_channels(admin: Person, bob: Person) -> None:
    """Anybody else may make groups."""
    assert (await bob.ask("POST", "/api/v1/channels/create", {"name": "x"})).status == 403
    await make(bob, name="Ours", type="group")
    await make(admin, name="News Room")
    assert names(await bob.get("/api/v1/channels/")) == {"general", "Ours", "news room"}
    assert (await bob.ask("GET", "/api/v1/channels/list")).status == 403
    assert names(await admin.get("/api/v1/channels/list")) == {"general", "news room"}


@pytest.mark.parametrize(
    ("form", "word"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 200}, "at most"),
        ({"name": "x", "type": "forum"}, "type"),
        ({"name": "x", "type": "group", "user_ids": ["nobody"]}, "exist"),
        ({"type": "dm", "user_ids": []}, "somebody else"),
        ({"name": "x", "access_control": {"read": {"user_ids": [1]}}}, "list of ids"),
        (
            {
                "name": "x",
                "access_grants": [{"principal_type": "user", "principal_id": "*", "permission": "own"}],
            },
            "read",
        ),
    ],
)
async def test_a_bad_channel_form_says_what_is_wrong(admin: Person, form: dict[str, Any], word: str) -> None:
    """Nothing is made, and the answer names the mistake."""
    answer = await admin.ask("POST", "/api/v1/channels/create", form)
    assert answer.status == 400
    assert word in answer.detail
    assert names(await admin.get("/api/v1/channels/")) == {"general"}


async def test_grants_decide_who_reads_and_who_writes(admin: Person, bob: Person, cleo: Person) -> None:
    """A reader may not post, a stranger may not even see."""
    grants = [{"principal_type": "user", "principal_id": bob.id, "permission": "read"}]
    channel = await make(admin, name="minutes", access_grants=grants)
    detail = await bob.get(f"/api/v1/channels/{channel}")
    assert (detail["write_access"], detail["user_count"]) == (False, 2)
    posting = f"/api/v1/channels/{channel}/messages/post"
    assert (await bob.ask("POST", posting, {"content": "x"})).status == 403
    for method, path in (
        ("GET", ""),
        ("GET", "/messages"),
        ("GET", "/members"),
        ("GET", "/messages/pinned"),
        ("POST", "/messages/post"),
        ("POST", "/members/mute"),
        ("POST", "/update"),
        ("DELETE", "/delete"),
    ):
        body = {"content": "x", "is_channel_muted": True} if method == "POST" else None
        answer = await cleo.ask(method, f"/api/v1/channels/{channel}{path}", body)
        assert answer.status == 403, path
    assert "minutes" not in names(await cleo.get("/api/v1/channels/"))


async def test_the_older_access_control_is_taken_as_grants(admin: Person, bob: Person, cleo: Person) -> None:
    """0.6.41 names readers and writers in an object; null is public."""
    control = {"read": {"user_ids": [bob.id], "group_ids": []}, "write": {"user_ids": [], "group_ids": []}}
    await make(admin, name="closed", access_control=control)
    await make(admin, name="open", access_control=None)
    assert names(await bob.get("/api/v1/channels/")) == {"general", "closed", "open"}
    assert names(await cleo.get("/api/v1/channels/")) == {"general", "open"}


async def test_a_new_channel_is_live_at_once_for_whoever_may_see_it(
    admin: Person, bob: Person, cleo: Person
) -> None:
    """No `join-channels` is needed: the sockets are brought into the room, and told."""
    window, other = await bob.connect(), await cleo.connect()
    grants = [{"principal_type": "user", "principal_id": bob.id, "permission": "read"}]
    channel = await make(admin, name="news", access_grants=grants)
    await window.next(CHANNEL, "channel:created")
    await admin.say(channel, "first")
    await window.next(CHANNEL, "message")
    await other.settle()
    assert other.of(CHANNEL) == []


async def test_w71_a_rename_is_told_to_everyone_in_the_channel(admin: Person, bob: Person) -> None:
    """W-71: the original told nobody; other clients kept the old name."""
    window = await bob.connect()
    general = await bob.general()
    answer = await admin.post(f"/api/v1/channels/{general}/update", {"name": "everyone"})
    event = await window.next(CHANNEL, "channel:updated")
    assert event["channel"] == answer
    assert event["channel"]["name"] == "everyone"
    assert event["channel"]["description"] == "For everyone"
    await admin.say(general, "under the new name")
    assert (await window.next(CHANNEL, "message"))["channel"]["name"] == "everyone"


async def test_w71_a_deleted_channel_is_told_and_its_room_is_empty(
    server: Server, admin: Person, bob: Person
) -> None:
    """W-71: the original told nobody; other clients kept showing it."""
    window = await bob.connect()
    channel = await make(admin, name="brief")
    await admin.say(channel, "soon gone")
    assert await admin.delete(f"/api/v1/channels/{channel}/delete") is True
    event = await window.next(CHANNEL, "channel:deleted")
    assert event["channel_id"] == channel
    assert server.state.live.members(f"channel:{channel}") == ()
    for path in ("", "/messages", "/members"):
        assert (await bob.ask("GET", f"/api/v1/channels/{channel}{path}")).status == 404
    posting = f"/api/v1/channels/{channel}/messages/post"
    assert (await bob.ask("POST", posting, {"content": "x"})).status == 404


async def test_w71_taking_a_grant_away_puts_sockets_out_before_the_next_event(
    admin: Person, bob: Person, cleo: Person
) -> None:
    """W-71: access changes were not followed; here who loses it hears that, and nothing after it."""
    window, other = await bob.connect(), await cleo.connect()
    general = await bob.general()
    grants = [
        {"principal_type": "user", "principal_id": cleo.id, "permission": "read"},
        {"principal_type": "user", "principal_id": cleo.id, "permission": "write"},
    ]
    await admin.post(f"/api/v1/channels/{general}/update", {"access_grants": grants})
    await admin.say(general, "not for Bob")
    await other.next(CHANNEL, "message")
    await window.settle()
    assert [one["data"]["type"] for one in window.of(CHANNEL)] == ["channel:deleted"]
    everyone = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    await admin.post(f"/api/v1/channels/{general}/update", {"access_grants": everyone})
    await window.next(CHANNEL, "channel:created")
    await admin.say(general, "for Bob again")
    assert (await window.next(CHANNEL, "message"))["data"]["data"]["content"] == "for Bob again"


async def test_w71_members_come_and_go_live(admin: Person, bob: Person, cleo: Person) -> None:
    """W-71: added members were not joined and removed ones not removed; here both are, before the next
    event.
    """
    group = await make(bob, name="pair", type="group", user_ids=[admin.id])
    window = await cleo.connect()
    new = await bob.post(f"/api/v1/channels/{group}/update/members/add", {"user_ids": [cleo.id, bob.id]})
    assert [one["user_id"] for one in new] == [cleo.id]
    await window.next(CHANNEL, "channel:created")
    await bob.say(group, "welcome")
    await window.next(CHANNEL, "message")
    assert await bob.post(f"/api/v1/channels/{group}/update/members/remove", {"user_ids": [cleo.id]}) == 1
    await bob.say(group, "not for Cleo")
    await window.settle()
    assert [one["data"]["type"] for one in window.of(CHANNEL)] == [
        "channel:created",
        "channel:updated",
        "message",
        "channel:deleted",
    ]
    assert (await cleo.ask("GET", f"/api/v1/channels/{group}/messages")).status == 403


async def test_a_group_is_for_its_members_alone(admin: Person, bob: Person, cleo: Person) -> None:
    """Administrators do not read along; a member may leave, but not choose others."""
    group = await make(bob, name="ours", type="group", user_ids=[cleo.id])
    assert (await admin.ask("GET", f"/api/v1/channels/{group}")).status == 403
    assert (await admin.ask("GET", f"/api/v1/channels/{group}/messages")).status == 403
    adding = f"/api/v1/channels/{group}/update/members/add"
    assert (await cleo.ask("POST", adding, {"user_ids": [admin.id]})).status == 403
    detail = await cleo.get(f"/api/v1/channels/{group}")
    assert (detail["is_manager"], detail["user_count"]) == (False, 2)
    assert {one["name"] for one in detail["users"]} == {"Bob", "Cleo"}
    assert (await bob.get(f"/api/v1/channels/{group}"))["is_manager"] is True
    assert await cleo.post(f"/api/v1/channels/{group}/update/members/remove", {"user_ids": [cleo.id]}) == 1
    assert (await cleo.ask("GET", f"/api/v1/channels/{group}")).status == 403


async def test_a_direct_conversation_is_found_again(bob: Person, cleo: Person) -> None:
    """One per pair, whoever opens it; both hear of it; hiding it lasts until something is said."""
    window = await cleo.connect()
    opened = await bob.get(f"/api/v1/channels/users/{cleo.id}")
    await window.next(CHANNEL, "channel:created")
    again = await cleo.get(f"/api/v1/channels/users/{bob.id}")
    assert (opened["id"], opened["type"]) == (again["id"], "dm")
    made = await bob.post("/api/v1/channels/create", {"type": "dm", "user_ids": [cleo.id]})
    assert made["id"] == opened["id"]
    entry = next(one for one in await cleo.get("/api/v1/channels/") if one["type"] == "dm")
    assert set(entry["user_ids"]) == {bob.id, cleo.id}
    assert [one["name"] for one in entry["users"]] == ["Bob", "Cleo"] or {
        one["name"] for one in entry["users"]
    } == {"Bob", "Cleo"}
    hiding = f"/api/v1/channels/{opened['id']}/members/active"
    assert await cleo.post(hiding, {"is_active": False}) is True
    assert names(await cleo.get("/api/v1/channels/")) == {"general"}
    await bob.say(opened["id"], "psst")
    await window.next(CHANNEL, "message")
    assert names(await cleo.get("/api/v1/channels/")) == {"general", ""}
    assert (await bob.ask("GET", "/api/v1/channels/users/nobody")).status == 400


async def test_muting_is_told_to_ones_own_windows_alone(bob: Person, cleo: Person) -> None:
    """The other windows of the same person hear it; nobody else does."""
    window, other = await bob.connect(), await cleo.connect()
    general = await bob.general()
    muting = f"/api/v1/channels/{general}/members/mute"
    assert await bob.post(muting, {"is_channel_muted": True}) == {"is_channel_muted": True}
    event = await window.next(CHANNEL, "channel:mute")
    assert event == {
        "channel_id": general,
        "data": {"type": "channel:mute", "data": {"is_channel_muted": True}},
    }
    assert (await bob.get("/api/v1/channels/"))[0]["is_channel_muted"] is True
    assert (await bob.get(f"/api/v1/channels/{general}"))["is_channel_muted"] is True
    await other.settle()
    assert other.of(CHANNEL) == []


async def test_members_are_paged_and_searched(admin: Person, bob: Person) -> None:
    """Whoever may see the channel, 30 a page."""
    general = await bob.general()
    page = await bob.get(f"/api/v1/channels/{general}/members")
    assert ([one["name"] for one in page["users"]], page["total"]) == (["Ada", "Bob"], 2)
    assert {"email", "role", "is_active", "presence_state", "profile_image_url"} <= set(page["users"][0])
    found = await bob.get(f"/api/v1/channels/{general}/members", params={"query": "bo"})
    assert [one["name"] for one in found["users"]] == ["Bob"]
    backwards = {"order_by": "name", "direction": "desc"}
    page = await bob.get(f"/api/v1/channels/{general}/members", params=backwards)
    assert [one["name"] for one in page["users"]] == ["Bob", "Ada"]


async def test_who_is_put_out_while_their_post_waits_is_refused(
    server: Server, admin: Person, bob: Person, cleo: Person
) -> None:
    """What was allowed when the post came in is judged again when it is its turn to write."""
    group = await make(bob, name="ours", type="group", user_ids=[cleo.id])
    state = server.state
    waiting = state.database._writing
    for change in ("membership", "channel"):
        async with state.database.write() as connection:
            path = f"/api/v1/channels/{group}/messages/post"
            posting = asyncio.create_task(cleo.ask("POST", path, {"content": "me too"}))
            while not waiting._waiters:
                await server.nobody.get("/health")
            table, key = (
                (channel_members, channel_members.c.user_id == cleo.id)
                if change == "membership"
                else (channels, channels.c.id == group)
            )
            await connection.execute(table.delete().where(key))
        state.channels.forget(group)
        answer = await posting
        assert answer.status == (403 if change == "membership" else 404)
        assert isinstance(answer.detail, str)
        group = await make(bob, name="again", type="group", user_ids=[cleo.id])


async def test_who_is_put_out_while_their_socket_enters_does_not_enter(
    server: Server, bob: Person, cleo: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rooms of a handshake are read, then somebody loses one: it is not entered after all."""
    group = await make(bob, name="ours", type="group", user_ids=[cleo.id])
    live = server.state.live
    read, go_on = asyncio.Event(), asyncio.Event()
    rooms_of = live._rooms_of

    async def slowly(person: Any) -> Any:
        rooms = await rooms_of(person)
        read.set()
        await go_on.wait()
        return rooms

    monkeypatch.setattr(live, "_rooms_of", slowly)
    connecting = asyncio.create_task(cleo.connect())
    await read.wait()
    await bob.post(f"/api/v1/channels/{group}/update/members/remove", {"user_ids": [cleo.id]})
    go_on.set()
    window = await connecting
    assert f"channel:{group}" not in live.rooms_of_session(window.sid)
    await bob.say(group, "not for Cleo")
    await window.settle()
    assert window.of(CHANNEL, "message") == []
