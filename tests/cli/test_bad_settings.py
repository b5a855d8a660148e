"""A start that cannot be: one line that names the setting and says what it takes."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from tests.cli.command import antiphon

PORT = "takes a whole number from 1 to 65535"


@pytest.mark.parametrize(
    ("arguments", "env", "named", "takes"),
    [
        (["--port", "eighty"], {}, "--port 'eighty'", PORT),
        (["--port", "65536"], {}, "--port '65536'", PORT),
        (["--port", "-1"], {}, "--port '-1'", PORT),
        (["serve", "--port", "8.4"], {}, "--port '8.4'", PORT),
        ([], {"ANTIPHON_PORT": "eighty"}, "ANTIPHON_PORT 'eighty'", PORT),
        (
            ["--port", "0", "--host", "nowhere.invalid"],
            {},
            "ANTIPHON_HOST 'nowhere.invalid'",
            "takes 127.0.0.1",
        ),
        (["--port", "0", "--host", "192.0.2.77"], {}, "ANTIPHON_HOST '192.0.2.77'", "takes 127.0.0.1"),
        ([], {"ANTIPHON_OPEN": "perhaps"}, "ANTIPHON_OPEN", "takes true or false"),
        ([], {"ENABLE_SIGNUP": "perhaps"}, "antiphon: ENABLE_SIGNUP: ", "takes true or false"),
        ([], {"DEFAULT_USER_ROLE": "king"}, "antiphon: DEFAULT_USER_ROLE: ", "takes user, pending or admin"),
        (
            [],
            {"WEBUI_SECRET_KEY": "short"},
            "antiphon: WEBUI_SECRET_KEY: ",
            "takes a text of 16 characters or more",
        ),
        ([], {"DATABASE_URL": "a file"}, "antiphon: DATABASE_URL: ", "takes sqlite:///"),
        (
            [],
            {"WEBSOCKET_HEARTBEAT_INTERVAL": "0"},
            "antiphon: WEBSOCKET_HEARTBEAT_INTERVAL: ",
            "takes whole seconds",
        ),
        ([], {"OPENAI_API_BASE_URL": "openai"}, "antiphon: OPENAI_API_BASE_URL: ", "takes http addresses"),
        ([], {"OLLAMA_BASE_URL": "ollama"}, "antiphon: OLLAMA_BASE_URL: ", "takes an http address"),
        ([], {"ANTIPHON_DIALECT": "0.7"}, "ANTIPHON_DIALECT", "takes 0.12 or 0.6"),
        (
            ["page", "--server", "chat.example.org"],
            {},
            "--server 'chat.example.org'",
            "takes an address like",
        ),
        (["page"], {"ANTIPHON_SERVER": "ftp://x"}, "ANTIPHON_SERVER 'ftp://x'", "takes an address like"),
        (["page"], {}, "--server", "ANTIPHON_SERVER"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it_and_what_it_takes(
    arguments: list[str], env: dict[str, str], named: str, takes: str, tmp_path: Path
) -> None:
    """Neither a traceback nor a usage text stands between a person and the mistake."""
    done = antiphon(*arguments, env={"ANTIPHON_DATA_DIR": str(tmp_path), **env})

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert named in done.stderr
    assert takes in done.stderr


def test_a_secret_is_not_repeated_in_the_refusal(tmp_path: Path) -> None:
    """A refused key must not end up in a log."""
    done = antiphon("serve", "--data-dir", tmp_path, env={"WEBUI_SECRET_KEY": "hunter2"})

    assert done.returncode == 2
    assert "hunter2" not in done.stderr


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """The refusal names the folder and the reason."""
    file = tmp_path / "notes.txt"
    file.write_text("mine")

    done = antiphon("serve", "--data-dir", file)

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert str(file) in done.stderr
    assert "takes a folder" in done.stderr
    assert file.read_text() == "mine"


def test_a_taken_port_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    """The line says which port it is and how to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        done = antiphon("--port", str(port), "--data-dir", tmp_path, "--no-open")

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"port {port} is already taken" in done.stderr
    assert "--port" in done.stderr


def test_an_option_in_front_of_a_command_is_refused_and_not_lost(tmp_path: Path) -> None:
    """`antiphon --port 9000 serve` would otherwise listen on 8400 without a word."""
    done = antiphon("--port", "0", "serve", "--data-dir", tmp_path)

    assert done.returncode == 2
    assert done.stderr == "antiphon: --port belongs behind 'serve'\n"


@pytest.mark.parametrize("arguments", [["sing"], ["--sing"], ["user", "password"]])
def test_a_mistyped_command_line_is_one_line(arguments: list[str]) -> None:
    """What the command line does not know is said like any other mistake."""
    done = antiphon(*arguments)

    assert done.returncode == 2
    assert done.stderr.startswith("antiphon: ")
    assert done.stderr.count("\n") == 1


def test_an_unreadable_database_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    """What fails during the start is told without a traceback, and with a way to see more."""
    (tmp_path / "antiphon.db").write_bytes(b"this is no database, whatever its name says" * 100)

    done = antiphon("serve", "--port", "0", "--data-dir", tmp_path)

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "not a database" in done.stderr
    assert (tmp_path / "antiphon.db").read_bytes().startswith(b"this is no database")
