"""A real provider on a free port, OpenAI-compatible, whose models do what their names say, good and bad."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

WORDS = [f"word{n} " for n in range(20)]
USAGE = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
MODELS = (
    "words", "held", "reasoning", "think", "tool", "whole", "silent", "mute", "comments",
    "http-401", "http-404", "http-429", "http-500", "html", "plain-error", "half", "early", "garbage",
    "mid-error", "reset", "no-done", "no-finish", "bad-title", "broken-text", "deep",
)  # fmt: skip


class Provider:
    """One provider. `gate` holds back the end of the answers of `held`, `silent` and `mute`."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.address = ""
        self.key: str | None = None

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The requests that were no background tasks."""
        return [body for body in self.requests if not _task(body)]

    async def models(self, request: web.Request) -> web.Response:
        """List the models, for whoever has the key."""
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": {"message": "Incorrect API key provided"}}, status=401)
        rows = [{"id": name, "object": "model", "created": 1, "owned_by": "mock"} for name in MODELS]
        return web.json_response({"object": "list", "data": rows})

    async def completions(self, request: web.Request) -> web.StreamResponse:
        """Answer, or do what the model's name says."""
        body = await request.json()
        self.requests.append(body)
        self.keys.append(request.headers.get("Authorization"))
        model = body["model"]
        if reply := _task(body):
            return web.json_response(_whole(model, "no JSON at all" if model == "bad-title" else reply))
        if model.startswith("http-"):
            status = int(model[5:])
            if status == 500:
                return web.Response(
                    status=500, text="<!doctype html><h1>Internal Server Error</h1>", content_type="text/html"
                )
            return web.json_response(
                {"error": {"message": f"the provider's own words {status}"}}, status=status
            )
        if model == "html":
            return web.Response(text="<!DOCTYPE html><title>Welcome</title>", content_type="text/html")
        if model == "plain-error":
            return web.json_response({"error": {"message": "out of order"}})
        if model == "whole" or not body.get("stream"):
            return web.json_response(_whole(model, "".join(WORDS)))
        return await self._stream(request, model)

    async def _stream(self, request: web.Request, model: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)

        async def send(delta: dict[str, Any], finish: str | None = None, **more: Any) -> None:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
            await response.write(
                b"data: " + json.dumps({**chunk, "choices": [choice], **more}).encode() + b"\n\n"
            )

        if model == "silent":
            await self.gate.wait()
            return response
        if model == "comments":
            await response.write(b": still waiting\n\n")
            await self.gate.wait()
        await send({"role": "assistant", "content": ""})
        if model == "reasoning":
            await send({"reasoning_content": "Let me "})
            await send({"reasoning_content": "see."})
        if model == "think":
            for piece in ("<th", "ink>Let me ", "see.</thi", "nk>\n\n", "word0 "):
                await send({"content": piece})
        if model == "tool":
            call = {"index": 0, "id": "call_1", "function": {"name": "get_time", "arguments": '{"zo'}}
            await send({"tool_calls": [call]})
            await send({"tool_calls": [{"index": 0, "function": {"arguments": 'ne": 1}'}}]})
            await send({}, "tool_calls", usage=USAGE)
            await response.write(b"data: [DONE]\n\n")
            return response
        words = (
            WORDS[:5]
            if model in {"held", "mute", "half", "early", "garbage", "mid-error", "reset"}
            else WORDS
        )
        if model == "broken-text":
            await send({"content": "half \ud83d and NUL \0 "})
        if model == "deep":
            await response.write(b"data: " + b"[" * 100_000 + b"\n\n")
            return response
        for word in words if model != "think" else ():
            await send({"content": word})
        match model:
            case "held":
                await self.gate.wait()
                for word in WORDS[5:]:
                    await send({"content": word})
            case "mute":
                await self.gate.wait()
                return response
            case "half":
                await response.write(b'data: {"id": "chatcmpl-1", "choices": [{"ind')
                return response
            case "early":
                return response
            case "garbage":
                await response.write(b"data: this is no JSON\n\n")
                return response
            case "mid-error":
                await response.write(b'data: {"error": {"message": "failed in mid-stream", "code": 500}}\n\n')
                return response
            case "reset":
                assert request.transport is not None
                request.transport.abort()
                return response
        if model != "no-finish":
            await send({}, "stop", usage=USAGE)
        if model != "no-done":
            await response.write(b"data: [DONE]\n\n")
        return response


@asynccontextmanager
async def providing(*, ollama: bool = False) -> AsyncIterator[Provider]:
    """Run a provider; with `ollama` one that speaks as Ollama does."""
    provider = Provider()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", provider.completions)
    if ollama:
        app.router.add_get("/api/tags", _ollama_tags)
        app.router.add_get("/api/version", _ollama_version)
    else:
        app.router.add_get("/v1/models", provider.models)
        app.router.add_get("/", _welcome)
        app.router.add_get("/models", _welcome)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    provider.address = f"http://{host}:{port}" if ollama else f"http://{host}:{port}/v1"
    try:
        yield provider
    finally:
        provider.gate.set()
        await runner.cleanup()


async def _welcome(_request: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><title>Welcome</title>", content_type="text/html")


async def _ollama_tags(_request: web.Request) -> web.Response:
    return web.json_response({"models": [{"name": "words", "model": "words", "size": 1}]})


async def _ollama_version(_request: web.Request) -> web.Response:
    return web.json_response({"version": "0.0.1"})


def _whole(model: str, text: str) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [choice],
        "usage": USAGE,
    }


def _task(body: dict[str, Any]) -> str | None:
    prompt = "\n".join(str(message.get("content")) for message in body["messages"])
    if "### Task:" not in prompt:
        return None
    if "follow_ups" in prompt:
        return json.dumps({"follow_ups": ["What next?", "Why is that?", "Show an example"]})
    if '"tags"' in prompt:
        return "Here you are: " + json.dumps({"tags": ["Testing", "Two words"]})
    return json.dumps({"title": "The model's title"})
