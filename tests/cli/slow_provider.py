"""A model provider on loopback that begins every answer and ends none."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Self

from aiohttp import web

FIRST_WORDS = "Once upon a time"


class SlowProvider:
    """An OpenAI-compatible endpoint; entering starts it, leaving ends every answer."""

    def __init__(self) -> None:
        self.answering = 0
        self._changed = asyncio.Condition()
        self._over = asyncio.Event()
        application = web.Application()
        application.router.add_get("/v1/models", self._models)
        application.router.add_post("/v1/chat/completions", self._completions)
        self._runner = web.AppRunner(application, shutdown_timeout=1)
        self.url = ""

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        await self._runner.cleanup()

    async def wait_until_answering(self, count: int) -> None:
        """Wait until so many answers have begun and not ended."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.answering >= count)

    async def _models(self, _request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "slow", "object": "model"}]})

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        chunk = {"id": "1", "object": "chat.completion.chunk", "model": "slow"}
        choice = {"index": 0, "delta": {"role": "assistant", "content": FIRST_WORDS}, "finish_reason": None}
        await response.write(f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n".encode())
        await self._count(1)
        try:
            await self._over.wait()
        finally:
            self.answering -= 1
        return response

    async def _count(self, change: int) -> None:
        async with self._changed:
            self.answering += change
            self._changed.notify_all()
