"""All who can answer: the providers of the settings, Ollama where it is found, and Eliza."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import aiohttp

from antiphon.server.providers import config as configuration
from antiphon.server.providers import eliza
from antiphon.server.providers.config import OLLAMA, OPENAI, Connection, ProviderConfig
from antiphon.server.providers.eliza import ElizaSource
from antiphon.server.providers.failures import ProviderFailed
from antiphon.server.providers.ollama import ollama_models, ollama_version
from antiphon.server.providers.openai import OpenAIEndpoint
from antiphon.server.providers.sessions import Sessions
from antiphon.server.providers.settings import ProviderSettings
from antiphon.server.providers.source import Model

if TYPE_CHECKING:
    from antiphon.server.state import ServerState

FRESH = 15.0
"""Seconds for which a list of models is fresh; an older one is still shown, and fetched again meanwhile."""
RECENT = 2.0
"""Seconds within which a model that is not in the list is not looked for again."""


class Providers:
    """Owns the HTTP session to all providers, their settings and the list of their models."""

    def __init__(self, state: ServerState, settings: ProviderSettings | None = None) -> None:
        self._state = state
        self.settings = settings or ProviderSettings()
        self._sessions: Sessions | None = None
        self._config = ProviderConfig()
        self._models: dict[str, Model] = {}
        self._failures: dict[str, str] = {}
        self._fetched_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None
        eliza_source = ElizaSource(asyncio.sleep, self.settings.eliza_delay)
        self._eliza = Model(eliza.ELIZA, eliza.ELIZA, eliza_source, eliza.entry())

    async def start(self) -> None:
        """Open the session, read the settings and begin to fetch the models, without waiting for them."""
        self._sessions = Sessions(self.settings.provider_connect_timeout)
        self._config = await configuration.load(self._state.database, self._state.settings)
        self._begin_to_fetch()

    async def begin_anew(self) -> None:
        """Read the settings of a database that was replaced, and fetch the models again."""
        self._config = await configuration.load(self._state.database, self._state.settings)
        self._failures.clear()
        await self._end_fetching()
        self._begin_to_fetch()

    async def close(self) -> None:
        """End what is being fetched and close every connection."""
        await self._end_fetching()
        if self._sessions is not None:
            await self._sessions.close()

    @property
    def config(self) -> ProviderConfig:
        """The settings in force."""
        return self._config

    @property
    def failures(self) -> dict[str, str]:
        """Address → what was wrong with it when its models were last fetched."""
        return dict(self._failures)

    async def set_openai(self, document: dict[str, Any]) -> None:
        """Store and use other OpenAI addresses. Raises `BadProviderConfig` before anything changes."""
        await self._set(OPENAI, document, self._config.ollama_document())

    async def set_ollama(self, document: dict[str, Any]) -> None:
        """Store and use other Ollama addresses. Raises `BadProviderConfig` before anything changes."""
        await self._set(OLLAMA, self._config.openai_document(), document)

    async def models(self, *, refresh: bool = False) -> list[Model]:
        """Return all models, Eliza last; with `refresh` after fetching them anew."""
        if refresh or self._fetched_at == float("-inf"):
            await self._fetched()
        elif self._age() > FRESH:
            self._begin_to_fetch()
        return [*self._models.values(), self._eliza]

    async def find(self, model_id: str) -> Model | None:
        """Return a model by its id; one that is not known is looked for once more."""
        if model_id == eliza.ELIZA:
            return self._eliza
        if model_id not in self._models and self._age() > RECENT:
            await self._fetched()
        return self._models.get(model_id)

    def name_of(self, model_id: str) -> str | None:
        """Return what people call a model, if it is known now; nothing is fetched."""
        model = self._eliza if model_id == eliza.ELIZA else self._models.get(model_id)
        return None if model is None else str(model.entry.get("name") or model_id)

    async def try_openai(self, url: str, key: str) -> list[dict[str, Any]]:
        """Return the models at an address. Raises `ProviderFailed` or `BadProviderConfig`: what is wrong."""
        address = configuration.checked_address(url)
        endpoint = OpenAIEndpoint(self._session(address), address, key)
        return await endpoint.models(self.settings.model_list_timeout)

    async def try_ollama(self, url: str, key: str) -> dict[str, Any]:
        """Return Ollama's version at an address. Raises as `try_openai` does."""
        address = configuration.checked_address(url)
        return await ollama_version(self._session(address), address, key, self.settings.model_list_timeout)

    def _session(self, address: str) -> aiohttp.ClientSession:
        if self._sessions is None:
            raise RuntimeError("Providers.start() has not run")
        return self._sessions.for_address(address)

    async def _set(self, kind: str, openai: dict[str, Any], ollama: dict[str, Any]) -> None:
        config = configuration.from_documents(openai, ollama)
        document = config.openai_document() if kind == OPENAI else config.ollama_document()
        await configuration.store(self._state.database, kind, document)
        self._config = config
        self._failures.clear()
        await self._end_fetching()
        await self._fetched()

    async def _end_fetching(self) -> None:
        fetching, self._fetching = self._fetching, None
        if fetching is not None:
            fetching.cancel()
            await asyncio.gather(fetching, return_exceptions=True)

    def _age(self) -> float:
        return time.monotonic() - self._fetched_at

    def _begin_to_fetch(self) -> asyncio.Task[None]:
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetch(), name="fetch the models")
        return self._fetching

    async def _fetched(self) -> None:
        # Shielded: the one who asks may go away while others wait for the same list.
        await asyncio.shield(self._begin_to_fetch())

    async def _fetch(self) -> None:
        config = self._config
        fetches = []
        if config.openai_enabled:
            fetches += [self._openai_models(one) for one in config.openai if one.enabled]
        if config.ollama_enabled:
            fetches += [self._ollama_models(one) for one in config.ollama if one.enabled]
        models: dict[str, Model] = {}
        for found in await asyncio.gather(*fetches):
            for model in found:
                models.setdefault(model.id, model)
        models.pop(eliza.ELIZA, None)
        self._models = models
        self._fetched_at = time.monotonic()

    async def _openai_models(self, connection: Connection) -> list[Model]:
        endpoint = OpenAIEndpoint(self._session(connection.address), connection.address, connection.key)
        if connection.model_ids:
            rows: Iterable[dict[str, Any]] = [
                {"id": name, "object": "model", "created": 0, "owned_by": "openai"}
                for name in connection.model_ids
            ]
        else:
            try:
                rows = await endpoint.models(self.settings.model_list_timeout)
            except ProviderFailed as failure:
                self._failures[connection.address] = failure.text
                return []
        self._failures.pop(connection.address, None)
        return [_openai_model(row, connection, endpoint) for row in rows]

    async def _ollama_models(self, connection: Connection) -> list[Model]:
        seconds = self.settings.ollama_probe_timeout if connection.quiet else self.settings.model_list_timeout
        try:
            rows = await ollama_models(
                self._session(connection.address), connection.address, connection.key, seconds
            )
        except ProviderFailed as failure:
            if not connection.quiet:
                self._failures[connection.address] = failure.text
            return []
        self._failures.pop(connection.address, None)
        endpoint = OpenAIEndpoint(
            self._session(connection.address), f"{connection.address}/v1", connection.key
        )
        wanted = [row for row in rows if not connection.model_ids or row["model"] in connection.model_ids]
        return [_ollama_model(row, connection, endpoint) for row in wanted]


def _openai_model(row: dict[str, Any], connection: Connection, endpoint: OpenAIEndpoint) -> Model:
    upstream = row["id"]
    own = _prefixed(upstream, connection)
    entry = {
        **row,
        "id": own,
        "name": row.get("name") or own,
        "owned_by": "openai",
        "connection_type": connection.kind,
        "openai": {**row, "connection_type": connection.kind},
        "urlIdx": connection.index,
        "actions": [],
        "filters": [],
        "tags": list(connection.tags),
    }
    return Model(own, upstream, endpoint, entry)


def _ollama_model(row: dict[str, Any], connection: Connection, endpoint: OpenAIEndpoint) -> Model:
    upstream = row["model"]
    own = _prefixed(upstream, connection)
    entry = {
        "id": own,
        "name": row.get("name") or own,
        "object": "model",
        "created": int(time.time()),
        "owned_by": "ollama",
        "ollama": {**row, "urls": [connection.index]},
        "connection_type": connection.kind,
        "actions": [],
        "filters": [],
        "tags": list(connection.tags),
    }
    return Model(own, upstream, endpoint, entry)


def _prefixed(name: str, connection: Connection) -> str:
    return f"{connection.prefix}.{name}" if connection.prefix else name
