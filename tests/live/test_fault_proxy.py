"""The faults are faults: each one that the proxy knows, seen from a real client of the proxy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.live.fault_proxy import BOTH, FORBIDDEN, FaultProxy, Way, Weather


@asynccontextmanager
async def echoing() -> AsyncIterator[FaultProxy]:
    """A proxy before a server that says every line again."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(line)
        except OSError:
            pass  # cut, as a test wanted
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, FaultProxy(server.sockets[0].getsockname()[1]) as proxy:
        yield proxy


class Caller:
    """A connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, line: bytes) -> bytes:
        """Say a line and give what comes back."""
        self.writer.write(line + b"\n")
        return (await self.reader.readline()).rstrip(b"\n")


@asynccontextmanager
async def calling(proxy: FaultProxy) -> AsyncIterator[Caller]:
    """Call through the proxy."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield Caller(reader, writer)
    finally:
        writer.transport.abort()


async def test_fine_weather_lets_everything_through() -> None:
    """What is said arrives, and comes back."""
    async with echoing() as proxy, calling(proxy) as caller:
        assert await caller.say(b"hello") == b"hello"
        assert proxy.connections == 1


async def test_a_cut_resets_the_connection() -> None:
    """No farewell: the next read fails."""
    async with echoing() as proxy, calling(proxy) as caller:
        await caller.say(b"hello")
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await caller.reader.read()


@pytest.mark.parametrize("silent", [BOTH, frozenset({Way.UP}), frozenset({Way.DOWN})])
async def test_a_half_open_connection_stays_silent_when_the_weather_is_fine_again(
    silent: frozenset[Way],
) -> None:
    """As when a router has forgotten it; a new connection works."""
    async with echoing() as proxy, calling(proxy) as caller:
        await caller.say(b"hello")
        async with proxy.during(Weather(silent=silent)):
            pass
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await caller.say(b"still there?")
        async with calling(proxy) as other:
            assert await other.say(b"hello") == b"hello"


async def test_a_delay_holds_every_piece() -> None:
    """Both ways, and it ends when the weather does."""
    async with echoing() as proxy, calling(proxy) as caller:
        await caller.say(b"hello")
        async with proxy.during(Weather(delay=60)):
            answer = asyncio.create_task(caller.say(b"slowly"))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await asyncio.shield(answer)
        assert await answer == b"slowly"


async def test_a_truncation_ends_the_connection_in_the_middle_of_what_it_carries() -> None:
    """Half of the next piece arrives, and then the end."""
    async with echoing() as proxy, calling(proxy) as caller:
        await caller.say(b"hello")
        proxy.truncate()
        caller.writer.write(b"0123456789\n")
        assert await caller.reader.read() == b"01234"


async def test_a_slow_reader_makes_the_other_side_wait() -> None:
    """What comes down comes in small pieces, each after its time."""
    async with echoing() as proxy, calling(proxy) as caller:
        await proxy.change(Weather(slow=10_000))
        began = asyncio.get_running_loop().time()
        assert len(await caller.say(b"x" * 1_000)) == 1_000
        assert asyncio.get_running_loop().time() - began >= 0.09


async def test_upgrades_are_refused_as_by_a_proxy_between_and_requests_are_not() -> None:
    """The refusal is a page, as such proxies give it."""
    async with echoing() as proxy:
        await proxy.change(Weather(websockets=False))
        async with calling(proxy) as caller:
            caller.writer.write(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n")
            answer = await caller.reader.read()
            assert answer.startswith(b"HTTP/1.1 403")
            assert answer.endswith(FORBIDDEN)
        async with calling(proxy) as caller:
            assert await caller.say(b"GET / HTTP/1.1") == b"GET / HTTP/1.1"


async def test_a_closed_port_refuses_and_opens_again() -> None:
    """Who is connected stays; who comes is refused, by the system itself."""
    async with echoing() as proxy, calling(proxy) as caller:
        await caller.say(b"hello")
        async with proxy.during(Weather(refusing=True)):
            with pytest.raises(ConnectionRefusedError):
                async with calling(proxy):
                    pass
            assert await caller.say(b"still there?") == b"still there?"
        async with calling(proxy) as other:
            assert await other.say(b"hello") == b"hello"
