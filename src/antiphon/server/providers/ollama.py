"""What is Ollama's own: its list of models and its version. Its answers come through its `/v1`."""

from __future__ import annotations

from typing import Any

import aiohttp

from antiphon.server.providers import failures
from antiphon.server.providers.openai import OpenAIEndpoint


async def ollama_models(
    session: aiohttp.ClientSession, address: str, key: str, seconds: float
) -> list[dict[str, Any]]:
    """Return the rows of `GET /api/tags`, each with `model`. Raises `ProviderFailed`."""
    body = await OpenAIEndpoint(session, address, key).fetch("/api/tags", seconds)
    rows = body.get("models") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise failures.not_a_provider(failures.public_address(address), str(body))
    return [
        {**row, "model": row.get("model") or row["name"]}
        for row in rows
        if isinstance(row, dict) and isinstance(row.get("model") or row.get("name"), str)
    ]


async def ollama_version(
    session: aiohttp.ClientSession, address: str, key: str, seconds: float
) -> dict[str, Any]:
    """Return `{version}`. Raises `ProviderFailed`."""
    body = await OpenAIEndpoint(session, address, key).fetch("/api/version", seconds)
    if not isinstance(body, dict) or "version" not in body:
        raise failures.not_a_provider(failures.public_address(address), str(body))
    return body
