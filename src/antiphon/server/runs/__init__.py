"""Runs: a turn is stored, a model is asked, its answer is told in events, and the end is stored whatever happens."""

from antiphon.server.runs.registry import Runs

__all__ = ["Runs"]
