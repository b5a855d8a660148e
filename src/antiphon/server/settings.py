"""What the server is told at its start, by argument, by `ANTIPHON_…` or by the names that Open WebUI uses."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from antiphon.server.storage.address import TAKEN, canonical, shown

_SPANS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class SettingError(Exception):
    """A setting that cannot be used; its text is one line that names the variable and says what it takes."""


def _names(own: str, *original: str) -> AliasChoices:
    """The variables of a setting: our name and the original ones with our prefix, then those as they are."""
    prefixed = dict.fromkeys(f"ANTIPHON_{name}" for name in (own, *original))
    return AliasChoices(*prefixed, *original)


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _list(value: object) -> object:
    return tuple(part.strip() for part in value.split(";")) if isinstance(value, str) else value


def _addresses(value: tuple[str, ...]) -> tuple[str, ...]:
    kept = tuple(address.rstrip("/") for address in value if address)
    for address in kept:
        _address(address)
    return kept


def _address(value: str | None) -> str | None:
    if value and not re.match(r"https?://[^/\s]+", value):
        raise ValueError("no http address")
    return value.rstrip("/") if value else None


def _span(value: object) -> object:
    """Seconds from `4w`, `12h`, `-1` (no end) or a number."""
    if isinstance(value, str):
        match = re.fullmatch(r"(\d+)([smhdw])", value.strip())
        if match:
            return int(match[1]) * _SPANS[match[2]]
        if value.strip() in {"-1", "0", ""}:
            return None
    return value


def _database(value: str | None) -> str | None:
    return canonical(value) if value else None


class ServerSettings(BaseSettings):
    """The server's settings; a value that cannot be used raises `SettingError`.

    Each field is read from `ANTIPHON_<FIELD>` or, where Open WebUI has a name for the same thing, from that.
    """

    model_config = SettingsConfigDict(
        extra="ignore", populate_by_name=True, env_ignore_empty=True, frozen=True
    )

    data_dir: Path = Field(
        default=Path("~/.local/share/antiphon"),
        validation_alias=_names("DATA_DIR"),
        description="a folder",
    )
    database_url: Annotated[str | None, AfterValidator(_database)] = Field(
        default=None,
        validation_alias=_names("DATABASE_URL", "DATABASE_URL"),
        description=TAKEN,
    )
    secret_key: str | None = Field(
        default=None,
        min_length=16,
        validation_alias=_names("SECRET_KEY", "WEBUI_SECRET_KEY"),
        description="a text of 16 characters or more",
    )
    name: str = Field(
        default="Antiphon",
        min_length=1,
        validation_alias=_names("NAME", "WEBUI_NAME"),
        description="a text",
    )
    enable_signup: bool = Field(
        default=True,
        validation_alias=_names("ENABLE_SIGNUP", "ENABLE_SIGNUP"),
        description="true or false",
    )
    default_user_role: Literal["user", "pending", "admin"] = Field(
        default="user",
        validation_alias=_names("DEFAULT_USER_ROLE", "DEFAULT_USER_ROLE"),
        description="user, pending or admin",
    )
    enable_api_keys: bool = Field(
        default=False,
        validation_alias=_names("ENABLE_API_KEYS", "ENABLE_API_KEYS", "ENABLE_API_KEY"),
        description="true or false",
    )
    websocket_heartbeat_interval: int | None = Field(
        default=None,
        ge=5,
        le=90,
        validation_alias=_names("WEBSOCKET_HEARTBEAT_INTERVAL", "WEBSOCKET_HEARTBEAT_INTERVAL"),
        description="whole seconds from 5 to 90",
    )
    websocket_ping_interval: int = Field(
        default=25,
        ge=1,
        le=300,
        validation_alias=_names("WEBSOCKET_PING_INTERVAL", "WEBSOCKET_SERVER_PING_INTERVAL"),
        description="whole seconds from 1 to 300",
    )
    websocket_ping_timeout: int = Field(
        default=20,
        ge=1,
        le=300,
        validation_alias=_names("WEBSOCKET_PING_TIMEOUT", "WEBSOCKET_SERVER_PING_TIMEOUT"),
        description="whole seconds from 1 to 300",
    )
    token_lifetime: Annotated[int | None, BeforeValidator(_span)] = Field(
        default=4 * _SPANS["w"],
        ge=60,
        validation_alias=_names("TOKEN_LIFETIME", "JWT_EXPIRES_IN"),
        description="a time like 12h, 7d or 4w of at least a minute, or -1 for no end",
    )
    dialect: Literal["0.12", "0.6"] = Field(
        default="0.12",
        validation_alias=_names("DIALECT"),
        description="0.12 or 0.6",
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = Field(
        default="warning",
        validation_alias=_names("LOG_LEVEL"),
        description="debug, info, warning or error",
    )
    log_format: Annotated[Literal["text", "json"], BeforeValidator(_lower)] = Field(
        default="text",
        validation_alias=_names("LOG_FORMAT"),
        description="text or json",
    )
    max_file_size: int = Field(
        default=25,
        ge=1,
        le=2_048,
        validation_alias=_names("MAX_FILE_SIZE", "RAG_FILE_MAX_SIZE"),
        description="whole MiB from 1 to 2048",
    )
    files_per_person: int = Field(
        default=1_024,
        ge=1,
        validation_alias=_names("FILES_PER_PERSON"),
        description="whole MiB from 1",
    )
    openai_api_base_urls: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(_list), AfterValidator(_addresses)
    ] = Field(
        default=(),
        validation_alias=_names("OPENAI_API_BASE_URLS", "OPENAI_API_BASE_URLS", "OPENAI_API_BASE_URL"),
        description="http addresses, separated by ;",
    )
    openai_api_keys: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_list)] = Field(
        default=(),
        validation_alias=_names("OPENAI_API_KEYS", "OPENAI_API_KEYS", "OPENAI_API_KEY"),
        description="keys in the order of the addresses, separated by ;",
    )
    ollama_base_url: Annotated[str | None, AfterValidator(_address)] = Field(
        default=None,
        validation_alias=_names("OLLAMA_BASE_URL", "OLLAMA_BASE_URL"),
        description="an http address",
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingError(_in_one_line(error)) from None

    @property
    def folder(self) -> Path:
        """The data folder, with `~` resolved."""
        return self.data_dir.expanduser()

    @property
    def database_address(self) -> str:
        """Where the data is: `database_url`, else a file in the data folder."""
        return self.database_url or f"sqlite:///{self.folder / 'antiphon.db'}"


def _in_one_line(error: ValidationError) -> str:
    """Name the variable as it was given, and what it takes."""
    first = error.errors()[0]
    given = str(first["loc"][0]) if first["loc"] else ""
    for name, field in ServerSettings.model_fields.items():
        alias = field.validation_alias
        choices = [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else []
        if given == name or given in choices:
            variable = next((choice for choice in choices if choice in os.environ), given)
            typed = os.environ.get(variable, first["input"])
            if name == "database_url":
                typed = shown(str(typed))
            value = "" if name in {"secret_key", "openai_api_keys"} else f"{typed!r} "
            return f"{variable}: {value}cannot be used; it takes {field.description}."
    return f"{given}: {first['msg']}."
