"""Finding a channel by what a person calls it."""

from __future__ import annotations

from collections.abc import Iterable

from antiphon.client.errors import AntiphonError, NotFound
from antiphon.wire import ChannelEntry


def named(entry: ChannelEntry, name: str) -> bool:
    """Whether a channel is meant by `name`: its id, `general`, `#general`, or `@Ann` for a conversation with
    her.
    """
    if entry.id == name:
        return True
    if name.startswith("@") and entry.type == "dm":
        return any(person.name.casefold() == name[1:].casefold() for person in entry.users or ())
    return bool(entry.name) and entry.name.casefold() == name.removeprefix("#").casefold()


def find_channel(entries: Iterable[ChannelEntry], name: str) -> ChannelEntry:
    """Give the channel that is meant. Raises `NotFound`, or `AntiphonError` when it may be one of several."""
    found = [entry for entry in entries if named(entry, name)]
    exact = [entry for entry in found if name in {entry.id, entry.name, f"#{entry.name}"}]
    found = exact or found
    if not found:
        raise NotFound(404, f"this account has no channel {name!r}")
    if len(found) > 1:
        ids = ", ".join(entry.id for entry in found)
        raise AntiphonError(f"{len(found)} channels are called {name!r}; give the id of one: {ids}")
    return found[0]
