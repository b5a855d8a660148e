"""The administrator's page of model providers: list, add, check, remove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from antiphon.client.errors import AntiphonError, RequestFailed
from antiphon.wire import ConnectionForm, OpenAIConfig

from . import views
from .answers import answer_to, form_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from .pages import Pages
    from .person import Person


class Providers:
    """Reads and writes the server's list of OpenAI-compatible providers; keys pass through, never shown."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def page(self, request: Request, person: Person) -> Response:
        """Show the list."""
        if not await person.ready():
            return self._pages.waiting(request, person)
        return await self._show(request, person)

    async def add(self, request: Request, person: Person) -> Response:
        """Add a provider and ask it for its models at once."""
        form = await form_of(request)
        address = form.get("address", "").strip().rstrip("/")
        key = form.get("key", "").strip()
        prefix = form.get("prefix", "").strip()
        problem = _problem(address)
        if problem:
            return await self._show(request, person, error=problem, address=address, prefix=prefix)
        rest = person.client.rest.providers
        try:
            config = await rest.openai()
            if address in config.OPENAI_API_BASE_URLS:
                return await self._show(
                    request,
                    person,
                    error=f"{address} is in the list already.",
                    address=address,
                    prefix=prefix,
                )
            index = len(config.OPENAI_API_BASE_URLS)
            keys = [*config.OPENAI_API_KEYS, *[""] * index][:index]
            settings: dict[str, Any] = {"enable": True, **({"prefix_id": prefix} if prefix else {})}
            await rest.update_openai(
                OpenAIConfig(
                    ENABLE_OPENAI_API=True,
                    OPENAI_API_BASE_URLS=[*config.OPENAI_API_BASE_URLS, address],
                    OPENAI_API_KEYS=[*keys, key],
                    OPENAI_API_CONFIGS={**config.OPENAI_API_CONFIGS, str(index): settings},
                )
            )
        except AntiphonError as error:
            return await self._show(
                request, person, error=answer_to(error)[1], address=address, prefix=prefix
            )
        person.forget_models()
        found = await self._ask(person, address, key, settings)
        notice = f"{address} was added." if found.ok else None
        return await self._show(request, person, notice=notice, verifications={index: found})

    async def verify(self, request: Request, person: Person) -> Response:
        """Ask a provider of the list for its models."""
        index = int(request.path_params["index"])
        try:
            config = await person.client.rest.providers.openai()
        except AntiphonError as error:
            return await self._show(request, person, error=answer_to(error)[1])
        if index >= len(config.OPENAI_API_BASE_URLS):
            return await self._show(request, person, error="This provider is no longer in the list.")
        key = config.OPENAI_API_KEYS[index] if index < len(config.OPENAI_API_KEYS) else ""
        found = await self._ask(
            person, config.OPENAI_API_BASE_URLS[index], key, config.OPENAI_API_CONFIGS.get(str(index), {})
        )
        person.forget_models()
        return await self._show(request, person, verifications={index: found})

    async def remove(self, request: Request, person: Person) -> Response:
        """Take a provider out of the list, if it still stands where the administrator saw it."""
        index = int(request.path_params["index"])
        address = (await form_of(request)).get("address", "")
        rest = person.client.rest.providers
        try:
            config = await rest.openai()
            addresses = config.OPENAI_API_BASE_URLS
            if index >= len(addresses) or addresses[index] != address:
                return await self._show(request, person, error="The list has changed meanwhile: look again.")
            kept = [place for place in range(len(addresses)) if place != index]
            await rest.update_openai(
                OpenAIConfig(
                    ENABLE_OPENAI_API=config.ENABLE_OPENAI_API,
                    OPENAI_API_BASE_URLS=[addresses[place] for place in kept],
                    OPENAI_API_KEYS=[
                        (config.OPENAI_API_KEYS[place : place + 1] or [""])[0] for place in kept
                    ],
                    OPENAI_API_CONFIGS={
                        str(new): config.OPENAI_API_CONFIGS.get(str(old), {}) for new, old in enumerate(kept)
                    },
                )
            )
        except AntiphonError as error:
            return await self._show(request, person, error=answer_to(error)[1])
        person.forget_models()
        return await self._show(request, person, notice=f"{address} was removed.")

    async def _ask(
        self, person: Person, address: str, key: str, settings: dict[str, Any]
    ) -> views.Verification:
        try:
            answer = await person.client.rest.providers.verify_openai(
                ConnectionForm(url=address, key=key, config=settings)
            )
        except RequestFailed as error:
            return views.Verification(ok=False, text=error.detail)
        except AntiphonError as error:
            return views.Verification(ok=False, text=answer_to(error)[1])
        names = tuple(_names(answer))
        if not names:
            return views.Verification(ok=True, text="It answers, and offers no model.")
        count = "1 model" if len(names) == 1 else f"{len(names)} models"
        return views.Verification(ok=True, text=f"It answers, with {count}.", models=names)

    async def _show(
        self,
        request: Request,
        person: Person,
        *,
        error: str | None = None,
        notice: str | None = None,
        address: str = "",
        prefix: str = "",
        verifications: dict[int, views.Verification] | None = None,
    ) -> Response:
        if person.user.role != "admin":
            return self._pages.nothing(request, person, 403)
        try:
            config = await person.client.rest.providers.openai()
        except AntiphonError as failure:
            return self._pages.failed(request, person, failure, "This server has no provider settings.")
        main = views.providers_main(
            [
                views.Provider(
                    index=index,
                    address=url,
                    has_key=bool((config.OPENAI_API_KEYS[index : index + 1] or [""])[0]),
                    prefix=config.OPENAI_API_CONFIGS.get(str(index), {}).get("prefix_id") or None,
                    enabled=config.OPENAI_API_CONFIGS.get(str(index), {}).get("enable", True) is not False,
                )
                for index, url in enumerate(config.OPENAI_API_BASE_URLS)
            ],
            verifications=verifications,
            error=error,
            notice=notice,
            address=address,
            prefix=prefix,
            eliza=any(map(views.is_eliza, await person.models())),
        )
        status = 422 if error else 200
        return self._pages.shell(request, person, main, title="Model providers", status=status)


def _problem(address: str) -> str | None:
    try:
        parts = urlsplit(address)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.query
    except ValueError:
        fine = False
    return (
        None
        if fine
        else "Give the provider's address with http:// or https://, for example https://api.example.com/v1."
    )


def _names(answer: object) -> list[str]:
    models = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(models, list):
        return []
    return [str(model["id"]) for model in models if isinstance(model, dict) and model.get("id")]
