"""Runs: a turn is stored, a model asked, its answer told in events, and the end stored whatever happens."""

from antiphon.server.runs.registry import Runs

__all__ = ["Runs"]
