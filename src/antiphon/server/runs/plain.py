"""Completions for programs: a plain OpenAI-style stream or body, without a turn and without events."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from antiphon.server.errors import Problem
from antiphon.server.providers.failures import ProviderFailed
from antiphon.server.providers.source import Model

logger = logging.getLogger("antiphon.server.runs")

AHEAD = 64
"""Batches that are read ahead of a slow reader before the provider is made to wait."""
OUR_FAULT = "The answer broke off because of a fault in this server; its log says more."
CLOSING = "The server is going down. Ask again in a moment."


class PlainStreams:
    """The streams that programs are reading, so that they can be told when the server ends."""

    def __init__(self) -> None:
        self._readers: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """End every stream with an error that says why."""
        for reader in self._readers:
            reader.cancel()

    async def stream(self, model: Model, body: dict[str, Any]) -> Response:
        """Answer with a stream of server-sent events. Raises `Problem` if the provider fails before its
        first.
        """
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(AHEAD)
        begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        reader = asyncio.create_task(self._read(model, body, queue, begun), name="plain stream")
        self._readers.add(reader)
        reader.add_done_callback(self._readers.discard)
        try:
            await begun
        except BaseException:  # also when cancelled: what was opened is closed, and the cause goes on
            reader.cancel()
            raise
        return _Relayed(self._relay(queue, reader), reader)

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
        except Exception:  # a fault of ours must not leave the reader waiting for ever
            logger.exception("a plain stream failed")
            if begun.done():
                await queue.put(_error(OUR_FAULT))
            else:
                begun.set_exception(Problem(500, OUR_FAULT))
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
        while not (reader.done() and queue.empty()):
            piece = await queue.get()
            if piece is None:
                return
            yield piece


class _Relayed(StreamingResponse):
    """A stream whose reader ends with it, also when whoever asked was gone before its first byte."""

    def __init__(self, pieces: AsyncIterator[bytes], reader: asyncio.Task[None]) -> None:
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(pieces, media_type="text/event-stream", headers=headers)
        self._reader = reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is read, then end the reading."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._reader.cancel()


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
