"""Catching up: at most four requests at once, what windows show first, the rest dropped as stale."""

from __future__ import annotations

import asyncio

from .flavour import OPEN_WEBUI_6, OPEN_WEBUI_12, OURS
from .stage import Stage, Step, on_stage, play
from .views import View


async def lose_and_find(stage: Stage) -> None:
    """Cut the link and wait until it is live again."""
    stage.network.cut()
    await asyncio.sleep(0.001)
    await stage.client.live()


def view(stage: Stage) -> View:
    """Open a window."""
    return stage.new_view()


def test_at_most_four_requests_are_under_way_however_many_windows_there_are() -> None:
    """A thousand clients that come back together must not ask for everything at once."""

    async def work(stage: Stage) -> None:
        async with stage.client as client:
            for n in range(12):
                room = stage.server.channels.add(f"more {n}", None, "ann", [])
                view(stage).show("channel", room.id)
            await client.live()
            await asyncio.sleep(5)
            stage.network.most_at_once = 0
            await lose_and_find(stage)
            # The version is asked for once on each link, beside the catching up.
            assert 4 <= stage.network.most_at_once <= 5
            for one in stage.views:
                one.close()

    on_stage(OURS, work)


def test_what_a_window_shows_is_asked_for_first_the_one_looked_at_before_the_others() -> None:
    """W-09: the person waits for what they see."""

    async def work(stage: Stage) -> None:
        async with stage.client as client:
            await client.live()
            looked_at, shown, followed = list(stage.server.channels.rooms)
            release = client.channel(followed).timeline.subscribe(lambda _: None)
            await client.channel(followed).open()
            view(stage).show("channel", looked_at)
            stage.views[0].focus(True)
            view(stage).show("channel", shown)
            await asyncio.sleep(5)
            stage.network.requests.clear()
            await lose_and_find(stage)
            pages = [path.split("/")[4] for path in stage.network.requests if path.endswith("/messages")]
            assert pages == [looked_at, shown, followed]
            places = [stage.network.requests.index(f"GET /api/v1/channels/{id_}/messages") for id_ in pages]
            assert max(places[:2]) < stage.network.requests.index("GET /api/v1/channels/")
            release()
            for one in stage.views:
                one.close()

    on_stage(OURS, work)


def test_pages_that_nobody_shows_are_dropped_as_stale() -> None:
    """W-09: nothing is fetched that nobody looks at, and what is held is never silently old."""

    async def work(stage: Stage) -> None:
        async with stage.client as client:
            await client.live()
            shown, other = list(stage.server.channels.rooms)[:2]
            await client.channel(other).open()
            view(stage).show("channel", shown)
            await asyncio.sleep(1)
            stage.network.requests.clear()
            await lose_and_find(stage)
            assert not client.channel(other).timeline.loaded
            assert client.channel(shown).timeline.loaded
            assert not any(f"/{other}/messages" in path for path in stage.network.requests)
            stage.views[0].close()

    on_stage(OURS, work)


def test_a_page_asked_for_before_a_break_is_not_taken_after_it() -> None:
    """W-15: what was dropped as stale must not come back as if it were the newest."""
    elsewhere = 4  # the group, which no window shows
    script: list[Step] = [
        ("things_are_slow", 0, 3),
        ("we_scroll_back", elsewhere, 0),
        ("time_passes", 2, 0),
        ("the_line_is_cut", 0, 0),
        ("ann_posts", elsewhere, 0),
        ("time_passes", 6, 0),
    ]
    for flavour in (OURS, OPEN_WEBUI_12, OPEN_WEBUI_6):
        play(flavour, script)


def test_what_an_inbox_had_no_room_for_is_fetched() -> None:
    """A process that stalls and then gets more than it takes shows no hole."""
    script: list[Step] = [("we_stall", 0, 2), ("ann_posts_much", 0, 3), ("time_passes", 6, 0)]
    for flavour in (OURS, OPEN_WEBUI_12, OPEN_WEBUI_6):
        play(flavour, script)


def test_catching_up_again_while_an_answer_is_late_keeps_the_newer_one() -> None:
    """W-15: of two fetches of the list of channels the later one wins, whichever is answered last."""

    async def work(stage: Stage) -> None:
        async with stage.client as client:
            await client.live()
            catch_up = client._parts.catch_up
            stage.network.weather.answer = 5.0
            old = asyncio.create_task(catch_up.fetch_channels())
            await asyncio.sleep(1)
            room = next(iter(stage.server.channels.rooms.values()))  # the server tells nobody of this rename
            room.name = "renamed"
            stage.network.weather.answer = 0.1
            await catch_up.fetch_channels()
            await old
            assert "renamed" in [entry.name for entry in client.channels.value]

    on_stage(OURS, work)
