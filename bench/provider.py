"""A provider of language models for measurements: OpenAI-compatible, over real HTTP, as fast as it can write.

The model `bench-200` answers with 200 tokens, `bench-20` with 20. Every chunk is encoded before the first
request, and each token is a write of its own, as with a real provider; between two tokens other answers get
their turn. Run as `python -m bench.provider --port 0`; the first line of output is the address.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from bench.failure import BenchError
from bench.swarm import ROOT

MODEL = re.compile(r"bench-(\d{1,5})$")
ADVERTISED = (20, 200, 2000)
READ_LIMIT = 1 << 22


def words(tokens: int) -> list[str]:
    """The tokens of an answer: short words, now and then a new paragraph."""
    return [f"word{n}" + ("\n\n" if n % 40 == 39 else " ") for n in range(tokens)]


def text(tokens: int) -> str:
    """The whole answer of the model `bench-{tokens}`."""
    return "".join(words(tokens))


def _frame(data: bytes) -> bytes:
    """One server-sent event as one HTTP chunk."""
    event = b"data: " + data + b"\n\n"
    return f"{len(event):x}\r\n".encode() + event + b"\r\n"


def _chunk(model: str, delta: dict[str, str], finish: str | None = None, **extra: object) -> bytes:
    body = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **extra,
    }
    return _frame(json.dumps(body).encode())


def _usage(tokens: int) -> dict[str, int]:
    return {"prompt_tokens": 10, "completion_tokens": tokens, "total_tokens": 10 + tokens}


@cache
def chunks(tokens: int) -> tuple[bytes, ...]:
    """A streamed answer, ready to be written piece by piece."""
    model = f"bench-{tokens}"
    return (
        _chunk(model, {"role": "assistant", "content": ""}),
        *(_chunk(model, {"content": word}) for word in words(tokens)),
        _chunk(model, {}, "stop", usage=_usage(tokens)),
        _frame(b"[DONE]") + b"0\r\n\r\n",
    )


def whole(tokens: int) -> bytes:
    """An answer that is not streamed."""
    message = {"role": "assistant", "content": text(tokens)}
    return json.dumps(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1,
            "model": f"bench-{tokens}",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": _usage(tokens),
        }
    ).encode()


def _plain(status: str, body: bytes) -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )


def _models() -> bytes:
    data = [{"id": f"bench-{n}", "object": "model", "created": 1, "owned_by": "bench"} for n in ADVERTISED]
    return _plain("200 OK", json.dumps({"object": "list", "data": data}).encode())


def _problem(status: str, message: str) -> bytes:
    return _plain(status, json.dumps({"error": {"message": message}}).encode())


async def _complete(body: bytes, writer: asyncio.StreamWriter) -> None:
    """Answer one completion request."""
    try:
        wanted = json.loads(body)
        found = MODEL.match(str(wanted["model"]))
    except (ValueError, KeyError, TypeError):
        writer.write(_problem("400 Bad Request", "the body is no completion request"))
        return
    if not found:
        writer.write(_problem("404 Not Found", f"no model {wanted['model']!r}"))
        return
    tokens = int(found[1])
    if not wanted.get("stream"):
        writer.write(_plain("200 OK", whole(tokens)))
        return
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    for chunk in chunks(tokens):
        writer.write(chunk)
        await asyncio.sleep(0)
    await writer.drain()


async def _connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Requests of one connection, one after the other, until it closes."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, path, _ = head.split(" ", 2)
            length = re.search(r"(?im)^content-length:\s*(\d+)", head)
            body = await reader.readexactly(int(length[1])) if length else b""
            if method == "POST" and path == "/v1/chat/completions":
                await _complete(body, writer)
            elif method == "GET" and path == "/v1/models":
                writer.write(_models())
            else:
                writer.write(_problem("404 Not Found", f"{method} {path} is not offered"))
            await writer.drain()
    except (asyncio.IncompleteReadError, OSError):
        pass  # the other side is done
    finally:
        writer.close()


async def serve(port: int) -> None:
    """Serve on the loopback interface until cancelled."""
    for tokens in ADVERTISED:
        chunks(tokens)
    server = await asyncio.start_server(_connection, "127.0.0.1", port, limit=READ_LIMIT)
    async with server:
        sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await server.serve_forever()


@asynccontextmanager
async def running() -> AsyncIterator[str]:
    """A provider in a process of its own for the block; gives its address."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.provider", "--port", "0"),
        cwd=ROOT,
        start_new_session=True,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the provider has no output")
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        if not line:
            raise BenchError("the provider did not start; its error is above")
        yield line.decode().strip()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def main() -> None:
    """Run the provider by hand."""
    parser = argparse.ArgumentParser(description="A fast local provider of language models for measurements.")
    parser.add_argument("--port", type=int, default=0)
    try:
        asyncio.run(serve(parser.parse_args().port))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
