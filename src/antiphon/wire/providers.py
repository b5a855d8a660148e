"""The administrator's provider settings, as in 0.12.4. Keys are those of the original, so they are in
capitals.
"""

from __future__ import annotations

from pydantic import Field

from .base import JsonObject, WireModel


class OpenAIConfig(WireModel):
    """GET /openai/config and POST /openai/config/update. Addresses and keys go by place in their lists.

    OPENAI_API_CONFIGS holds one object per place, keyed by the place as text ("0", "1" …).
    """

    ENABLE_OPENAI_API: bool | None = None
    OPENAI_API_BASE_URLS: list[str]
    OPENAI_API_KEYS: list[str]
    OPENAI_API_CONFIGS: dict[str, JsonObject] = Field(default_factory=dict)


class OllamaConfig(WireModel):
    """GET /ollama/config and POST /ollama/config/update."""

    ENABLE_OLLAMA_API: bool | None = None
    OLLAMA_BASE_URLS: list[str]
    OLLAMA_API_CONFIGS: dict[str, JsonObject] = Field(default_factory=dict)


class ConnectionForm(WireModel):
    """Body of POST /openai/verify and /ollama/verify: try a provider before it is kept."""

    url: str
    key: str | None = None
    config: JsonObject | None = None
