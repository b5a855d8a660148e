"""The model server speaks as the recorded ones do, and time on its stage is virtual."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from tests.client.peer import recorded

from antiphon.wire import Malformed, Unknown, parse_event

from .acts import Acts
from .flavour import OPEN_WEBUI_6, OPEN_WEBUI_12, OURS, Flavour
from .model_server import ModelServer, token_of
from .scripts import EVERYTHING, THEMES
from .stage import Stage, on_stage
from .virtual_time import NothingWillHappen, VirtualLoop, run

FLAVOURS = pytest.mark.parametrize("flavour", [OURS, OPEN_WEBUI_12, OPEN_WEBUI_6], ids=repr)


def everything_told(flavour: Flavour) -> list[tuple[str, dict[str, Any]]]:
    """Let people do everything that a server tells of, and give what it told."""
    told: list[tuple[str, dict[str, Any]]] = []

    async def main(loop: VirtualLoop) -> None:
        server = ModelServer(flavour, loop)
        server.connect(
            "s", token_of("me"), lambda name, payload: told.append((name, payload)), lambda _: None
        )
        channels, chats = server.channels, server.chats
        group = channels.create("ann", "group", "group", ["ann", "me"])
        server.receive("s", "user-join", {"auth": {"token": token_of("me")}}, 0)
        post = channels.post("ann", group.id, {"content": "hello", "temp_id": "t"})
        channels.post("me", group.id, {"content": "answer", "reply_to_id": post.id})
        reply = channels.post("me", group.id, {"content": "below", "parent_id": post.id})
        channels.edit("ann", group.id, post.id, {"content": "hello (edited)"})
        channels.react("me", group.id, post.id, "+1", add=True)
        channels.react("me", group.id, post.id, "+1", add=False)
        channels.pin("me", group.id, post.id, True)
        channels.typing("ann", group.id, None, True, None)
        channels.delete("me", group.id, reply.id)
        channels.read("me", group.id, server.tick(), "other")
        if not flavour.old:
            channels.mute("me", group.id, True)
        channels.rename("ann", group.id, "renamed")
        channels.remove("ann", group.id)
        chats.ask_elsewhere("me", None, "question")
        await asyncio.sleep(20)
        chats.end = "failed"
        chats.ask_elsewhere("me", next(iter(chats.talks)), "question")
        await asyncio.sleep(20)
        chats.ask_elsewhere("me", next(iter(chats.talks)), "question")
        chats.stop_chat("me", next(iter(chats.talks)))
        chats.read("me", next(iter(chats.talks)))

    run(main)
    return told


@FLAVOURS
def test_the_client_understands_everything_that_is_told(flavour: Flavour) -> None:
    """No event of the model is unknown or malformed: a client that ignored them would hold no law."""
    for name, payload in everything_told(flavour):
        event = parse_event(name, payload)
        assert not isinstance(event, Unknown | Malformed), payload


@pytest.mark.parametrize("flavour", [OPEN_WEBUI_12, OPEN_WEBUI_6], ids=repr)
def test_what_is_told_has_the_keys_of_the_recordings(flavour: Flavour) -> None:
    """Each kind of channel event of the model has the keys that the recorded ones have."""
    true: dict[str, set[str]] = {}
    for line in recorded(flavour.version, "events"):
        if line["event"] == "events:channel":
            inner = line["data"]["data"]
            if isinstance(inner.get("data"), dict):
                true.setdefault(inner["type"], set(inner["data"]))
    for name, payload in everything_told(flavour):
        inner = payload["data"]
        if name == "events:channel" and isinstance(inner.get("data"), dict):
            assert set(inner["data"]) == true[inner["type"]], inner["type"]


def test_minutes_take_milliseconds() -> None:
    """Sleeping costs nothing, and the clock shows what has passed."""

    async def main(loop: VirtualLoop) -> float:
        await asyncio.gather(*(asyncio.sleep(n) for n in range(600)))
        return loop.time()

    began = time.perf_counter()
    assert run(main) == pytest.approx(599)
    assert time.perf_counter() - began < 30


def test_waiting_for_what_never_comes_fails_at_once() -> None:
    """A script that hangs says so, and does not hang."""

    async def main(loop: VirtualLoop) -> None:
        await loop.create_future()

    with pytest.raises(NothingWillHappen):
        run(main)


def test_the_same_script_takes_the_same_course() -> None:
    """What is asked, and what is answered, does not depend on the run."""

    def course() -> str:
        seen: list[Any] = []

        async def work(stage: Stage) -> None:
            steps = [("we_send", 0, 1), ("the_line_is_cut", 0, 0), ("time_passes", 4, 0), ("we_ask", 0, 0),
                     ("things_are_slow", 2, 1), ("ann_posts", 1, 2), ("time_passes", 6, 0)]  # fmt: skip
            await stage.play(steps)
            seen.append((stage.network.requests, stage.loop.time()))

        on_stage(OURS, work)
        return json.dumps(seen)

    assert course() == course()


def test_every_act_belongs_to_a_theme() -> None:
    """Nothing that can happen is left out, and no theme names what cannot."""
    assert {name for names in THEMES.values() for name in names} == {*EVERYTHING, "time_passes"}
    assert all(callable(getattr(Acts, name)) for name in EVERYTHING)
