"""`docs/configuration.md` and the settings say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import AliasChoices
from pydantic_settings import BaseSettings

from antiphon.server.providers.settings import ProviderSettings
from antiphon.server.settings import ServerSettings

OF_THE_COMMAND = {"ANTIPHON_PORT", "ANTIPHON_HOST", "ANTIPHON_OPEN", "ANTIPHON_SERVER", "ANTIPHON_DEBUG"}


def names_of(settings: type[BaseSettings]) -> dict[str, set[str]]:
    """The environment's names of each field."""
    prefix = settings.model_config.get("env_prefix") or ""
    names = {}
    for name, field in settings.model_fields.items():
        alias = field.validation_alias
        given = {str(choice) for choice in alias.choices} if isinstance(alias, AliasChoices) else set()
        names[name] = given or {f"{prefix}{name}".upper()}
    return names


def shortest(names: set[str]) -> set[str]:
    """The names without those that only have our prefix before another."""
    return {name for name in names if name.removeprefix("ANTIPHON_") not in names - {name}}


@pytest.fixture
def page(repository: Path) -> str:
    """The page's text."""
    return (repository / "docs" / "configuration.md").read_text()


@pytest.mark.parametrize("settings", [ServerSettings, ProviderSettings])
def test_every_setting_is_on_the_page(settings: type[BaseSettings], page: str) -> None:
    """Whoever adds a setting writes down what it is for."""
    unknown = {
        field: names
        for field, names in names_of(settings).items()
        if not any(f"`{name}" in page for name in shortest(names))
    }

    assert unknown == {}


def test_every_name_on_the_page_is_a_setting(page: str) -> None:
    """What is no longer a setting goes from the page too."""
    known = set.union(
        OF_THE_COMMAND, *names_of(ServerSettings).values(), *names_of(ProviderSettings).values()
    )
    on_page = set(re.findall(r"`([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)\b", page)) - {"ANTIPHON_"}

    assert on_page - known - {"XDG_DATA_HOME"} == set()
