"""What may be set about providers and runs at the start, beside the addresses and keys. Times are seconds."""

from __future__ import annotations

from typing import Any

from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from antiphon.server.settings import SettingError


class ProviderSettings(BaseSettings):
    """Read from `ANTIPHON_<FIELD>`; a value that cannot be used raises `SettingError`."""

    model_config = SettingsConfigDict(
        env_prefix="ANTIPHON_", extra="ignore", env_ignore_empty=True, frozen=True, populate_by_name=True
    )

    provider_connect_timeout: float = Field(default=10, gt=0, description="seconds above 0")
    provider_first_timeout: float = Field(default=300, gt=0, description="seconds above 0")
    """To the first sign of an answer: a local model may have to be loaded from disk."""
    provider_idle_timeout: float = Field(default=120, gt=0, description="seconds above 0")
    provider_total_timeout: float = Field(default=3600, gt=0, description="seconds above 0")
    background_timeout: float = Field(default=30, gt=0, description="seconds above 0")
    """For title, tags and follow-up questions together."""
    model_list_timeout: float = Field(
        default=5,
        gt=0,
        validation_alias=AliasChoices("ANTIPHON_MODEL_LIST_TIMEOUT", "AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST"),
        description="seconds above 0",
    )
    ollama_probe_timeout: float = Field(default=0.5, gt=0, description="seconds above 0")
    """How quickly an Ollama that nobody has named must answer on its default port to be taken in."""
    runs_at_once: int = Field(default=128, ge=1, description="a whole number above 0")
    """Answers that are worked on side by side; further ones wait in line."""
    eliza_delay: float = Field(default=0.04, ge=0, description="seconds, 0 or more")
    """Between two words of Eliza's."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]) if first["loc"] else ""
            field = type(self).model_fields.get(name)
            shown = name if name.isupper() else f"ANTIPHON_{name.upper()}"
            takes = field.description if field else "seconds above 0"
            raise SettingError(f"{shown}: {first['input']!r} cannot be used; it takes {takes}.") from None
