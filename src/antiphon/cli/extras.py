"""What a command needs beyond the library, by the name under which pip installs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from antiphon.cli.failures import StartFailed


@contextmanager
def needing(*extras: str) -> Iterator[None]:
    """Name the extras when a package of theirs is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "antiphon":
            raise
        wanted = ",".join(extras)
        raise StartFailed(
            f"{error.name} is not installed; this needs: pip install 'antiphon[{wanted}]'"
        ) from error
