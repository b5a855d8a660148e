"""The recorded session of Open WebUI 0.12.4, gone through again with our server by a client that is not ours.

The same people take the same steps; each must hear the same events, with the same keys and JSON types at
every depth, and the same REST answers, as in the recording. Where we differ on purpose the difference is
named here, with its why.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.server.providers.provider import providing
from tests.server.runs.talking import ALL_TASKS, form
from tests.server.serving import Person, Server, Socket, serving

RECORDING = "tests/fixtures/open-webui-0.12.4"
CHANNEL = "events:channel"
CLIENTS = ("user1", "user1-second-tab", "user2", "admin")
OPEN = [{"principal_type": "user", "principal_id": "*", "permission": one} for one in ("read", "write")]

OURS = {"channel:updated", "channel:deleted", "channel:read"}
"""Events that only our server sends (W-71, W-27)."""
NOT_OURS = {"encryption:available"}
"""Events of what this server does not have: encrypted sessions."""


def lines(repository: Path, name: str) -> list[dict[str, Any]]:
    """The lines of a recording."""
    text = (repository / RECORDING / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def shape(value: Any) -> Any:
    """Keys and JSON types, at every depth; a list has the shapes of its items, each once."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in sorted(value.items())}
    if isinstance(value, list):
        return [json.loads(one) for one in sorted({json.dumps(shape(item)) for item in value})]
    return "null" if value is None else "number" if type(value) in {int, float} else type(value).__name__


class Story:
    """The people and sockets of the recording, and what each heard since the step began."""

    def __init__(self, server: Server, people: dict[str, Person], sockets: dict[str, Socket]) -> None:
        self.server = server
        self.people = people
        self.sockets = sockets
        self.steps: dict[str, dict[str, list[tuple[str, Any]]]] = {}
        self.answers: dict[str, list[Any]] = defaultdict(list)
        self.step = ""

    async def begin(self, step: str) -> None:
        """Give what was heard so far to the step before."""
        for one in self.sockets.values():
            await one.settle()
        for name, one in self.sockets.items():
            if self.step:
                self.steps.setdefault(self.step, {})[name] = list(one.heard)
            one.heard.clear()
        self.step = step

    async def ask(self, who: str, method: str, path: str, body: Any = None) -> Any:
        """Ask as one of the people, and keep the answer's shape."""
        answer = await self.people[who].ask(method, path, body)
        assert answer.status == 200, (self.step, path, answer)
        self.answers[self.step].append(answer.body)
        return answer.body


async def tell(story: Story) -> None:
    """Take the steps of the recording."""
    user2 = story.people["user2"].id
    general = await story.people["user1"].general()
    channels = "/api/v1/channels/"
    at = f"{channels}{general}"

    async def post(who: str, channel: str, **body: Any) -> str:
        return str((await story.ask(who, "POST", f"{channels}{channel}/messages/post", body))["id"])

    async def typing(thread: str | None, on: bool) -> None:
        data = {"type": "typing", "data": {"typing": on}}
        payload = {"channel_id": general, "message_id": thread, "data": data}
        await story.sockets["user1"].emit(CHANNEL, payload)

    await story.begin("GET channels")
    await story.ask("user1", "GET", channels)
    await story.begin("GET channel")
    await story.ask("user1", "GET", at)
    await story.begin("message create")
    root = await post(
        "user1", general, temp_id="temp-1", content="hello **world**", data={}, reply_to_id=None
    )
    await story.begin("reply (reply_to_id)")
    reply = await post("user2", general, temp_id="temp-2", content="a reply", data={}, reply_to_id=root)
    await story.begin("thread message (parent_id)")
    leaf = await post("user2", general, temp_id="temp-3", content="in the thread", data={}, parent_id=root)
    message = f"{at}/messages/{root}"
    await story.begin("message update")
    await story.ask("user1", "POST", f"{message}/update", {"content": "hello (edited)", "data": {}})
    await story.begin("reaction add")
    await story.ask("user2", "POST", f"{message}/reactions/add", {"name": "thumbsup"})
    await story.begin("reaction remove")
    await story.ask("user2", "POST", f"{message}/reactions/remove", {"name": "thumbsup"})
    await story.begin("pin")
    await story.ask("user1", "POST", f"{message}/pin", {"is_pinned": True})
    await story.begin("mention of user2")
    await post("user1", general, temp_id="temp-4", content=f"<@U:{user2}|User 2> look", data={})
    await story.begin("GET messages")
    await story.ask("user1", "GET", f"{at}/messages?skip=0&limit=5")
    await story.begin("GET thread")
    await story.ask("user1", "GET", f"{message}/thread?skip=0&limit=5")
    await story.begin("GET pinned")
    await story.ask("user1", "GET", f"{at}/messages/pinned?page=1")
    await story.begin("GET members")
    await story.ask("user1", "GET", f"{at}/members?page=1")
    for step, thread, on in (
        ("typing on", None, True),
        ("typing off", None, False),
        ("typing in a thread", root, True),
    ):
        await story.begin(step)
        await typing(thread, on)
    await story.begin("thread message delete")
    await story.ask("user2", "DELETE", f"{at}/messages/{leaf}/delete")
    await story.begin("message delete")
    await story.ask("user2", "DELETE", f"{at}/messages/{reply}/delete")
    await story.begin("mute")
    await story.ask("user1", "POST", f"{at}/members/mute", {"is_channel_muted": True})
    await story.begin("unmute")
    await story.ask("user1", "POST", f"{at}/members/mute", {"is_channel_muted": False})
    await story.begin("channel create (admin, open)")
    form = {"name": "second", "description": "", "access_grants": OPEN, "access_control": None}
    second = (await story.ask("admin", "POST", f"{channels}create", form))["id"]
    await story.begin("message in the new channel without join-channels")
    await post("admin", second, content="who hears this?")
    await story.begin("channel update")
    renamed = {"name": "second-renamed", "access_control": None}
    await story.ask("admin", "POST", f"{channels}{second}/update", renamed)
    await story.begin("channel delete")
    await story.ask("admin", "DELETE", f"{channels}{second}/delete")
    await story.begin("group channel create by user1")
    group_form = {"name": "grp", "type": "group", "user_ids": [user2]}
    group = (await story.ask("user1", "POST", f"{channels}create", group_form))["id"]
    await story.begin("message in the group")
    await post("user1", group, content="hi group")
    await story.begin("member removed from the group")
    removal = {"user_ids": [user2]}
    await story.ask("user1", "POST", f"{channels}{group}/update/members/remove", removal)
    await story.begin("message in the group after the removal")
    await post("user1", group, content="without user2")
    await story.begin("DM open")
    direct = (await story.ask("user1", "GET", f"{channels}users/{user2}"))["id"]
    await story.begin("DM message")
    await post("user1", direct, content="psst")
    await story.begin("GET channels with a DM")
    await story.ask("user2", "GET", channels)
    await story.begin("end")


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    """The recording's people on our server, after their steps."""
    async with serving(tmp_path / "data") as server:
        people = {}
        for name, shown in (("admin", "Admin"), ("user1", "User 1"), ("user2", "User 2")):
            people[name] = await server.sign_up(shown, email=f"{name}@peer.test")
        sockets = {}
        for name in CLIENTS:
            sockets[name] = await people[name.split("-")[0]].connect()
        one = Story(server, people, sockets)
        await tell(one)
        yield one


def in_order(heard: Iterable[tuple[str, Any]]) -> list[tuple[str, str, Any]]:
    """Events as (name, type, shape)."""
    return [(name, payload["data"]["type"], shape(payload)) for name, payload in heard]


def repaired(step: str, client: str, recorded: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """What the recording would hold had its server our repairs."""
    if step.startswith("typing") and client == "user1":
        return []  # a socket's own typing is not sent back to it
    for _name, payload in recorded:
        if step == "pin":
            payload["data"]["data"]["data"] = {}  # W-79: whole, and not whether there is any
        if step in {"channel update", "message in the new channel after user2's join-channels"}:
            payload["channel"]["description"] = ""
    return recorded


async def test_every_channel_event_is_heard_by_the_same_people_with_the_same_keys(
    story: Story, repository: Path
) -> None:
    """Step by step and socket by socket, in order."""
    recorded: dict[str, dict[str, list[tuple[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for line in lines(repository, "events.jsonl"):
        if line["event"] == CHANNEL:
            recorded[line["step"]][line["client"]].append((line["event"], line["data"]))
    seen: set[str] = set()
    for step, ours in story.steps.items():
        if step.startswith("message in the new channel"):
            continue  # judged below: here it reaches everyone at once
        for client in CLIENTS:
            heard = [
                (name, payload)
                for name, payload in ours[client]
                if name == CHANNEL and payload["data"]["type"] not in OURS
            ]
            if step == "channel create (admin, open)":
                assert [payload for _, payload in heard] == [{"data": {"type": "channel:created"}}], client
                continue
            expected = in_order(repaired(step, client, recorded[step][client]))
            assert in_order(heard) == expected, (step, client)
            seen |= {type_ for _, type_, _ in expected}
    types = {
        payload["data"]["type"] for steps in recorded.values() for of in steps.values() for _, payload in of
    }
    assert seen == types


async def test_a_new_channel_reaches_everyone_without_join_channels(story: Story, repository: Path) -> None:
    """In the original a message in a new channel reached nobody until they asked for their rooms."""
    recorded = next(
        line
        for line in lines(repository, "events.jsonl")
        if line["step"].startswith("message in the new channel") and line["event"] == CHANNEL
    )
    heard = story.steps["message in the new channel without join-channels"]
    for client in CLIENTS:
        assert in_order(heard[client]) == in_order([(recorded["event"], recorded["data"])]), client


async def test_our_own_events_are_those_that_we_say(story: Story) -> None:
    """Renaming and deleting are told to the room, a removal to whoever it concerns; nothing else is added."""
    added = {
        step: {
            client: [payload["data"]["type"] for name, payload in heard if payload["data"]["type"] in OURS]
            for client, heard in clients.items()
        }
        for step, clients in story.steps.items()
    }
    assert added.pop("channel update") == {client: ["channel:updated"] for client in CLIENTS}
    assert added.pop("channel delete") == {client: ["channel:deleted"] for client in CLIENTS}
    assert added.pop("member removed from the group") == {
        "user1": ["channel:updated"],
        "user1-second-tab": ["channel:updated"],
        "user2": ["channel:deleted"],
        "admin": [],
    }
    assert all(types == [] for clients in added.values() for types in clients.values())
    names = {name for clients in story.steps.values() for heard in clients.values() for name, _ in heard}
    assert names == {CHANNEL}


async def test_rest_answers_have_the_recorded_keys(story: Story, repository: Path) -> None:
    """Every recorded request on channels, answer by answer."""
    recorded: dict[str, list[Any]] = defaultdict(list)
    for line in lines(repository, "rest.jsonl"):
        if line["path"].startswith("/api/v1/channels/"):
            recorded[line["step"]].append(line["response"])
    assert set(recorded) - set(story.answers) == {
        "message in the new channel after user2's join-channels",  # as the one without: all are in the room
        "model mention in the channel",  # models answer in chats here, not yet in channels
    }
    for step, answers in story.answers.items():
        expected = recorded[step]
        if step == "channel update":
            expected[0]["description"] = ""  # what a form leaves out stays
        if step == "GET thread":
            expected[0][-1]["latest_reply_at"] = 1  # the root's counters are right in its thread, too
        assert [shape(one) for one in answers] == [shape(one) for one in expected], step


async def test_acknowledgements_are_the_recorded_ones(story: Story, repository: Path) -> None:
    """`user-join` says who one is; `join-channels` and `heartbeat` say nothing."""
    window, bob = story.sockets["user1"], story.people["user1"]
    acks = {
        line["event"]: line["data"]
        for line in lines(repository, "events.jsonl")
        if line["event"].startswith("(ack of")
    }
    auth = {"auth": {"token": bob.token}}
    for event, payload in (("user-join", auth), ("join-channels", auth), ("heartbeat", {})):
        assert shape(await window.call(event, payload)) == shape(acks[f"(ack of {event})"])


async def test_a_streamed_answer_is_told_as_recorded(tmp_path: Path, repository: Path) -> None:
    """A new chat with all background tasks: the same types with the same keys, heard alike in both tabs."""
    async with (
        providing() as provider,
        serving(tmp_path / "data", openai_api_base_urls=(provider.address,)) as server,
    ):
        person = await server.sign_up("Bob")
        windows = [await person.connect(), await person.connect()]
        asked = form("words", session_id=windows[0].sid, background_tasks=ALL_TASKS)
        accepted = await person.post("/api/chat/completions", asked)
        for window in windows:
            await window.next("events", "chat:active", count=2)
        await windows[0].settle()
        await windows[1].settle()
        recorded = [
            line["data"]
            for line in lines(repository, "events.jsonl")
            if line["step"] == "AI chat, new" and line["client"] == "user1"
        ]
        request = next(line for line in lines(repository, "rest.jsonl") if line["step"] == "AI chat, new")
        assert isinstance(accepted.pop("task_id"), str)  # as 0.6.41 names it: both kinds of client are served
        assert shape(accepted) == shape(request["response"])
        told = [[payload for _, payload in window.heard] for window in windows]
        assert told[0] == told[1]
        assert shapes_by_type(told[0]) == shapes_by_type(recorded)
        assert skeleton(told[0]) == skeleton(recorded)
        text = "".join(
            one["data"]["data"]["delta"] for one in told[0] if "delta" in (one["data"]["data"] or {})
        )
        assert text.strip() == " ".join(f"word{n}" for n in range(20))


def shapes_by_type(events: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Type → the shapes it was told in; our `offset` on deltas is left out, and words of our own in ids."""
    found: dict[str, set[str]] = defaultdict(set)
    for event in events:
        inner = event["data"]["data"]
        if isinstance(inner, dict) and "delta" in inner:
            assert "offset" not in inner or isinstance(inner["offset"], int)
            inner = {key: value for key, value in inner.items() if key != "offset"}
            event = {**event, "data": {**event["data"], "data": inner}}  # noqa: PLW2901 - the same event, less a key
        found[event["data"]["type"]].add(json.dumps(shape(event)))
    return {type_: sorted(shapes) for type_, shapes in found.items()}


def skeleton(events: list[dict[str, Any]]) -> list[str]:
    """The order of the types of what belongs to the answer itself; titles come whenever their model is
    done.
    """
    types: list[str] = []
    for event in events:
        type_ = event["data"]["type"]
        if type_ not in {"chat:title", "chat:list"} and (types[-1:] != [type_] or type_ == "chat:completion"):
            types.append(type_)
    return types
