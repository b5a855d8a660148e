"""Completions for programs: a plain OpenAI-style stream or body, without a turn and without events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Any

from antiphon.server.errors import Problem
from antiphon.server.providers.failures import ProviderFailed
from antiphon.server.providers.source import Model

AHEAD = 64
"""Batches that are read ahead of a slow reader before the provider is made to wait."""
CLOSING = "The server is going down. Ask again in a moment."


class PlainStreams:
    """The streams that programs are reading, so that they can be told when the server ends."""

    def __init__(self) -> None:
        self._readers: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """End every stream with an error that says why."""
        for reader in self._readers:
            reader.cancel()

    async def stream(self, model: Model, body: dict[str, Any]) -> AsyncIterator[bytes]:
        """Return a stream of server-sent events. Raises `Problem` if the provider fails before its first."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(AHEAD)
        begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        reader = asyncio.create_task(self._read(model, body, queue, begun), name="plain stream")
        self._readers.add(reader)
        reader.add_done_callback(self._readers.discard)
        try:
            await begun
        except BaseException:
            reader.cancel()
            raise
        return self._relay(queue, reader)

    async def _read(
        self,
        model: Model,
        body: dict[str, Any],
        queue: asyncio.Queue[bytes | None],
        begun: asyncio.Future[None],
    ) -> None:
        try:
            async with aclosing(model.source.stream(body)) as batches:
                async for chunks in batches:
                    if not begun.done():
                        begun.set_result(None)
                    if chunks:
                        await queue.put(b"".join(map(_line, chunks)))
            if not begun.done():
                begun.set_result(None)
            await queue.put(b"data: [DONE]\n\n")
        except ProviderFailed as failure:
            if begun.done():
                await queue.put(_error(failure.text))
            else:
                begun.set_exception(refusal(failure))
        except asyncio.CancelledError:
            if not begun.done():
                begun.set_exception(Problem(503, CLOSING))
            # The reader may be gone, and the queue full; then there is nobody to tell.
            with suppress(asyncio.QueueFull):
                queue.put_nowait(_error(CLOSING))
        finally:
            with suppress(asyncio.QueueFull):
                queue.put_nowait(None)

    async def _relay(
        self, queue: asyncio.Queue[bytes | None], reader: asyncio.Task[None]
    ) -> AsyncIterator[bytes]:
        try:
            while not (reader.done() and queue.empty()):
                piece = await queue.get()
                if piece is None:
                    return
                yield piece
        finally:
            reader.cancel()


async def whole(model: Model, body: dict[str, Any]) -> dict[str, Any]:
    """Return one `chat.completion` body. Raises `Problem`."""
    try:
        answer = await model.source.complete(body)
    except ProviderFailed as failure:
        raise refusal(failure) from None
    return {"created": int(time.time()), **answer}


def refusal(failure: ProviderFailed) -> Problem:
    """Say a provider's failure as an answer to a request: its own 4xx, else 502."""
    status = failure.status if failure.status in {400, 404, 413, 422, 429} else 502
    return Problem(status, failure.text)


def _line(chunk: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def _error(text: str) -> bytes:
    return _line({"error": {"message": text}})
