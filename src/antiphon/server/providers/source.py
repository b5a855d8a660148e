"""What a run needs of whoever answers: a stream of chunks, or a whole body."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Protocol


class Source(Protocol):
    """Someone who answers: a provider's endpoint, or a model of our own."""

    @property
    def address(self) -> str:
        """Where it is, for error texts."""
        ...

    def stream(self, body: dict[str, Any]) -> AsyncGenerator[list[dict[str, Any]], None]:
        """Yield `chat.completion.chunk` objects, as many at once as the network brought.

        An empty list is a sign of life. Ends after the provider's own end, else raises `ProviderFailed`.
        """
        ...

    async def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return one `chat.completion` body. Raises `ProviderFailed`."""
        ...


@dataclass(frozen=True, slots=True)
class Model:
    """A model that a person may choose."""

    id: str
    """Its name towards our clients."""
    upstream_id: str
    """Its name towards its source."""
    source: Source
    entry: dict[str, Any]
    """Its row in `GET /api/models`."""
