"""The models that a person may choose: GET /api/models. Times in unix seconds."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from .base import AliasedModel, JsonObject, Number, WireModel


class ModelInfo(AliasedModel):
    """One model; `name` is what a person sees. `owned_by` tells the kind of provider (openai, ollama, arena
    …).
    """

    id: str
    name: str | None = None
    object: str | None = None
    created: Number | None = None
    owned_by: str | None = None
    connection_type: str | None = None
    openai: JsonObject | None = None
    ollama: JsonObject | None = None
    info: JsonObject | None = None
    url_idx: int | None = Field(default=None, alias="urlIdx")
    actions: list[Any] | None = None
    filters: list[Any] | None = None
    tags: list[Any] | None = None
    direct: bool | None = None
    arena: bool | None = None

    @property
    def title(self) -> str:
        """The name to show."""
        return self.name or self.id


class ModelList(WireModel):
    """Answer of GET /api/models and of a provider's GET /models."""

    data: list[ModelInfo]
