"""REST: the list of models, and the administrator's provider settings, under the paths of the original."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends

from antiphon.server.errors import Problem
from antiphon.server.providers.config import BadProviderConfig
from antiphon.server.providers.failures import ProviderFailed
from antiphon.server.providers.registry import Providers
from antiphon.server.routing import Router
from antiphon.server.security.principals import Admin, User
from antiphon.server.state import State
from antiphon.wire.providers import ConnectionForm, OllamaConfig, OpenAIConfig

router = Router()


async def providers_of(state: State) -> Providers:
    """The providers of the server that answers this request."""
    providers: Providers = state.providers
    return providers


Registry = Annotated[Providers, Depends(providers_of)]


@router.get("/api/models")
async def models(_user: User, providers: Registry, refresh: bool = False) -> dict[str, Any]:
    """Return every model that a person may choose, as `{data: [...]}`; `refresh` asks the providers anew."""
    return {"data": [model.entry for model in await providers.models(refresh=refresh)]}


@router.get("/openai/config")
async def openai_config(_admin: Admin, providers: Registry) -> dict[str, Any]:
    """Return addresses, keys and switches of the OpenAI-compatible providers."""
    return providers.config.openai_document()


@router.post("/openai/config/update")
async def set_openai_config(form: OpenAIConfig, _admin: Admin, providers: Registry) -> dict[str, Any]:
    """Store them; the models are fetched before this answers."""
    try:
        await providers.set_openai(form.dump())
    except BadProviderConfig as error:
        raise Problem(400, str(error)) from None
    return providers.config.openai_document()


@router.post("/openai/verify")
async def verify_openai(form: ConnectionForm, _admin: Admin, providers: Registry) -> dict[str, Any]:
    """Try an address and a key: answers with the models there, or says what is wrong."""
    try:
        rows = await providers.try_openai(form.url, form.key or "")
    except (BadProviderConfig, ProviderFailed) as error:
        raise Problem(400, str(error)) from None
    return {"object": "list", "data": rows}


@router.get("/ollama/config")
async def ollama_config(_admin: Admin, providers: Registry) -> dict[str, Any]:
    """Return addresses and switches of the Ollama servers."""
    return providers.config.ollama_document()


@router.post("/ollama/config/update")
async def set_ollama_config(form: OllamaConfig, _admin: Admin, providers: Registry) -> dict[str, Any]:
    """Store them; the models are fetched before this answers."""
    try:
        await providers.set_ollama(form.dump())
    except BadProviderConfig as error:
        raise Problem(400, str(error)) from None
    return providers.config.ollama_document()


@router.post("/ollama/verify")
async def verify_ollama(form: ConnectionForm, _admin: Admin, providers: Registry) -> dict[str, Any]:
    """Try an address: answers with Ollama's version, or says what is wrong."""
    try:
        return await providers.try_ollama(form.url, form.key or "")
    except (BadProviderConfig, ProviderFailed) as error:
        raise Problem(400, str(error)) from None
