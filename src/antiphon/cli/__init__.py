"""The `antiphon` command: the one place that knows both the server and the page."""

from antiphon.cli.commands import main

__all__ = ["main"]
