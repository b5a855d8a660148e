"""The list of models, and the administrator's settings of who provides them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.server.providers.provider import MODELS, providing
from tests.server.serving import Person, Server, serving

from antiphon.server.providers.settings import ProviderSettings
from antiphon.server.settings import SettingError

FIXTURES = Path(__file__).parents[2] / "fixtures"


async def ids(person: Person, *, refresh: bool = False) -> list[str]:
    """The ids of the models that a person may choose."""
    suffix = "?refresh=true" if refresh else ""
    return [model["id"] for model in (await person.get(f"/api/models{suffix}"))["data"]]


async def test_eliza_is_there_without_key_and_network(admin: Person, bob: Person) -> None:
    """The first chat works for everybody; nobody else is in the list."""
    assert await ids(bob) == ["eliza"]
    (row,) = (await admin.get("/api/models"))["data"]
    assert (row["name"], row["object"]) == ("Eliza", "model")


async def test_models_have_the_recorded_shape(tmp_path: Path) -> None:
    """A provider's model has the keys that the original gives it."""
    lines = (FIXTURES / "open-webui-0.6.41" / "rest.jsonl").read_text().splitlines()
    theirs = next(entry["response"] for entry in map(json.loads, lines) if entry["step"] == "GET models")[
        "data"
    ][0]
    async with providing() as provider, serving(tmp_path, openai_api_base_urls=(provider.address,)) as server:
        ada = await server.sign_up("Ada")
        ours = (await ada.get("/api/models"))["data"]
        assert [model["id"] for model in ours] == [*MODELS, "eliza"]
        first = next(model for model in ours if model["id"] == "words")
        assert {key: type(value) for key, value in theirs.items()} == {
            key: type(value) for key, value in first.items()
        }
        assert first["openai"] == {
            "id": "words",
            "object": "model",
            "created": 1,
            "owned_by": "mock",
            "connection_type": "external",
        }


async def test_what_the_page_sets_is_kept_and_wins(tmp_path: Path) -> None:
    """The environment gives the first values; an administrator's survive a restart with others."""
    folder = tmp_path / "data"
    async with providing() as one, providing() as two:
        two.key = "secret"
        async with serving(folder, openai_api_base_urls=(one.address,), openai_api_keys=("k",)) as server:
            ada = await server.sign_up("Ada")
            assert await ada.get("/openai/config") == {
                "ENABLE_OPENAI_API": True,
                "OPENAI_API_BASE_URLS": [one.address],
                "OPENAI_API_KEYS": ["k"],
                "OPENAI_API_CONFIGS": {},
            }
            form = {
                "ENABLE_OPENAI_API": True,
                "OPENAI_API_BASE_URLS": [f"{two.address}/", one.address],
                "OPENAI_API_KEYS": ["secret"],
                "OPENAI_API_CONFIGS": {
                    "0": {"prefix_id": "two", "model_ids": ["words"], "tags": [{"name": "x"}], "own": 1},
                    "1": {"enable": False},
                },
            }
            kept = await ada.post("/openai/config/update", form)
            assert kept == {
                **form,
                "OPENAI_API_BASE_URLS": [two.address, one.address],
                "OPENAI_API_KEYS": ["secret", ""],
            }
            assert await ids(ada) == ["two.words", "eliza"]
        async with serving(folder, openai_api_base_urls=("http://127.0.0.1:1/v1",)) as server:
            session = await server.nobody.post(
                "/api/v1/auths/signin", {"email": "ada@example.com", "password": "a-good-password"}
            )
            ada = Person(server.url, server.http, session)
            assert await ada.get("/openai/config") == kept
            body = {"model": "two.words", "messages": [{"role": "user", "content": "hi"}]}
            await ada.post("/api/chat/completions", body)
            assert (two.requests[-1]["model"], two.keys[-1]) == ("words", "Bearer secret")
            await ada.post("/openai/config/update", {**kept, "ENABLE_OPENAI_API": False})
            assert await ids(ada) == ["eliza"]


async def test_keys_are_for_administrators(bob: Person, server: Server) -> None:
    """Nobody else reads or sets them."""
    for method, path in (
        ("GET", "/openai/config"), ("GET", "/ollama/config"), ("POST", "/openai/config/update"),
        ("POST", "/ollama/config/update"), ("POST", "/openai/verify"), ("POST", "/ollama/verify"),
    ):  # fmt: skip
        body = {"url": "http://x", "OPENAI_API_BASE_URLS": [], "OPENAI_API_KEYS": [], "OLLAMA_BASE_URLS": []}
        answer = await bob.ask(method, path, body if method == "POST" else None)
        assert answer.status == 403, path
        assert (await server.nobody.ask(method, path, body if method == "POST" else None)).status == 401
    assert (await server.nobody.ask("GET", "/api/models")).status == 401


async def test_settings_that_cannot_be_used_change_nothing(admin: Person) -> None:
    """Each says what it takes; what was there stays."""
    before = await admin.get("/openai/config")
    good = {"OPENAI_API_BASE_URLS": ["http://127.0.0.1:9/v1"], "OPENAI_API_KEYS": [""]}
    for change, said in (
        ({"OPENAI_API_BASE_URLS": ["ftp://x"]}, "is no address of a provider"),
        ({"OPENAI_API_BASE_URLS": ["https://a b"]}, "is no address of a provider"),
        ({"OPENAI_API_BASE_URLS": ["http://x:99999"]}, "is no address of a provider"),
        ({"OPENAI_API_BASE_URLS": "http://x"}, "OPENAI_API_BASE_URLS"),
        ({"OPENAI_API_CONFIGS": {"0": 1}}, "OPENAI_API_CONFIGS"),
    ):
        answer = await admin.ask("POST", "/openai/config/update", {**good, **change})
        assert (answer.status in {400, 422}, said in answer.detail) == (True, True), answer
    assert await admin.get("/openai/config") == before
    answer = await admin.ask("POST", "/ollama/config/update", {"OLLAMA_BASE_URLS": ["nonsense"]})
    assert (answer.status, "is no address" in answer.detail) == (400, True)


async def test_a_check_tells_what_is_wrong_with_an_address_or_key(admin: Person) -> None:
    """Right, wrong key, web page, wrong path, nobody there, no address: six different answers."""
    async with providing() as provider:
        provider.key = "right"
        right = await admin.post("/openai/verify", {"url": provider.address, "key": "right"})
        assert [row["id"] for row in right["data"]] == list(MODELS)
        root = provider.address.removesuffix("/v1")
        gone = provider.address
        for form, said in (
            ({"url": provider.address, "key": "wrong"}, "refuses the key (401)"),
            ({"url": root, "key": "right"}, "a web page"),
            ({"url": f"{root}/v2", "key": "right"}, "has nothing at this address (404)"),
            ({"url": "localhost", "key": ""}, "is no address"),
        ):
            answer = await admin.ask("POST", "/openai/verify", form)
            assert (answer.status, said in answer.detail) == (400, True), answer
    answer = await admin.ask("POST", "/openai/verify", {"url": gone, "key": ""})
    assert (answer.status, "No connection" in answer.detail) == (400, True)


async def test_ollama_is_taken_in_and_answers_through_its_v1(tmp_path: Path) -> None:
    """Its models are listed by `/api/tags` and asked through the OpenAI-compatible part."""
    async with (
        providing(ollama=True) as provider,
        serving(tmp_path, ollama_base_url=provider.address) as server,
    ):
        ada = await server.sign_up("Ada")
        row = next(model for model in (await ada.get("/api/models"))["data"] if model["id"] == "words")
        assert (row["owned_by"], row["connection_type"], row["ollama"]["size"]) == ("ollama", "local", 1)
        body = {"model": "words", "messages": [{"role": "user", "content": "hi"}]}
        assert (await ada.post("/api/chat/completions", body))["choices"]
        assert await ada.post("/ollama/verify", {"url": provider.address}) == {"version": "0.0.1"}
        assert await ada.get("/ollama/config") == {
            "ENABLE_OLLAMA_API": True, "OLLAMA_BASE_URLS": [provider.address], "OLLAMA_API_CONFIGS": {},
        }  # fmt: skip
        await ada.post(
            "/ollama/config/update", {"ENABLE_OLLAMA_API": False, "OLLAMA_BASE_URLS": [provider.address]}
        )
        assert await ids(ada) == ["eliza"]


async def test_a_provider_that_comes_back_is_found_on_a_refresh(tmp_path: Path) -> None:
    """A list without it is shown at once; asking anew finds it."""
    async with providing() as provider:
        provider.key = "later"
        async with serving(tmp_path, openai_api_base_urls=(provider.address,)) as server:
            ada = await server.sign_up("Ada")
            assert await ids(ada) == ["eliza"]
            assert "refuses the key" in server.state.providers.failures[provider.address]
            provider.key = None
            assert (await ids(ada, refresh=True))[0] == "words"
            assert server.state.providers.failures == {}


def test_a_bad_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start ends with one line that names the variable and what it takes."""
    monkeypatch.setenv("ANTIPHON_RUNS_AT_ONCE", "0")
    with pytest.raises(
        SettingError, match=r"ANTIPHON_RUNS_AT_ONCE: '0' cannot be used; it takes a whole number above 0\."
    ):
        ProviderSettings()
