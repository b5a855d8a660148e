"""What every test stands on: one event loop per test, nothing that blocks it, and nothing left behind."""

from __future__ import annotations

import asyncio
import inspect
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import HealthCheck, settings

# The machine that runs the tests is shared and slow at times: examples are counted, never timed.
settings.register_profile(
    "antiphon", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("antiphon")

# Where the event loop may be held up: the end of a file's name, and functions in it.
_MAY_BLOCK = [
    ("<frozen importlib._bootstrap>", {"_find_and_load"}),  # a first import reads its file, once
    ("storage/migrations/upgrade.py", {"upgrade"}),  # has a thread and a loop of its own
    ("asyncpg/connect_utils.py", {"_parse_connect_arguments"}),  # looks into ~/.postgresql on each connect
]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop that the product runs on."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _no_client_writes_into_the_persons_own_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What clients keep goes into a folder of this worker's, also that of processes of a test's own."""
    folder = tmp_path_factory.mktemp("clients")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANTIPHON_CLIENT_DIR", str(folder / "shared"))
        yield folder


@pytest.fixture(autouse=True)
def _each_test_has_a_client_folder_of_its_own(
    _no_client_writes_into_the_persons_own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port may come again, and with it an account: no test finds what another has left unsent."""
    folder = _no_client_writes_into_the_persons_own_folder / uuid.uuid4().hex
    monkeypatch.setenv("ANTIPHON_CLIENT_DIR", str(folder))


@pytest.fixture(autouse=True)
def _blocking_calls_fail(request: pytest.FixtureRequest) -> Iterator[None]:
    """A call of ours that would hold up the event loop fails the test that made it."""
    if not _is_async(request):
        yield
        return
    with blockbuster_ctx("antiphon") as blockbuster:
        for call in blockbuster.functions.values():
            for file, functions in _MAY_BLOCK:
                call.can_block_in(file, functions)
        yield


@pytest.fixture(autouse=True)
def _no_task_outlives_its_test(request: pytest.FixtureRequest) -> None:
    """Take note of the tasks before a test, and look for others after it."""
    if _is_async(request):
        request.getfixturevalue("_watched_tasks")


@pytest.fixture
async def _watched_tasks() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    left = {task for task in asyncio.all_tasks() - before if not _name_of(task).startswith("TestRunner.")}
    if left:
        # A task that was told to end needs a few turns of the loop; one without an owner never gets there.
        _, left = await asyncio.wait(left, timeout=10)
    if left:
        pytest.fail("left running after the test: " + ", ".join(sorted(map(_name_of, left))))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds the whole project."""
    return Path(__file__).parent.parent


def _is_async(request: pytest.FixtureRequest) -> bool:
    function = getattr(request, "function", None)
    inner = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    return inspect.iscoroutinefunction(inner)


def _name_of(task: asyncio.Task[object]) -> str:
    return getattr(task.get_coro(), "__qualname__", repr(task))
