"""The administrator's provider settings."""

from __future__ import annotations

from typing import Any, cast

from antiphon.client.rest.http import Http
from antiphon.wire import ConnectionForm, OllamaConfig, OpenAIConfig


class Providers:
    """`/openai` and `/ollama`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def openai(self) -> OpenAIConfig:
        """Fetch the OpenAI-compatible providers."""
        return cast("OpenAIConfig", await self._http.get("/openai/config", OpenAIConfig))

    async def update_openai(self, config: OpenAIConfig) -> OpenAIConfig:
        """Replace the OpenAI-compatible providers."""
        return cast("OpenAIConfig", await self._http.post("/openai/config/update", OpenAIConfig, config))

    async def verify_openai(self, form: ConnectionForm) -> Any:
        """Try a provider's address and key; the answer is the provider's model list."""
        return await self._http.post("/openai/verify", object, form)

    async def ollama(self) -> OllamaConfig:
        """Fetch the Ollama servers."""
        return cast("OllamaConfig", await self._http.get("/ollama/config", OllamaConfig))

    async def update_ollama(self, config: OllamaConfig) -> OllamaConfig:
        """Replace the Ollama servers."""
        return cast("OllamaConfig", await self._http.post("/ollama/config/update", OllamaConfig, config))

    async def verify_ollama(self, form: ConnectionForm) -> Any:
        """Try an Ollama server's address."""
        return await self._http.post("/ollama/verify", object, form)
