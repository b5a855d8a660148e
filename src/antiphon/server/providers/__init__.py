"""The models' providers: their settings, their models, their answers, and Eliza, who needs none of it."""

from antiphon.server.providers.registry import Providers

__all__ = ["Providers"]
