"""Half an hour of trouble between five clients and a server that is killed twice: all agree in the end.

A second of the test is a minute. `ANTIPHON_FAULT_SEED` (a number, or "random") draws another half hour,
`ANTIPHON_FAULT_MINUTES` a longer one; a failure prints the seed.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.client.peer import until
from tests.live.fault_proxy import FINE, FaultProxy
from tests.live.trouble import PINGS, Actor, befall, faults, moment, power_cuts, scaled
from tests.processes import NO_OLLAMA, AntiphonProcess

from antiphon import Client
from antiphon.client import LinkState
from antiphon.client.channels.channel import Channel
from antiphon.wire import ChannelForm

PASSWORD = "a-good-password"
SEED = os.environ.get("ANTIPHON_FAULT_SEED", "1800")
MINUTES = float(os.environ.get("ANTIPHON_FAULT_MINUTES", "30"))
PEOPLE = ("ann", "bob", "cem", "dot")
CLIENTS = (*PEOPLE, "ann")
"""Ann is at two machines."""
PATIENCE = 20.0
"""Seconds that may pass from the last fault until everything is as on the server, on a busy machine."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AntiphonProcess]:
    """A server of its own, with the built-in model alone."""
    env = {"OLLAMA_BASE_URL": NO_OLLAMA, "ANTIPHON_ELIZA_DELAY": "0.02", **PINGS}
    with AntiphonProcess(tmp_path / "server", "serve", env=env) as process:
        yield process


async def test_half_an_hour_of_trouble_loses_nothing_and_doubles_nothing(
    server: AntiphonProcess, tmp_path: Path
) -> None:
    """Cut, half-open, delayed, truncated, slow, without WebSocket, refused, killed: in the end all agree."""
    seed = secrets.randbelow(10**6) if SEED == "random" else int(SEED)
    random = Random(seed)
    try:
        async with AsyncExitStack() as stack:
            proxies = [await stack.enter_async_context(FaultProxy(server.port)) for _ in CLIENTS]
            tokens = await make_accounts(server)
            clients = [
                await stack.enter_async_context(Client(proxy.url, token=tokens[person], delays=scaled()))
                for person, proxy in zip(CLIENTS, proxies, strict=True)
            ]
            for client in clients:
                await client.live()
            actors = [
                Actor(f"{person}{number}", client, Random(random.random()))
                for number, (person, client) in enumerate(zip(CLIENTS, clients, strict=True))
            ]
            await half_an_hour(server, proxies, actors, random)
            for actor in actors:
                await settled(actor)
            await agree(server, actors, tokens)
    except BaseException as error:
        error.add_note(f"ANTIPHON_FAULT_SEED={seed} draws this half hour again")
        raise


async def make_accounts(server: AntiphonProcess) -> dict[str, str]:
    """Make everybody an account, and two channels beside the one that is there; give the tokens."""
    tokens: dict[str, str] = {}
    for person in PEOPLE:
        async with Client.sign_up(server.url, person.title(), f"{person}@example.com", PASSWORD) as client:
            assert client.token is not None
            tokens[person] = client.token
            if person == PEOPLE[0]:
                for name in ("plans", "plants"):
                    await client.rest.channels.create(ChannelForm(name=name))
    return tokens


async def half_an_hour(
    server: AntiphonProcess, proxies: list[FaultProxy], actors: list[Actor], random: Random
) -> None:
    """Let everything go wrong while everybody does as they like; at the end the weather is fine."""
    began = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as group:
        for proxy in proxies:
            group.create_task(befall(proxy, faults(Random(random.random()), MINUTES), began))
        group.create_task(power_cuts(server, Random(random.random()), MINUTES, began))
        doing = [group.create_task(actor.live(began + MINUTES)) for actor in actors]
        await moment(began + MINUTES)
        _, begun = await asyncio.wait(doing, timeout=PATIENCE)
        if begun:
            pytest.fail("what was begun does not end: " + "; ".join(map(repr, actors)))
    assert all(proxy.weather == FINE for proxy in proxies)


async def settled(actor: Actor) -> None:
    """Wait until a client is live and has sent everything; nothing has failed."""
    client = actor.client
    await until(lambda: client.link.value.state is LinkState.LIVE and not client.unsent, PATIENCE)
    for channel in actor.channels:
        if not channel.timeline.loaded:
            await channel.open()  # The weather was bad when the person wanted it.
    for sendings in actor.sent.values():
        assert {(sending.state, sending.error) for _, sending in sendings} <= {("confirmed", None)}
    for channel in actor.channels:
        assert {row.state for row in channel.timeline.rows()} <= {"confirmed"}


async def agree(server: AntiphonProcess, actors: list[Actor], tokens: dict[str, str]) -> None:
    """Compare every client with a fresh one, and what is there with what was done."""
    for actor, person in zip(actors, CLIENTS, strict=True):
        async with fresh(server, tokens[person], actor) as other:
            await until_equal(
                lambda actor=actor: state(actor.client),
                lambda actor=actor, other=other: state(other, as_far_as=actor.client),
            )
            for channel in (other.channel(entry.id) for entry in other.channels.value):
                stored = [row.message.content.split()[0] for row in channel.timeline.rows()]
                check_once_and_in_order(actor, channel.id, stored)
            if actor.chat is not None:
                questions = [
                    turn.content for turn in other.chat(actor.chat.id).turns() if turn.role == "user"
                ]
                assert questions == actor.asked
    assert len(actors[1].client.chats.value) == 1
    assert "Traceback" not in server.output, server.output[server.output.index("Traceback") :][:4_000]


def check_once_and_in_order(actor: Actor, channel_id: str, stored: list[str]) -> None:
    """Every message of an actor is there once, in its order; one that was thrown away at most once."""
    sent = [key for key, _ in actor.sent[channel_id]]
    own = [key for key in stored if key.startswith(f"{actor.name}-")]
    twice = [key for key, count in Counter(own).items() if count > 1]
    assert not twice
    lost = [key for key in sent if key not in set(own) and key not in actor.thrown_away]
    assert not lost
    assert own == [key for key in sent if key in set(own)]


@asynccontextmanager
async def fresh(server: AntiphonProcess, token: str, actor: Actor) -> AsyncIterator[Client]:
    """A client that has seen no trouble, with everything fetched."""
    async with Client(server.url, token=token) as client:
        await client.live()
        for entry in client.channels.value:
            channel = client.channel(entry.id)
            channel.timeline.subscribe(lambda _: None)
            await channel.open()
            while await channel.load_earlier():
                pass
        if actor.chat is not None:
            await client.chat(actor.chat.id).open()
        yield client


def state(client: Client, as_far_as: Client | None = None) -> dict[str, Any]:
    """Give what a client shows, as plain values; of each channel no more than another client holds."""
    shown = {entry.id: rows(client.channel(entry.id)) for entry in client.channels.value}
    for id_ in shown if as_far_as is not None else ():
        timeline = as_far_as.channel(id_).timeline
        if timeline.has_earlier:
            shown[id_] = shown[id_][-timeline.confirmed() :]
    return {
        "channels": [entry.dump() for entry in client.channels.value],
        "rows": shown,
        "chats": [(entry.id, entry.title) for entry in client.chats.value],
        "turns": {
            entry.id: [
                (turn.id, turn.role, turn.content, turn.done, turn.error)
                for turn in client.chat(entry.id).turns()
            ]
            for entry in client.chats.value
        },
        "running": [client.chat(entry.id).running for entry in client.chats.value],
        "typing": {place: people for place, people in client.typing.value.items() if people},
    }


def rows(channel: Channel) -> list[Any]:
    """Give a channel's messages as plain values; a list says of `data` only whether there is any."""
    dumped = [row.message.model_dump(by_alias=True) for row in channel.timeline.rows()]
    for message in dumped:
        for one in (message, message["reply_to_message"]):
            if one is not None:
                one["data"] = bool(one["data"])
    return dumped


async def until_equal(one: Any, other: Any) -> None:
    """Wait until two states are equal; tell where they differ if they never are."""
    try:
        await until(lambda: one() == other(), PATIENCE)
    except AssertionError:
        found: list[str] = []
        differences("", one(), other(), found)
        raise AssertionError("the client differs from a fresh one:\n" + "\n".join(found[:20])) from None


def differences(place: str, one: Any, other: Any, found: list[str]) -> None:
    """Add where two plain values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys((*one, *other)):
            differences(f"{place}.{key}", one.get(key), other.get(key), found)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            differences(f"{place}[{number}]", left, right, found)
    elif one != other:
        found.append(
            f"{place}: {json.dumps(one, default=str)[:300]} is not {json.dumps(other, default=str)[:300]}"
        )
