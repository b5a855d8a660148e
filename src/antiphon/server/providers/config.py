"""The provider settings: what the environment says first; what an administrator has set since wins."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select

from antiphon.server.providers.failures import short
from antiphon.server.settings import ServerSettings
from antiphon.server.storage.database import Database
from antiphon.server.storage.tables.chats import provider_settings

OPENAI, OLLAMA = "openai", "ollama"
OLLAMA_DEFAULT = "http://127.0.0.1:11434"


class BadProviderConfig(ValueError):
    """A setting that cannot be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One address of a provider, as an administrator has set it."""

    index: int
    address: str
    key: str = ""
    enabled: bool = True
    prefix: str = ""
    model_ids: tuple[str, ...] = ()
    tags: tuple[Any, ...] = ()
    kind: str = "external"
    quiet: bool = False
    """Nobody named this address: it is only looked whether something answers there, and not for long."""


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """All provider settings."""

    openai_enabled: bool = True
    openai: tuple[Connection, ...] = ()
    openai_configs: dict[str, Any] = field(default_factory=dict)
    ollama_enabled: bool = True
    ollama: tuple[Connection, ...] = ()
    ollama_configs: dict[str, Any] = field(default_factory=dict)

    def openai_document(self) -> dict[str, Any]:
        """Return the settings in the shape of `GET /openai/config`."""
        return {
            "ENABLE_OPENAI_API": self.openai_enabled,
            "OPENAI_API_BASE_URLS": [connection.address for connection in self.openai],
            "OPENAI_API_KEYS": [connection.key for connection in self.openai],
            "OPENAI_API_CONFIGS": self.openai_configs,
        }

    def ollama_document(self) -> dict[str, Any]:
        """Return the settings in the shape of `GET /ollama/config`."""
        return {
            "ENABLE_OLLAMA_API": self.ollama_enabled,
            "OLLAMA_BASE_URLS": [connection.address for connection in self.ollama],
            "OLLAMA_API_CONFIGS": self.ollama_configs,
        }


def from_documents(
    openai: dict[str, Any], ollama: dict[str, Any], *, quiet_ollama: bool = False
) -> ProviderConfig:
    """Put the two documents together. Raises `BadProviderConfig`."""
    addresses = [checked_address(url) for url in _texts(openai, "OPENAI_API_BASE_URLS")]
    keys = _texts(openai, "OPENAI_API_KEYS")
    keys = [*keys, *[""] * len(addresses)][: len(addresses)]
    openai_configs = _configs(openai, "OPENAI_API_CONFIGS", len(addresses))
    ollama_addresses = [checked_address(url) for url in _texts(ollama, "OLLAMA_BASE_URLS")]
    ollama_configs = _configs(ollama, "OLLAMA_API_CONFIGS", len(ollama_addresses))
    return ProviderConfig(
        openai_enabled=_switch(openai, "ENABLE_OPENAI_API"),
        openai=tuple(
            _connection(n, address, key, openai_configs.get(str(n), {}), "external")
            for n, (address, key) in enumerate(zip(addresses, keys, strict=True))
        ),
        openai_configs=openai_configs,
        ollama_enabled=_switch(ollama, "ENABLE_OLLAMA_API"),
        ollama=tuple(
            _connection(
                n,
                address,
                ollama_configs.get(str(n), {}).get("key") or "",
                ollama_configs.get(str(n), {}),
                "local",
                quiet=quiet_ollama,
            )
            for n, address in enumerate(ollama_addresses)
        ),
        ollama_configs=ollama_configs,
    )


def checked_address(value: str) -> str:
    """Return an http address without a slash at its end. Raises `BadProviderConfig`."""
    address = value.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole or any(character.isspace() for character in address):
        raise BadProviderConfig(
            f"{short(value, 100)!r} is no address of a provider. It looks like https://api.example.com/v1 or http://host:port/v1."
        )
    return address


async def load(database: Database, settings: ServerSettings) -> ProviderConfig:
    """Return what is stored, and for what was never stored what the environment says."""
    async with database.read() as connection:
        rows = (await connection.execute(select(provider_settings.c.kind, provider_settings.c.value))).all()
    stored: dict[str, dict[str, Any]] = {row.kind: row.value for row in rows}
    openai = stored.get(OPENAI) or {
        "OPENAI_API_BASE_URLS": list(settings.openai_api_base_urls),
        "OPENAI_API_KEYS": list(settings.openai_api_keys),
    }
    if not openai["OPENAI_API_BASE_URLS"] and OPENAI not in stored and any(settings.openai_api_keys):
        openai["OPENAI_API_BASE_URLS"] = ["https://api.openai.com/v1"]  # a key alone has always meant this
    ollama = stored.get(OLLAMA) or {"OLLAMA_BASE_URLS": [settings.ollama_base_url or OLLAMA_DEFAULT]}
    quiet = OLLAMA not in stored and settings.ollama_base_url is None
    return from_documents(openai, ollama, quiet_ollama=quiet)


async def store(database: Database, kind: str, document: dict[str, Any]) -> None:
    """Keep one of the two documents."""
    insert = database.insert(provider_settings).values(kind=kind, value=document, updated_at=int(time.time()))
    update = insert.on_conflict_do_update(
        index_elements=["kind"],
        set_={"value": insert.excluded.value, "updated_at": insert.excluded.updated_at},
    )
    async with database.write() as connection:
        await connection.execute(update)


def _connection(
    index: int, address: str, key: str, config: dict[str, Any], kind: str, *, quiet: bool = False
) -> Connection:
    models = config.get("model_ids")
    tags = config.get("tags")
    return Connection(
        index=index,
        address=address,
        key=key,
        enabled=config.get("enable", True) is not False,
        prefix=str(config.get("prefix_id") or ""),
        model_ids=tuple(name for name in models if isinstance(name, str)) if isinstance(models, list) else (),
        tags=tuple(tags) if isinstance(tags, list) else (),
        kind=str(config.get("connection_type") or kind),
        quiet=quiet,
    )


def _texts(document: dict[str, Any], key: str) -> list[str]:
    value = document.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadProviderConfig(f"{key} takes a list of texts.")
    return list(value)


def _configs(document: dict[str, Any], key: str, count: int) -> dict[str, Any]:
    value = document.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(item, dict) for item in value.values()):
        raise BadProviderConfig(
            f'{key} takes an object with one object per address: {{"0": {{…}}, "1": {{…}}}}.'
        )
    return {place: item for place, item in value.items() if place.isdigit() and int(place) < count}


def _switch(document: dict[str, Any], key: str) -> bool:
    value = document.get(key)
    return True if value is None else bool(value)
