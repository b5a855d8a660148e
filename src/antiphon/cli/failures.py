"""How a start that cannot be is told: one line to a person, and an exit code."""

from __future__ import annotations

import os
import sys
import traceback

import typer

INTERRUPTED = 130
"""Exit code of what Ctrl-C cut off, as a shell gives it."""


class StartFailed(Exception):
    """The process cannot start; the message is one line for a person, `code` the exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def say(message: str) -> None:
    """Print one line to standard error."""
    typer.echo(f"antiphon: {message}", err=True)


def report(error: BaseException) -> int:
    """Say in one line what ended the process; gives the exit code. `ANTIPHON_DEBUG=1` adds the traceback."""
    cause = first_cause(error)
    if os.environ.get("ANTIPHON_DEBUG"):
        traceback.print_exception(cause)
    say(in_one_line(cause))
    if isinstance(cause, StartFailed):
        return cause.code
    return 2 if _is_setting(cause) else 1


def first_cause(error: BaseException) -> BaseException:
    """The first single exception in a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def in_one_line(error: BaseException) -> str:
    """What an exception says; with its type where the words alone were not written for a reader."""
    text = " ".join(str(error).split())
    if text and (isinstance(error, StartFailed | OSError) or _is_of_client(error) or _is_setting(error)):
        return text
    return f"{type(error).__name__}: {text or 'no details'} (ANTIPHON_DEBUG=1 shows where)"


def _is_of_client(error: BaseException) -> bool:
    errors = sys.modules.get("antiphon.client.errors")  # not imported for the sake of asking
    return errors is not None and isinstance(error, errors.AntiphonError)


def _is_setting(error: BaseException) -> bool:
    from antiphon.server.settings import SettingError

    return isinstance(error, SettingError)
