"""Server and page on one port: who answers which path, and how both begin and end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from antiphon.cli.combined import Combined, LifespanFailed, Part, belongs_to_server


class Recorder:
    """An application that writes down what happens to it, in a list shared with others."""

    def __init__(self, name: str, diary: list[str], *, fails: BaseException | None = None) -> None:
        self.name = name
        self.diary = diary
        self.fails = fails

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the lifespan's steps and each path."""
        if scope["type"] != "lifespan":
            self.diary.append(f"{self.name} {scope['path']} {scope['state']}")
            return
        await receive()
        scope["state"]["name"] = self.name
        if self.fails:
            await send({"type": "lifespan.startup.failed", "message": "see below"})
            raise self.fails
        self.diary.append(f"{self.name} up")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.diary.append(f"{self.name} down")
        await send({"type": "lifespan.shutdown.complete"})

    async def drain(self) -> None:
        """Note it."""
        self.diary.append(f"{self.name} drained")


async def nothing() -> Message:
    """A connection that says nothing."""
    return {"type": "http.disconnect"}


async def nowhere(_message: Message) -> None:
    """A connection that listens to nothing."""


def request(path: str, kind: str = "http") -> dict[str, Any]:
    """The scope of a connection."""
    return {"type": kind, "path": path, "headers": []}


def combined_of(diary: list[str]) -> Combined:
    """Both applications, recording."""

    async def load_page() -> Part:
        diary.append("page loaded")
        return Part(Recorder("page", diary))

    return Combined(Part(Recorder("server", diary)), load_page)


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/ready",
        "/api",
        "/api/config",
        "/api/v1/channels/",
        "/ws/socket.io/",
        "/openai/config",
        "/ollama/config",
    ],
)
def test_the_protocol_s_paths_are_the_server_s(path: str) -> None:
    """A client of Open WebUI finds everything where it looks for it."""
    assert belongs_to_server(path)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/auth",
        "/channels/1",
        "/c/1",
        "/page/stream",
        "/static/1/a.js",
        "/healthy",
        "/apiary",
        "/wsx",
        "",
    ],
)
def test_every_other_path_is_the_page_s(path: str) -> None:
    """Likeness of the first letters gives the server nothing."""
    assert not belongs_to_server(path)


async def test_each_part_gets_its_paths_and_its_own_state() -> None:
    """What one application's lifespan leaves in the state is not seen by the other."""
    diary: list[str] = []
    combined = combined_of(diary)
    await combined.start()
    await combined.page()

    await combined(request("/api/config"), nothing, nowhere)
    await combined(request("/ws/socket.io/", "websocket"), nothing, nowhere)
    await combined(request("/channels/1"), nothing, nowhere)

    assert diary[-3:] == [
        "server /api/config {'name': 'server'}",
        "server /ws/socket.io/ {'name': 'server'}",
        "page /channels/1 {'name': 'page'}",
    ]
    await combined.stop()


async def test_the_server_answers_before_the_page_is_loaded() -> None:
    """`/health` does not wait for the page's imports."""
    diary: list[str] = []
    combined = combined_of(diary)
    await combined.start()

    await combined(request("/health"), nothing, nowhere)

    assert diary == ["server up", "server /health {'name': 'server'}"]
    await combined.stop()


async def test_the_first_request_for_the_page_waits_until_it_is_loaded_once() -> None:
    """Requests that come together load the page once, and all are answered."""
    diary: list[str] = []
    combined = combined_of(diary)
    await combined.start()

    await asyncio.gather(*(combined(request(f"/c/{number}"), nothing, nowhere) for number in range(3)))

    assert diary.count("page loaded") == 1
    assert diary[-3:] == [f"page /c/{number} {{'name': 'page'}}" for number in range(3)]
    await combined.stop()


async def test_the_page_ends_before_the_server_that_it_talks_to() -> None:
    """A page that says goodbye to its server still finds it there."""
    diary: list[str] = []
    combined = combined_of(diary)
    await combined.start()
    await combined.page()

    await combined.drain()
    await combined.stop()

    assert diary[-4:] == ["page drained", "server drained", "page down", "server down"]


async def test_an_end_while_the_page_is_loading_ends_the_server() -> None:
    """Ctrl-C in the first second is not held up by an import."""
    diary: list[str] = []
    loading = asyncio.Event()

    async def load_page() -> Part:
        loading.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets that event")

    combined = Combined(Part(Recorder("server", diary)), load_page)
    await combined.start()
    waiting = asyncio.create_task(combined.page())
    await loading.wait()

    await combined.drain()
    await combined.stop()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert diary == ["server up", "server drained", "server down"]


async def test_a_part_that_does_not_start_tells_its_own_reason() -> None:
    """The reason is the application's exception, not the protocol's words around it."""
    part = Part(Recorder("server", [], fails=PermissionError("the folder is not ours")))

    with pytest.raises(PermissionError, match="the folder is not ours"):
        await part.start()


async def test_a_part_that_ends_instead_of_starting_is_noticed() -> None:
    """An application without a lifespan is refused at the start, not at the first request."""

    class Mute(Recorder):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            """End at once."""

    with pytest.raises(LifespanFailed, match=r"lifespan\.startup"):
        await Part(Mute("server", [])).start()


async def test_a_part_that_never_started_has_nothing_to_stop() -> None:
    """The end after a failed start is quiet."""
    part = Part(Recorder("server", [], fails=OSError("no")))
    with pytest.raises(OSError, match="no"):
        await part.start()

    await part.stop()
