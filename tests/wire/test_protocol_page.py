"""docs/protocol.md names every event that the wire knows, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from antiphon import wire

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"
SERVER_ROW = re.compile(r"^\| `([^`]+)` \| (?:`([^`]+)`|-) \| `(\w+)` \| ([\w.]+) \| (.+) \|$", re.M)
CLIENT_ROW = re.compile(r"^\| `([^`]+)` \| `(\w+)` \| ([\w.]+) \| (.+) \|$", re.M)


def release_of(event: type[wire.Event]) -> str:
    """Give the release as the page writes it."""
    return "ours" if event.SINCE == wire.OURS else event.SINCE.release


def test_the_page_lists_what_a_server_sends() -> None:
    """Name, type, class and release of each row are those of the code."""
    told = {
        (name, kind): (cls, since)
        for name, kind, cls, since, _ in SERVER_ROW.findall(PAGE.read_text("utf-8"))
    }
    known = {key: (cls.__name__, release_of(cls)) for key, cls in wire.types_known().items()}
    assert told == known


def test_the_page_lists_what_a_client_sends() -> None:
    """Name, class and release of each row are those of the code."""
    told = {name: (cls, since) for name, cls, since, _ in CLIENT_ROW.findall(PAGE.read_text("utf-8"))}
    assert told == {name: (cls.__name__, release_of(cls)) for name, cls in wire.emits_known().items()}


def test_the_page_marks_the_events_that_wait_for_an_answer() -> None:
    """A row says "Call." exactly where the class does."""
    marked = {
        cls for _, _, cls, _, text in SERVER_ROW.findall(PAGE.read_text("utf-8")) if "**Call.**" in text
    }
    assert marked == {cls.__name__ for cls in wire.types_known().values() if getattr(cls, "CALL", False)}


@pytest.mark.parametrize(
    "word", ["`offset`", "`channel:updated`", "`channel:deleted`", "`channel:read`", "`antiphon`"]
)
def test_the_page_tells_our_additions(word: str) -> None:
    """What Open WebUI does not have is in the page's last table."""
    additions = PAGE.read_text("utf-8").split("## What we add")[1]
    assert f"| {word} |" in additions


def test_every_addition_of_ours_is_marked_in_the_models() -> None:
    """The fields that we added carry our mark."""
    assert wire.OURS in wire.StreamDelta.model_fields["offset"].metadata
    assert wire.OURS in wire.Version.model_fields["antiphon"].metadata
    assert wire.OURS in wire.ReadMark.model_fields["last_read_at"].metadata
