"""What the server is told at its start, and what it keeps."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from antiphon.server.app import create_app
from antiphon.server.data_folder import open_folder, secret_of
from antiphon.server.settings import ServerSettings, SettingError


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own environment says nothing here."""
    for field in ServerSettings.model_fields.values():
        for name in getattr(field.validation_alias, "choices", ()):
            monkeypatch.delenv(str(name), raising=False)


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("DATABASE_URL", "postgresql://u:p@h/n", "database_url", "postgresql://u:p@h/n"),
        ("WEBUI_SECRET_KEY", "0123456789abcdef", "secret_key", "0123456789abcdef"),
        ("ENABLE_SIGNUP", "false", "enable_signup", False),
        ("DEFAULT_USER_ROLE", "pending", "default_user_role", "pending"),
        ("WEBSOCKET_HEARTBEAT_INTERVAL", "20", "websocket_heartbeat_interval", 20),
        ("WEBSOCKET_SERVER_PING_INTERVAL", "10", "websocket_ping_interval", 10),
        ("ANTIPHON_WEBSOCKET_PING_TIMEOUT", "5", "websocket_ping_timeout", 5),
        ("OPENAI_API_BASE_URL", "http://a/v1/", "openai_api_base_urls", ("http://a/v1",)),
        (
            "OPENAI_API_BASE_URLS",
            "http://a/v1; https://b",
            "openai_api_base_urls",
            ("http://a/v1", "https://b"),
        ),
        ("OPENAI_API_KEY", "k", "openai_api_keys", ("k",)),
        ("OPENAI_API_KEYS", "k;;l", "openai_api_keys", ("k", "", "l")),
        ("OLLAMA_BASE_URL", "http://o:11434", "ollama_base_url", "http://o:11434"),
        ("JWT_EXPIRES_IN", "12h", "token_lifetime", 43_200),
        ("JWT_EXPIRES_IN", "-1", "token_lifetime", None),
        ("ANTIPHON_DIALECT", "0.6", "dialect", "0.6"),
        ("ANTIPHON_ENABLE_SIGNUP", "0", "enable_signup", False),
        ("ANTIPHON_JWT_EXPIRES_IN", "7d", "token_lifetime", 604_800),
        ("ANTIPHON_OPENAI_API_BASE_URL", "http://a", "openai_api_base_urls", ("http://a",)),
        ("ANTIPHON_DATA_DIR", "/somewhere", "data_dir", Path("/somewhere")),
        ("ENABLE_SIGNUP", "", "enable_signup", True),
    ],
)
def test_settings_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, field: str, expected: Any
) -> None:
    """By our names, and by Open WebUI's where it has one."""
    monkeypatch.setenv(name, value)
    assert getattr(ServerSettings(), field) == expected


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [
        ("ENABLE_SIGNUP", "perhaps", "true or false"),
        ("DEFAULT_USER_ROLE", "king", "user, pending or admin"),
        ("WEBSOCKET_HEARTBEAT_INTERVAL", "1", "5 to 90"),
        ("WEBSOCKET_HEARTBEAT_INTERVAL", "91", "5 to 90"),
        ("WEBSOCKET_HEARTBEAT_INTERVAL", "soon", "5 to 90"),
        ("WEBSOCKET_SERVER_PING_INTERVAL", "0", "1 to 300"),
        ("WEBSOCKET_SERVER_PING_TIMEOUT", "0.5", "1 to 300"),
        ("OPENAI_API_BASE_URLS", "http://a;b", "http addresses"),
        ("OLLAMA_BASE_URL", "localhost", "http address"),
        ("DATABASE_URL", "mysql://x", "sqlite:///file"),
        ("DATABASE_URL", "sqlite://", "sqlite:///file"),
        ("DATABASE_URL", "sqlite+aiosqlite:///a.db", "sqlite:///file"),
        ("DATABASE_URL", "postgresql+psycopg2://u@h/n", "postgresql+asyncpg://"),
        ("DATABASE_URL", "postgresql://h", "postgresql://user:password@host/name"),
        ("WEBUI_SECRET_KEY", "short", "16 characters"),
        ("JWT_EXPIRES_IN", "never", "4w"),
        ("JWT_EXPIRES_IN", "1s", "at least a minute"),
        ("ANTIPHON_DIALECT", "0.7", "0.12 or 0.6"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it_and_what_it_takes(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, takes: str
) -> None:
    """And a secret is not shown."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingError) as caught:
        ServerSettings()
    text = str(caught.value)
    assert text.startswith(f"{name}: ")
    assert takes in text
    assert "\n" not in text
    assert (value in text) is (name != "WEBUI_SECRET_KEY")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("postgres://u:p%40@h:5/n", "postgresql://u:p%40@h:5/n"),
        ("postgresql+asyncpg://u@h/n", "postgresql://u@h/n"),
        ("postgresql+asyncpg://u@h/n?ssl=require", "postgresql://u@h/n?sslmode=require"),
        ("postgresql:///n?host=/run/postgresql", "postgresql:///n?host=/run/postgresql"),
        ("sqlite:////data/webui.db", "sqlite:////data/webui.db"),
        ("sqlite:///./a b.db", "sqlite:///./a b.db"),
    ],
)
def test_database_addresses_are_taken_as_open_webuis_users_write_them(
    monkeypatch: pytest.MonkeyPatch, given: str, kept: str
) -> None:
    """Each spelling of the two databases becomes one."""
    monkeypatch.setenv("DATABASE_URL", given)
    assert ServerSettings().database_address == kept


def test_a_bad_database_address_is_shown_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed at a failed start ends up in logs."""
    monkeypatch.setenv("ANTIPHON_DATABASE_URL", "mysql://ada:se:cr@t/@h/n")
    with pytest.raises(SettingError, match=r"^ANTIPHON_DATABASE_URL: 'mysql://ada:\*\*\*@h/n' cannot"):
        ServerSettings()


def test_the_secret_is_made_once_and_kept_for_its_owner_alone(tmp_path: Path) -> None:
    """Mode 600 in a folder of mode 700; tokens outlive a restart."""
    folder = tmp_path / "data"
    create_app(ServerSettings(data_dir=folder))
    first = (folder / "secret").read_text(encoding="ascii")
    assert len(first) >= 32
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / "secret").chmod(0o644)
    assert secret_of(ServerSettings(data_dir=folder)) == first
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
    assert secret_of(ServerSettings(data_dir=folder, secret_key="0123456789abcdef")) == "0123456789abcdef"


def test_a_damaged_secret_is_said_and_not_replaced(tmp_path: Path) -> None:
    """An empty file is no key to sign with."""
    (tmp_path / "secret").write_text("", encoding="ascii")
    with pytest.raises(SettingError, match="damaged"):
        secret_of(ServerSettings(data_dir=tmp_path))


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    """A file in its place, for one."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match="ANTIPHON_DATA_DIR"):
        open_folder(tmp_path / "file")
