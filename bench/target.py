"""What is measured: an Antiphon or an Open WebUI, already running or started here in a fresh data folder."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from bench import processes
from bench.failure import BenchError

ROOT = Path(__file__).resolve().parent.parent
PROBE_EVERY = 0.005  # seconds between two looks at /health: the resolution of the start time
START_LIMIT = 120.0
SHOWN_LOG = 2000
# Settings of this machine that would make two runs differ: a started server sees none of them.
FOREIGN = (
    *("ANTIPHON_", "OPENAI_", "OLLAMA_", "WEBUI_", "WEBSOCKET_", "ENABLE_"),
    *("DATABASE_URL", "DATA_DIR", "DEFAULT_USER_ROLE", "REDIS_URL"),
)


class Kind(StrEnum):
    """The two servers this bench can start and knows the pages of."""

    ANTIPHON = "antiphon"
    OPEN_WEBUI = "open-webui"


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a server from the environment `venv`; None means this interpreter (Antiphon only)."""

    kind: Kind
    venv: Path | None = None
    alone: bool = False  # Antiphon's server without its page

    def command(self, port: int, data: Path) -> list[str]:
        """The command line."""
        if self.kind is Kind.ANTIPHON:
            python = self.venv / "bin" / "python" if self.venv else Path(sys.executable)
            mode, last = (["serve"], []) if self.alone else ([], ["--no-open"])
            return [
                *(str(python), "-m", "antiphon", *mode, "--host", "127.0.0.1", "--port", str(port)),
                *("--data-dir", str(data), *last),
            ]
        if self.venv is None:
            raise BenchError("an Open WebUI is started from its own environment: give its folder with --venv")
        return [str(self.venv / "bin" / "open-webui"), "serve", "--host", "127.0.0.1", "--port", str(port)]

    def environment(self, data: Path, provider_url: str) -> dict[str, str]:
        """The variables: no network, models from the bench's provider, channels on, sign-up open."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        env |= {
            "OPENAI_API_BASE_URLS": f"{provider_url}/v1",
            "OPENAI_API_KEYS": "bench",
            "ENABLE_SIGNUP": "true",
            "DEFAULT_USER_ROLE": "user",
        }
        if self.kind is Kind.OPEN_WEBUI:
            env |= {
                "DATA_DIR": str(data),
                "OPENAI_API_BASE_URL": f"{provider_url}/v1",
                "OPENAI_API_KEY": "bench",
                "ENABLE_OPENAI_API": "true",
                "ENABLE_OLLAMA_API": "false",
                "WEBUI_SECRET_KEY": "bench-only-key-for-a-throw-away-folder",
                "HF_HUB_OFFLINE": "1",
                "OFFLINE_MODE": "true",
                "RAG_EMBEDDING_ENGINE": "openai",
                "BYPASS_EMBEDDING_AND_RETRIEVAL": "true",
                "BYPASS_MODEL_ACCESS_CONTROL": "true",
                "ENABLE_CHANNELS": "true",
                "ENABLE_VERSION_UPDATE_CHECK": "false",
                "ANONYMIZED_TELEMETRY": "false",
                "DO_NOT_TRACK": "true",
                "SCARF_NO_ANALYTICS": "true",
                "CORS_ALLOW_ORIGIN": "*",
            }
        return env


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers. `pid` is None when it was given by URL and its process could not be found."""

    url: str
    kind: Kind
    version: str
    pid: int | None
    started_in: float | None = None

    @property
    def old_dialect(self) -> bool:
        """An Open WebUI 0.6: the page makes the chat before it asks."""
        return self.kind is Kind.OPEN_WEBUI and self.version.startswith("0.6.")


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_loopback(url: str) -> None:
    """Refuse any address that is not this machine's own: the bench is a load, and a load needs consent."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise BenchError(f"{url!r} is no http:// address")
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 80, proto=socket.IPPROTO_TCP)
    except OSError as error:
        raise BenchError(f"{parts.hostname} is not known: {error}") from None
    if not all(ipaddress.ip_address(address[4][0]).is_loopback for address in found):
        raise BenchError(
            f"{parts.hostname} is not on the loopback interface; the bench loads this machine only"
        )


async def identify(url: str) -> tuple[Kind, str]:
    """Which server answers here, and its version as people name it."""
    timeout = aiohttp.ClientTimeout(total=10)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(f"{url}/api/version") as response:
            body = await response.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise BenchError(f"nothing that speaks the protocol answers at {url}: {error}") from None
    if isinstance(body, dict) and "antiphon" in body:
        return Kind.ANTIPHON, str(body["antiphon"])
    return Kind.OPEN_WEBUI, str(body.get("version", "?"))


async def attach(url: str) -> Server:
    """A server that is running already."""
    require_loopback(url)
    url = url.rstrip("/")
    kind, version = await identify(url)
    return Server(url, kind, version, processes.listener(urlsplit(url).port or 80))


@asynccontextmanager
async def started(launch: Launch, data: Path, provider_url: str) -> AsyncIterator[Server]:
    """Start a server over `data`; it is ended with all its processes when the block ends."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    await asyncio.to_thread(data.mkdir, parents=True, exist_ok=True)
    log = data / "bench-server.log"
    with log.open("ab") as sink:
        begun = time.monotonic()
        process = await asyncio.to_thread(
            subprocess.Popen,
            launch.command(port, data),
            cwd=ROOT if launch.kind is Kind.ANTIPHON else data,
            env=launch.environment(data, provider_url),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        )
    try:
        took = await _first_answer(process, port, begun, log)
        kind, version = await identify(url)
        yield Server(url, kind, version, process.pid, took)
    finally:
        await processes.end(process.pid)
        await asyncio.to_thread(process.wait)


async def _first_answer(process: subprocess.Popen[bytes], port: int, begun: float, log: Path) -> float:
    """Seconds from the start of the process to the first 200 on `/health`."""
    while time.monotonic() - begun < START_LIMIT:
        if process.poll() is not None:
            raise BenchError(f"the server ended with {process.returncode} before it answered:\n{_tail(log)}")
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(PROBE_EVERY)
            continue
        try:
            writer.write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            status = await asyncio.wait_for(reader.readline(), START_LIMIT)
            if b" 200 " in status:
                return time.monotonic() - begun
        except OSError:
            pass  # not yet: the next look tells
        finally:
            writer.close()
        await asyncio.sleep(PROBE_EVERY)
    raise BenchError(f"no 200 on /health within {START_LIMIT:.0f} s:\n{_tail(log)}")


def _tail(log: Path) -> str:
    text = log.read_text(errors="replace")[-SHOWN_LOG:]
    return re.sub(r"\x1b\[[0-9;]*m", "", text).strip()
