"""The server's REST door, typed: one small class per area, and `Rest`, which holds them."""

from antiphon.client.rest.door import Rest

__all__ = ["Rest"]
