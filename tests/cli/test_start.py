"""What a start says and makes, by option and by environment."""

from __future__ import annotations

import json
import re
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command import antiphon
from tests.processes import AntiphonProcess

from antiphon.cli.listening import bind, colleague_urls, local_url, port_of


def read(url: str) -> tuple[int, str, str]:
    """The status, type and text at an address."""
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.status, response.headers["Content-Type"], response.read().decode()


def read_json(url: str) -> Any:
    """The JSON at an address."""
    return json.loads(read(url)[2])


def test_one_command_serves_the_page_and_the_protocol_on_one_port(tmp_path: Path) -> None:
    """A browser finds a page to sign up on, and a client of Open WebUI its server, at the same address."""
    with AntiphonProcess(tmp_path) as process:
        status, kind, page = read(f"{process.url}/")

        assert (status, kind.split(";")[0]) == (200, "text/html")
        assert "Create account" in page
        assert read_json(f"{process.url}/health") == {"status": True}
        assert read_json(f"{process.url}/api/version")["antiphon"] == version("antiphon")


def test_the_start_tells_address_data_folder_and_who_may_sign_up(tmp_path: Path) -> None:
    """Sign-up is open by default, so the start says so."""
    with AntiphonProcess(tmp_path) as process:
        said = process.output

    assert f"Address    http://127.0.0.1:{process.port}\n" in said
    assert f"Data       {tmp_path}\n" in said
    assert re.search(r"Sign-up    open .*role: user .*first account: admin", said)
    assert "Colleagues" not in said


def test_a_closed_sign_up_is_told_with_the_way_to_open_it(tmp_path: Path) -> None:
    """Open WebUI's name for the setting works."""
    with AntiphonProcess(tmp_path, "serve", env={"ENABLE_SIGNUP": "false"}) as process:
        assert "Sign-up    closed (ENABLE_SIGNUP=true opens it)\n" in process.output


def test_every_option_has_a_name_in_the_environment(tmp_path: Path) -> None:
    """`ANTIPHON_PORT`, `ANTIPHON_HOST`, `ANTIPHON_DATA_DIR` and `ANTIPHON_OPEN` do what the options do."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = tmp_path / "by-environment"
    env = {
        "ANTIPHON_PORT": str(port),
        "ANTIPHON_HOST": "127.0.0.1",
        "ANTIPHON_DATA_DIR": str(folder),
        "ANTIPHON_OPEN": "false",
    }

    with AntiphonProcess(folder, env=env, options=False) as process:
        assert process.port == port
        assert (folder / "antiphon.db").is_file()


def test_the_server_alone_has_no_page(tmp_path: Path) -> None:
    """`antiphon serve` answers the protocol, and 404 where a page would be."""
    with AntiphonProcess(tmp_path, "serve") as process:
        assert read_json(f"{process.url}/api/version")["version"] == "0.12.4"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            read(f"{process.url}/channels/1")


def test_the_page_alone_shows_a_server_elsewhere(tmp_path: Path) -> None:
    """`antiphon page --server` names the server at the start and asks it who may sign up."""
    with AntiphonProcess(tmp_path / "server", "serve") as server:
        page_alone = AntiphonProcess(
            tmp_path / "page", "page", args=["--server", f"{server.url}/"], ready_path="/auth"
        )
        with page_alone as page:
            assert f"Server     {server.url}\n" in page.output
            assert "Create account" in read(f"{page.url}/auth")[2]
            with pytest.raises(urllib.error.HTTPError, match="404"):
                read(f"{page.url}/api/version")


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    """The next start finds it, so that everybody stays signed in."""
    folder = tmp_path / "data"
    with AntiphonProcess(folder, "serve") as process:
        made = (folder / "secret").read_text()
        process.restart()

        assert (folder / "secret").read_text() == made
    assert len(made) >= 32
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_killed_process_starts_again_on_the_same_port(tmp_path: Path) -> None:
    """Connections that the dead process left behind do not hold the port."""
    with AntiphonProcess(tmp_path, "serve") as process:
        port = process.port
        with socket.create_connection(("127.0.0.1", port)):
            process.restart()

        assert process.port == port
        assert process.answers()


def test_the_version_is_the_package_s() -> None:
    """`antiphon --version` prints it and ends."""
    done = antiphon("--version")

    assert (done.returncode, done.stdout, done.stderr) == (0, f"antiphon {version('antiphon')}\n", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], ["--host", "--port", "--data-dir", "--no-open", "serve", "page", "user"]),
        (["serve", "--help"], ["--host", "--port", "--data-dir"]),
        (["page", "--help"], ["--server", "--no-open"]),
        (["user", "--help"], ["password"]),
        (["user", "password", "--help"], ["EMAIL", "--stdin"]),
        (["login", "--help"], ["URL", "--email", "--stdin", "--token"]),
        (["logout", "--help"], ["URL"]),
        (["send", "--help"], ["CHANNEL", "TEXT", "--server"]),
        (["tail", "--help"], ["--channel", "--type", "--quiet", "--server"]),
        (["doctor", "--help"], ["URL"]),
    ],
)
def test_help_names_every_option(arguments: list[str], words: list[str]) -> None:
    """Whoever asks is told."""
    done = antiphon(*arguments, env={"COLUMNS": "100"})

    assert done.returncode == 0
    assert [word for word in words if word not in done.stdout] == []


def test_help_loads_neither_server_nor_page() -> None:
    """The command line stays quick because it loads what a command needs, and no more."""
    code = (
        "import sys, antiphon.cli; sys.argv = ['antiphon', '--help']; antiphon.cli.main();"
        "print('loaded', *sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = set(done.stdout.rpartition("loaded ")[2].split())
    assert "antiphon.cli" in loaded
    assert not loaded & {"fastapi", "starlette", "sqlalchemy", "socketio", "uvicorn", "aiohttp", "htpy"}


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8400"),
        ("localhost", "http://localhost:8400"),
        ("0.0.0.0", "http://127.0.0.1:8400"),
        ("::", "http://[::1]:8400"),
        ("192.0.2.7", "http://192.0.2.7:8400"),
    ],
)
def test_this_machine_reaches_whatever_it_listens_on(host: str, url: str) -> None:
    """The address that the browser opens, and that the page's clients use."""
    assert local_url(host, 8400) == url


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_nothing_is_for_colleagues_on_a_loopback_address(host: str) -> None:
    """They could not reach it."""
    assert colleague_urls(host, 8400) == []


def test_colleagues_are_given_this_machine_s_own_addresses() -> None:
    """Not 0.0.0.0, which is no address, and not 127.0.0.1, which is their own machine."""
    urls = colleague_urls("0.0.0.0", 8400)

    assert all(re.fullmatch(r"http://\d+\.\d+\.\d+\.\d+:8400", url) for url in urls)
    assert not any("0.0.0.0" in url or "//127." in url for url in urls)
    assert colleague_urls("192.0.2.7", 8400) == ["http://192.0.2.7:8400"]


def test_port_0_takes_a_free_port_and_listens_at_once() -> None:
    """Whoever connects before the server is loaded waits instead of being refused."""
    with bind("127.0.0.1", 0) as taken, socket.create_connection(("127.0.0.1", port_of(taken)), timeout=5):
        assert port_of(taken) > 0
